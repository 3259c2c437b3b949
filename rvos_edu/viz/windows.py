"""Windows of tokens in space and time, and maps of numbers over frames (Video Swin; MTTR, section 3.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.patches import Circle
from numpy.typing import ArrayLike, NDArray

from rvos_edu.viz.overlay import EDGE
from rvos_edu.viz.style import (
    BLACK,
    HEAT,
    PALETTE,
    SKY,
    WIDTH,
    YELLOW,
    Figure,
    bare,
    new_figure,
    styled,
    wrapped,
)

CAPTION, BAR = 1.25, 0.09  # widths of the caption and of the colour bar, in inches
TALLEST = 2.2  # inches of one row
HUES = [colour for colour in PALETTE if colour != BLACK]
FULL = (0.5, 0.22)  # how full the tints of windows are: 14 that differ
NO, YES = "#E4E4E4", SKY  # cells of a map of truth values
Rows = Mapping[str, ArrayLike]


@styled
def window_rows(
    rows: Rows,
    *,
    colours: Rows | None = None,
    labels: Sequence[str] | None = None,
    height: float = TALLEST,
    title: str | None = None,
) -> Figure:
    """Which window every token belongs to: one row per way of cutting, one picture per frame.

    Every piece carries its number in its middle; thick lines part tokens of different colour.

    Args:
        rows: caption -> int [T, h, w], the number of each token's window.
        colours: caption -> int [T, h, w], where the colour is not that of the number.
        labels: T names of the columns; default "frame 0", ...
        height: largest height of a row, in inches.
        title: of the figure.

    Raises:
        ValueError: if there is no row, or shapes or numbers of labels do not fit.
    """
    numbers = _check("rows", rows)
    groups = numbers if colours is None else _check("colours", colours)
    if any(array.ndim != 3 or not np.issubdtype(array.dtype, np.integer) for array in numbers.values()):
        raise ValueError("rows must be whole numbers [T, h, w]")
    if {k: v.shape for k, v in groups.items()} != {k: v.shape for k, v in numbers.items()}:
        raise ValueError("colours must have the captions and shapes of rows")
    figure, grid = _grid(numbers, labels, title, height, bar=False)
    tints = np.array([np.array(to_rgb(colour)) * full + 1 - full for full in FULL for colour in HUES])
    for line, (caption, values) in zip(grid, numbers.items(), strict=True):
        for axes, group, number in zip(line[1:], groups[caption], values, strict=True):
            axes.imshow(tints[group % len(tints)], interpolation="nearest")
            _borders(axes, group)
            for value, colour in np.unique(np.stack([number.ravel(), group.ravel()], 1), axis=0):
                y, x = np.argwhere((number == value) & (group == colour)).mean(0)
                axes.text(x, y, str(value), ha="center", va="center", fontsize=9, color="#222222")
    return figure


@styled
def frame_rows(
    rows: Rows,
    *,
    labels: Sequence[str] | None = None,
    marks: Sequence[tuple[int, int, int]] = (),
    height: float = TALLEST,
    title: str | None = None,
) -> Figure:
    """Maps over frames: one row per quantity, one picture per frame, one colour scale per row.

    Args:
        rows: caption -> numbers or truth values [T, h, w], or pictures [T, h, w, 3] (uint8, or floats in
            0..1).
        labels: T names of the columns; default "frame 0", ...
        height: largest height of a row, in inches.
        marks: (frame, row, column) of cells to ring in every map.
        title: of the figure.

    Raises:
        ValueError: if there is no row, or shapes or numbers of labels do not fit.
    """
    values = _check("rows", rows)
    figure, grid = _grid(values, labels, title, height, bar=any(map(_has_scale, values.values())))
    for line, array in zip(grid, values.values(), strict=True):
        low, high = (float(min(array.min(), 0)), float(array.max()) or 1.0) if _has_scale(array) else (0, 1)
        colours = ListedColormap([NO, YES]) if array.dtype == bool else HEAT
        for t, (axes, picture) in enumerate(zip(line[1:], array, strict=False)):
            image = axes.imshow(picture, cmap=colours, vmin=low, vmax=high, interpolation="nearest")
            if array.ndim == 3:
                _ring(axes, [(y, x) for frame, y, x in marks if frame == t])
        if _has_scale(array):
            bar = figure.colorbar(image, cax=line[-1])
            bar.outline.set_visible(False)
            bar.ax.tick_params(labelsize=7, length=2)
    return figure


def _has_scale(array: NDArray[Any]) -> bool:
    """Whether a row is a map of numbers, which needs a colour bar."""
    return array.ndim == 3 and array.dtype != bool


def _ring(axes: Axes, cells: Sequence[tuple[int, int]]) -> None:
    for y, x in cells:
        ring = Circle((x, y), 0.5, fill=False, color=YELLOW, linewidth=1.3, path_effects=EDGE, clip_on=False)
        axes.add_patch(ring)


def _check(name: str, rows: Rows) -> dict[str, NDArray[Any]]:
    """The rows as arrays with the same number of frames."""
    arrays = {caption: np.asarray(values) for caption, values in rows.items()}
    if not arrays:
        raise ValueError(f"{name} must hold at least one row, got none")
    for caption, array in arrays.items():
        colour = array.ndim == 4 and array.shape[-1] == 3
        if not array.size or not (array.ndim == 3 or colour):
            raise ValueError(f"{name}[{caption!r}] must be [T, h, w] or [T, h, w, 3], got {array.shape}")
    counts = {caption: len(array) for caption, array in arrays.items()}
    if len(set(counts.values())) > 1:
        raise ValueError(f"{name} must all have the same number of frames, got {counts}")
    return arrays


def _grid(
    rows: Mapping[str, NDArray[Any]],
    labels: Sequence[str] | None,
    title: str | None,
    height: float,
    *,
    bar: bool,
) -> tuple[Figure, NDArray[Any]]:
    """A figure with captions at the left, a column per frame and, with `bar`, one for colour bars."""
    count = len(next(iter(rows.values())))
    if labels is not None and len(labels) != count:
        raise ValueError(f"labels must be one per column, {count}, got {len(labels)}")
    cell = (WIDTH - CAPTION - 4 * BAR) / count
    heights = [min(cell * array.shape[1] / array.shape[2], height) for array in rows.values()]
    cell = max(h * array.shape[2] / array.shape[1] for h, array in zip(heights, rows.values(), strict=True))
    widths = [CAPTION, *[cell] * count, *([BAR] if bar else [])]
    size = sum(heights) + 0.08 * len(heights) + 0.3 + (0.4 if title else 0)
    figure = new_figure(size, title=title, width=sum(widths) + 0.06 * count + (0.35 if bar else 0))
    grid = figure.subplots(len(rows), len(widths), squeeze=False, width_ratios=widths, height_ratios=heights)
    for line, (caption, array) in zip(grid, rows.items(), strict=True):
        for axes in line:
            bare(axes)
        line[0].text(0, 0.5, wrapped(caption, 19), va="center", fontsize=9, transform=line[0].transAxes)
        if bar and not _has_scale(array):
            line[-1].set_visible(False)
    for t, axes in enumerate(grid[0, 1 : 1 + count]):
        axes.set_title(labels[t] if labels is not None else f"frame {t}", pad=3, fontsize=9)
    return figure, grid


def _borders(axes: Axes, group: NDArray[Any]) -> None:
    """Thin lines between tokens, thick ones between groups."""
    height, width = group.shape
    for y, x in np.argwhere(group[1:] != group[:-1]):
        _thick(axes, [x - 0.5, x + 0.5], [y + 0.5, y + 0.5])
    for y, x in np.argwhere(group[:, 1:] != group[:, :-1]):
        _thick(axes, [x + 0.5, x + 0.5], [y - 0.5, y + 0.5])
    axes.hlines(np.arange(1, height) - 0.5, -0.5, width - 0.5, color="white", linewidth=0.6, zorder=1)
    axes.vlines(np.arange(1, width) - 0.5, -0.5, height - 0.5, color="white", linewidth=0.6, zorder=1)
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)


def _thick(axes: Axes, x: list[float], y: list[float]) -> None:
    axes.plot(x, y, color="#222222", linewidth=2.0, solid_capstyle="butt")
