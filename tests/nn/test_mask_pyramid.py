"""Mask pyramid: sizes, toy numbers, bad input; golden values: test_r2vos_golden."""

from __future__ import annotations

import pytest
import torch

from rvos_edu.nn.mask_pyramid import MaskPyramid


@pytest.mark.parametrize("levels", [0, 1, 2])
def test_odd_maps(levels: int) -> None:
    module = MaskPyramid(16, 6, levels, 5)
    memory = [torch.randn(2, 16, 5, 8), torch.randn(2, 16, 3, 4)][:levels]
    assert module(torch.randn(2, 16, 2, 2), memory, torch.randn(2, 6, 9, 15)).shape == (2, 5, 9, 15)


def test_every_map_matters() -> None:
    torch.manual_seed(0)
    module = MaskPyramid(16, 6, 2, 5)
    sizes = ((16, 2), (16, 8), (16, 4), (6, 16))
    maps = [torch.randn(1, channels, side, side) for channels, side in sizes]
    with torch.no_grad():
        expected = module(maps[0], maps[1:3], maps[3])
        for number in range(4):
            changed = [m + torch.randn_like(m) if i == number else m for i, m in enumerate(maps)]
            assert (module(changed[0], changed[1:3], changed[3]) - expected).abs().max() > 1e-3


def test_nearest_enlarging_by_hand() -> None:
    """Laterals that say nothing, blocks that change nothing: each value of the top becomes a square of it."""
    module = MaskPyramid(8, 3, 0, 1)
    lateral, block = module.laterals[0], module.blocks[0]
    torch.nn.init.zeros_(lateral.norm.weight)
    for conv in (block.conv, module.out):
        torch.nn.init.dirac_(conv.weight)
    block.norm.forward = lambda x, padding=None: x
    top = torch.arange(4.0).reshape(1, 1, 2, 2).expand(1, 8, 2, 2)
    with torch.no_grad():
        ours = module(top, [], torch.randn(1, 3, 4, 4))
    assert ours[0, 0].tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]


def test_bad_input() -> None:
    module = MaskPyramid(16, 6, 2, 5)
    with pytest.raises(ValueError, match="expected 2 maps finer than the top, got 1"):
        module(torch.randn(1, 16, 2, 2), [torch.randn(1, 16, 4, 4)], torch.randn(1, 6, 8, 8))
    with pytest.raises(ValueError, match="multiple of 8 .*got 12"):
        MaskPyramid(12, 6, 2, 5)
