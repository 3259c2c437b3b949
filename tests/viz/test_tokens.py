"""Figures of tokens: boxes, numbers, similarities, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.patches import FancyBboxPatch
from matplotlib.text import Text

from rvos_edu.viz.tokens import merge_ladder, similarity_panels, token_colour, token_rows


def boxes(figure) -> list[FancyBboxPatch]:
    return figure.findobj(FancyBboxPatch)


def words(figure) -> list[str]:
    return [t.get_text() for t in figure.findobj(Text) if t.get_text()]


def test_ladder_has_a_box_per_symbol_as_wide_as_its_letters() -> None:
    figure = merge_ladder([("Ġ", "r", "e", "d"), ("Ġ", "re", "d"), ("Ġred",)], title="red")
    widths = sorted(round(box.get_width() + 0.1) for box in boxes(figure))
    assert widths == [1, 1, 1, 1, 1, 1, 2, 4]
    assert "␣red" in words(figure) and "re" in words(figure)


def test_ladder_refuses_steps_of_different_texts() -> None:
    with pytest.raises(ValueError, match=r"one text, got \['ab', 'abc'\]"):
        merge_ladder([("a", "b"), ("ab", "c")])


def test_token_rows_name_tokens_and_number_them() -> None:
    tokens = [["<s>", "Ġred", "</s>", "<pad>"], ["<s>", "Ġa", "Ġstar", "</s>"]]
    figure = token_rows(tokens, {"id": [[0, 7, 2, 1], [0, 8, 9, 2]]})
    assert len(boxes(figure)) == 8
    assert {"red", "star", "<pad>", "id", "7", "9"} <= set(words(figure))
    assert len({token_colour(token) for token in ("<s>", "Ġred", "<pad>")}) == 3
    with pytest.raises(ValueError, match=r"mask must be \[B, L\] = \(2, 4\), got \(2, 3\)"):
        token_rows(tokens, {"mask": np.ones((2, 3))})


def test_similarity_panels_draw_the_matrices_on_one_scale() -> None:
    first, second = np.eye(3), -np.eye(3)
    figure = similarity_panels({"before": first, "after": second}, ["red", "blue", "red"])
    left, right = figure.axes[:2]
    np.testing.assert_array_equal(left.images[0].get_array(), first)
    np.testing.assert_array_equal(right.images[0].get_array(), second)
    assert left.images[0].get_clim() == right.images[0].get_clim() == (-1, 1)
    assert [left.get_title(), right.get_title()] == ["before", "after"]
    with pytest.raises(ValueError, match="n = 2"):
        similarity_panels({"before": first}, ["red", "blue"])
