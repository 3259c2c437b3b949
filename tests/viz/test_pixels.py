"""Grids of pixels: colours, numbers, sizes, and what is refused."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from rvos_edu.viz.pixels import EMPTY, PixelPanel, cell_colours, pixel_panels

IDS = np.array([[0, 1, 1, 0], [0, 2, 7, 0]])


def words(figure) -> list[str]:
    return [t.get_text() for t in figure.findobj(matplotlib.text.Text) if t.get_text()]


def test_cells_have_the_colour_of_their_value() -> None:
    shown = cell_colours(PixelPanel(IDS, {1: "red", 2: "blue"}))
    np.testing.assert_array_equal(shown[0, 1], (1, 0, 0))
    np.testing.assert_array_equal(shown[1, 1], (0, 0, 1))
    np.testing.assert_allclose(shown[0, 0], to_rgb(EMPTY))
    np.testing.assert_allclose(shown[1, 2], to_rgb(EMPTY))


def test_panels_stand_side_by_side_with_numbers_rows_and_names() -> None:
    first = PixelPanel(IDS, {1: "red", 2: "blue"}, title="ids", numbers=True)
    second = PixelPanel(IDS[:, :2], {1: "red"}, xlabel="frame", rows=("a", "b"))
    figure = pixel_panels([first, second], names={"red": "object"}, title="masks")
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), cell_colours(first))
    assert [t.get_text() for t in figure.axes[0].texts] == ["1", "1", "2"]
    assert not figure.axes[1].texts and figure.axes[0].get_title() == "ids"
    assert {"a", "b", "frame", "object", "masks"} <= set(words(figure))
    assert figure.to_png().startswith(b"\x89PNG")
    boxes = [axes.get_window_extent() for axes in figure.axes]
    cells = [box.width / panel.values.shape[1] for box, panel in zip(boxes, (first, second), strict=True)]
    assert cells[0] == pytest.approx(cells[1], rel=0.05)


def test_numbers_stand_out_from_their_cell() -> None:
    panel = PixelPanel(np.array([[1, 2]]), {1: "black", 2: "yellow"}, numbers=True)
    assert [t.get_color() for t in pixel_panels([panel]).axes[0].texts] == ["white", "black"]


@pytest.mark.parametrize(
    ("panels", "message"),
    [
        ([], "at least one panel"),
        ([PixelPanel(np.zeros((2, 2)), {})], "whole numbers"),
        ([PixelPanel(np.zeros(3, int), {})], "whole numbers"),
        ([PixelPanel(IDS, {}, rows=("a",))], "one name per row, 2, got 1"),
    ],
)
def test_bad_panels_are_refused(panels, message) -> None:
    with pytest.raises(ValueError, match=message):
        pixel_panels(panels)
