"""Matrices with numbers and maps, through their artists and arrays."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from rvos_edu.viz.matrices import map_panels, matrix_panels

SCORES = np.array([[4.0, 0.0, -1.5], [2.0, 1.0, -np.inf]])


def test_every_number_is_written_and_a_masked_one_is_grey() -> None:
    figure = matrix_panels({"scores": SCORES, "again": SCORES}, ["a", "b"], ["x", "y", "z"])
    left, right = figure.axes
    texts = [text.get_text() for text in left.texts]
    assert texts == ["4.00", "0.00", "-1.50", "2.00", "1.00", "$-\\infty$"]
    shown = left.images[0].get_array()
    assert shown.mask.tolist() == [[False] * 3, [False, False, True]]
    assert left.images[0].get_clim() == (-1.5, 4.0)
    assert [label.get_text() for label in left.get_yticklabels()] == ["a", "b"]
    assert [axes.get_title() for axes in (left, right)] == ["scores", "again"]


def test_equal_numbers_have_a_scale_too() -> None:
    assert matrix_panels({"m": np.ones((1, 2))}, ["a"], ["x", "y"]).to_jpeg()[:2] == b"\xff\xd8"


def test_a_matrix_must_fit_its_names() -> None:
    with pytest.raises(ValueError, match=r"m must be \[R, C\] = \[1, 3\], got \(2, 3\)"):
        matrix_panels({"m": SCORES}, ["a"], ["x", "y", "z"])


def test_maps_share_one_scale_and_mark_a_cell() -> None:
    maps = {f"channel {c}": np.full((2, 3), c - 1.0) for c in range(5)}
    figure = map_panels(maps, signed=True, cells=[(1, 2)] * 5, columns=4, title="codes")
    drawn = [axes for axes in figure.axes if axes.images and axes.get_title()]
    assert [axes.get_title() for axes in drawn] == list(maps)
    assert {axes.images[0].get_clim() for axes in drawn} == {(-3.0, 3.0)}
    np.testing.assert_array_equal(drawn[4].images[0].get_array(), np.full((2, 3), 3.0))
    [edge] = [patch for patch in drawn[0].patches if isinstance(patch, Rectangle)]
    assert edge.get_xy() == (1.5, 0.5)
    plain = map_panels(maps, signed=False)
    assert plain.axes[0].images[0].get_clim() == (-1.0, 3.0) and not plain.axes[0].patches


def test_maps_of_one_size_only() -> None:
    with pytest.raises(ValueError, match=r"one size, got \[\(2, 3\), \(3, 2\)\]"):
        map_panels({"a": np.zeros((2, 3)), "b": np.zeros((3, 2))}, signed=True)
    with pytest.raises(ValueError, match="cells must be one per map, 1, got 2"):
        map_panels({"a": np.zeros((2, 3))}, signed=True, cells=[(0, 0), (1, 1)])
