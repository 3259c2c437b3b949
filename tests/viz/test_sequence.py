"""Figures of the multimodal sequence: kinds of tokens, numbers of cells, codes, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex

from rvos_edu.viz.sequence import KINDS, sequence_codes, sequence_strip

FRAMES = np.zeros((2, 8, 12, 3), np.uint8)
TOKENS = [["<s>", "Ġred", "</s>"], ["<s>", "</s>", "<pad>"]]


def test_strip_colours_each_kind_and_numbers_the_cells() -> None:
    padding = np.zeros((2, 6 + 3), bool)
    padding[1, [2, 5, 8]] = True
    figure = sequence_strip(FRAMES, (2, 3), TOKENS, padding)
    picture, _, _, strip = figure.axes
    assert [text.get_text() for text in picture.texts] == ["0", "1", "2", "3", "4", "5"]
    colours = [to_hex(bar.get_facecolor()).lower() for bar in strip.patches]
    pixel, padded_pixel, word, padded_word = (to_hex(colour).lower() for colour in KINDS.values())
    assert colours == [pixel, pixel, padded_pixel] * 2 + [word, word, padded_word]
    assert [text.get_text() for text in strip.texts] == ["0", "3", "<s>", "</s>", "<pad>"]


def test_strip_refuses_a_mask_of_another_length() -> None:
    with pytest.raises(ValueError, match=r"\[R, S\] = \(2, 9\).*got \(2, 8\)"):
        sequence_strip(FRAMES, (2, 3), TOKENS, np.zeros((2, 8), bool))


def test_codes_are_one_column_per_token() -> None:
    codes = np.random.default_rng(0).uniform(-1, 1, (9, 4))
    figure = sequence_codes(codes, 6)
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), codes.T)
    with pytest.raises(ValueError, match="S > 9 pixels"):
        sequence_codes(codes, 9)
