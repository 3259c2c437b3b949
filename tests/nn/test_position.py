"""Sine positions: by hand, padding, bad input; golden values: test_parity_table, test_r2vos_golden."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rvos_edu.nn.position import centred_sine_positions, sine_positions, word_positions


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


def test_centres_by_hand() -> None:
    """The centres of two rows are at a quarter and three quarters of 2 pi, that of the only column at pi."""
    codes = centred_sine_positions(torch.zeros(1, 2, 1, dtype=torch.bool), 8)[0]  # [2, 1, 8]
    for row, angle in ((0, math.pi / 2), (1, 3 * math.pi / 2)):
        expected = [f(a) for a in (angle, angle / 100) for f in (math.sin, math.cos)]
        assert codes[row, 0, :4].tolist() == pytest.approx(expected, abs=1e-5)
    column = [f(a) for a in (math.pi, math.pi / 100) for f in (math.sin, math.cos)]
    assert codes[0, 0, 4:].tolist() == pytest.approx(column, abs=1e-5)


def test_words_by_hand() -> None:
    """Of two words the first is at pi, the second at 2 pi; wavelengths 1 and 100."""
    codes = word_positions(torch.tensor([[False, False, True]]), 4)[0]  # [3, 4]
    for word, angle in ((0, math.pi), (1, 2 * math.pi)):
        expected = [f(a) for a in (angle, angle / 100) for f in (math.sin, math.cos)]
        assert codes[word].tolist() == pytest.approx(expected, abs=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 3), st.integers(0, 3))
def test_padding_does_not_move_centres(height: int, width: int, below: int, right: int) -> None:
    padding = torch.ones(1, height + below, width + right, dtype=torch.bool)
    padding[:, :height, :width] = False
    alone = centred_sine_positions(torch.zeros(1, height, width, dtype=torch.bool), 16)
    assert torch.allclose(centred_sine_positions(padding, 16)[:, :height, :width], alone, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=9))
def test_padding_anywhere_does_not_move_words(padded: list[bool]) -> None:
    padding = torch.tensor([padded])
    alone = (
        word_positions(torch.zeros(1, padded.count(False), dtype=torch.bool), 8) if not all(padded) else None
    )
    codes = word_positions(padding, 8)
    assert codes.isfinite().all()
    assert alone is None or torch.allclose(codes[~padding], alone[0], atol=1e-6)


def test_widths_of_the_others() -> None:
    with pytest.raises(ValueError, match="multiple of 4 .*got 10"):
        centred_sine_positions(torch.zeros(1, 2, 2, dtype=torch.bool), 10)
    with pytest.raises(ValueError, match="even .*got 7"):
        word_positions(torch.zeros(1, 2, dtype=torch.bool), 7)
