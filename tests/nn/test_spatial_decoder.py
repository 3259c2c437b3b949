"""Spatial decoder and mask head: shapes of odd maps, kernels by hand, bad width."""

from __future__ import annotations

import pytest
import torch

from rvos_edu.nn.mask_head import MaskHead
from rvos_edu.nn.spatial_decoder import SpatialDecoder


def test_odd_maps() -> None:
    decoder = SpatialDecoder(64, (8, 16), 8)
    laterals = decoder.laterals(torch.randn(2, 8, 9, 15), torch.randn(2, 16, 5, 8))
    assert laterals.stride4.shape == (2, 16, 9, 15) and laterals.stride8.shape == (2, 32, 5, 8)
    assert decoder(torch.randn(2, 64, 3, 4), laterals).shape == (2, 8, 9, 15)


def test_width_must_fit_the_group_norms() -> None:
    with pytest.raises(ValueError, match="multiple of 64.*got 96"):
        SpatialDecoder(96, (8, 16), 8)


def test_masks_are_dot_products() -> None:
    """Two pixels with features (1, 2) and (3, 4), a kernel (10, 100): logits 210 and 430."""
    head = MaskHead(4, 2)
    torch.nn.init.zeros_(head.out.weight)
    head.out.bias.data = torch.tensor([10.0, 100.0])
    pixels = torch.tensor([[[[1.0, 3.0]], [[2.0, 4.0]]]])  # [1, K, 1, 2]
    logits = head(torch.randn(2, 1, 3, 4), pixels)
    assert logits.shape == (2, 1, 3, 1, 2)
    assert logits[0, 0, 0, 0].tolist() == [210.0, 430.0]
