"""Windows and maps over frames, through their artists and arrays."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.patches import Circle

from rvos_edu.viz.style import PALETTE
from rvos_edu.viz.windows import frame_rows, window_rows

T, H, W = 2, 3, 4
CUT = np.arange(W)[None, None] // 2 + 2 * (np.arange(H)[None, :, None] // 2) + np.zeros((T, 1, 1), int)


def texts(axes: object) -> list[str]:
    return [text.get_text() for text in axes.texts]  # type: ignore[attr-defined]


def test_every_window_has_its_colour_and_its_number_in_its_middle() -> None:
    figure = window_rows({"plain": CUT}, title="windows")
    caption, *frames = figure.axes
    assert texts(caption) == ["plain"] and len(frames) == T
    assert [axes.get_title() for axes in frames] == ["frame 0", "frame 1"]
    for axes in frames:
        assert texts(axes) == ["0", "1", "2", "3"]
        assert [t.get_position() for t in axes.texts] == [(0.5, 0.5), (2.5, 0.5), (0.5, 2.0), (2.5, 2.0)]
        (image,) = axes.images
        colour = np.asarray(image.get_array())
        np.testing.assert_allclose(colour[0, 0], 0.5 * np.array(to_rgb(PALETTE[0])) + 0.5)
        assert (colour[0, 0] == colour[1, 1]).all() and (colour[0, 0] != colour[0, 2]).any()


def test_a_window_in_two_colours_is_numbered_twice_and_rows_keep_their_height() -> None:
    figure = window_rows({"a": np.zeros_like(CUT)}, colours={"a": CUT}, height=0.5)
    assert texts(figure.axes[1]) == ["0"] * 4
    assert figure.get_figheight() < window_rows({"a": CUT}).get_figheight()
    assert figure.get_figwidth() < window_rows({"a": CUT}).get_figwidth()


def test_thick_lines_part_different_colours_only() -> None:
    figure = window_rows({"a": CUT}, colours={"a": np.zeros_like(CUT)})
    assert not figure.axes[1].lines
    lines = window_rows({"a": CUT}).axes[1].lines
    upright = [line.get_xdata()[0] for line in lines if line.get_xdata()[0] == line.get_xdata()[1]]
    level = [line.get_ydata()[0] for line in lines if line.get_ydata()[0] == line.get_ydata()[1]]
    assert upright == [1.5] * H and level == [1.5] * W


def test_a_row_of_numbers_has_one_scale_and_rings_its_marks() -> None:
    values = np.arange(T * H * W, dtype=float).reshape(T, H, W)
    pictures = np.zeros((T, 5, 7, 3), np.uint8)
    figure = frame_rows({"film": pictures, "map": values}, labels=["x", "y"], marks=[(1, 2, 3)])
    columns = T + 2
    film, numbers = figure.axes[:columns], figure.axes[columns : 2 * columns]
    assert not film[-1].get_visible() and film[1].get_title() == "x"
    for axes, picture in zip(numbers[1 : 1 + T], values, strict=True):
        (image,) = axes.images
        np.testing.assert_array_equal(image.get_array(), picture)
        assert image.get_clim() == (0, values.max())
    rings = [[p.center for p in axes.patches if isinstance(p, Circle)] for axes in numbers[1 : 1 + T]]
    assert rings == [[], [(3, 2)]]


def test_truth_values_have_two_colours_and_no_bar() -> None:
    figure = frame_rows({"seen": CUT > 1}, marks=[(0, 0, 0)])
    assert len(figure.axes) == T + 1 and len(figure.axes[1].patches) == 1
    shown = {tuple(figure.axes[1].images[0].to_rgba(v)) for v in (False, True)}
    assert len(shown) == 2


def test_fourteen_windows_differ_in_colour() -> None:
    numbers = np.arange(14).reshape(1, 2, 7)
    colours = np.asarray(window_rows({"a": numbers}).axes[1].images[0].get_array()).reshape(14, 3)
    assert len({tuple(colour) for colour in colours}) == 14


def test_a_map_of_zeros_and_a_single_cell_are_drawn() -> None:
    assert frame_rows({"nothing": np.zeros((1, 1, 1))}).to_jpeg()
    assert window_rows({"one": np.zeros((1, 1, 1), int)}).to_jpeg()


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ({}, {}, "at least one row"),
        ({"a": np.zeros((2, 3))}, {}, r"must be \[T, h, w\]"),
        ({"a": CUT, "b": CUT[:1]}, {}, "same number of frames"),
        ({"a": CUT}, {"labels": ["x"]}, "one per column, 2, got 1"),
    ],
)
def test_bad_rows_are_errors(rows: dict, options: dict, message: str) -> None:
    for draw in (window_rows, frame_rows):
        with pytest.raises(ValueError, match=message):
            draw(rows, **options)


def test_windows_need_whole_numbers_and_fitting_colours() -> None:
    with pytest.raises(ValueError, match="whole numbers"):
        window_rows({"a": CUT / 2})
    with pytest.raises(ValueError, match="captions and shapes"):
        window_rows({"a": CUT}, colours={"b": CUT})
