"""Sine positions: by hand, padding, bad input; golden values are in test_parity_table."""

from __future__ import annotations

import math

import pytest
import torch

from rvos_edu.nn.position import sine_positions


def test_by_hand() -> None:
    """The rows of a 2x1 map are at pi and 2 pi, the only column at 2 pi; wavelengths 1 and 100."""
    codes = sine_positions(torch.zeros(1, 2, 1, dtype=torch.bool), 8)[0]  # [2, 1, 8]
    for row, angle in ((0, math.pi), (1, 2 * math.pi)):
        expected = [f(a) for a in (angle, angle / 100) for f in (math.sin, math.cos)]
        assert codes[row, 0, :4].tolist() == pytest.approx(expected, abs=1e-5)
    column = [f(a) for a in (2 * math.pi, 2 * math.pi / 100) for f in (math.sin, math.cos)]
    assert codes[0, 0, 4:].tolist() == pytest.approx(column, abs=1e-5)


def test_padding_does_not_move_real_pixels() -> None:
    padding = torch.ones(1, 5, 7, dtype=torch.bool)
    padding[:, :3, :4] = False
    alone = sine_positions(torch.zeros(1, 3, 4, dtype=torch.bool), 16)
    assert torch.allclose(sine_positions(padding, 16)[:, :3, :4], alone, atol=1e-6)


def test_all_padding_is_finite() -> None:
    assert sine_positions(torch.ones(1, 2, 2, dtype=torch.bool), 8).isfinite().all()


def test_odd_width_is_an_error() -> None:
    with pytest.raises(ValueError, match="multiple of 4 .*got 6"):
        sine_positions(torch.zeros(1, 2, 2, dtype=torch.bool), 6)
