"""Small matrices with their numbers, and maps [h, w] side by side: scores, weights, position codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray

from rvos_edu.viz.style import HEAT, VERMILION, WIDTH, Figure, bare, new_figure, styled

MASKED = "#DDDDDD"
SIGNED = "PuOr_r"  # diverging around 0, safe for colour-blind readers


@styled
def matrix_panels(
    panels: Mapping[str, ArrayLike],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    digits: int = 2,
    title: str | None = None,
) -> Figure:
    """Matrices with every number written in, each with its own scale; -inf is grey: masked.

    Args:
        panels: caption -> [R, C], finite or -inf.
        rows, columns: R and C names, the same for all.
        digits: after the point.
        title: of the figure.

    Raises:
        ValueError: if a matrix does not fit the names, or has no finite number.
    """
    matrices = {name: np.asarray(values, float) for name, values in panels.items()}
    for name, matrix in matrices.items():
        if matrix.shape != (len(rows), len(columns)) or not np.isfinite(matrix).any():
            raise ValueError(f"{name} must be [R, C] = [{len(rows)}, {len(columns)}], got {matrix.shape}")
    cell = min(0.8, (WIDTH - 1.4) / (len(matrices) * len(columns) + len(matrices) - 1))
    width = cell * (len(matrices) * len(columns) + 0.7 * (len(matrices) - 1)) + 1.4
    figure = new_figure(0.42 * len(rows) + 0.75 + (0.4 if title else 0), title=title, width=width)
    grid = figure.subplots(1, len(matrices), squeeze=False, sharey=True)[0]
    for axes, (name, matrix) in zip(grid, matrices.items(), strict=True):
        _matrix(axes, matrix, digits)
        axes.set_title(name, pad=6)
        axes.set_xticks(range(len(columns)), columns)
    grid[0].set_yticks(range(len(rows)), rows)
    return figure


def _matrix(axes: Axes, matrix: NDArray[np.float64], digits: int) -> None:
    finite = np.isfinite(matrix)
    low, high = matrix[finite].min(), matrix[finite].max()
    axes.set_facecolor(MASKED)
    shown = np.ma.masked_invalid(matrix)
    axes.imshow(shown, cmap=HEAT, vmin=low, vmax=high if high > low else low + 1, aspect="auto")
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    for (r, c), value in np.ndenumerate(matrix):
        dark = finite[r, c] and value < low + 0.6 * (high - low)
        text = f"{value:.{digits}f}" if finite[r, c] else "$-\\infty$"
        axes.text(c, r, text, ha="center", va="center", fontsize=9, color="white" if dark else "black")


@styled
def map_panels(
    maps: Mapping[str, ArrayLike],
    *,
    signed: bool,
    cells: Sequence[tuple[int, int]] = (),
    columns: int = 4,
    title: str | None = None,
) -> Figure:
    """Maps of equal size side by side on one scale, cell by cell.

    Args:
        maps: caption -> [h, w].
        signed: colours around 0 (for numbers of both signs), else from the smallest to the largest.
        cells: one (row, column) per map to frame; none by default.
        columns: maps per line.
        title: of the figure.

    Raises:
        ValueError: if maps differ in shape, or there are more or fewer cells than maps.
    """
    arrays = {name: np.asarray(values, float) for name, values in maps.items()}
    shapes = {array.shape for array in arrays.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 2:
        raise ValueError(f"maps must all be [h, w] of one size, got {sorted(shapes)}")
    if cells and len(cells) != len(arrays):
        raise ValueError(f"cells must be one per map, {len(arrays)}, got {len(cells)}")
    values = np.stack(list(arrays.values()))
    reach = np.abs(values).max() or 1.0
    low, high = (-reach, reach) if signed else (values.min(), values.max())
    [(height, width)] = shapes
    columns = min(columns, len(arrays))
    lines = -(-len(arrays) // columns)
    cell = (WIDTH - 0.9) / columns
    tall = lines * (cell * height / width + 0.3) + 0.1 + (0.4 if title else 0)
    figure = new_figure(tall, title=title)
    grid = figure.subplots(lines, columns, squeeze=False)
    for axes in grid.ravel():
        bare(axes)
    for number, (axes, (name, array)) in enumerate(zip(grid.ravel(), arrays.items(), strict=False)):
        image = axes.imshow(array, cmap=SIGNED if signed else HEAT, vmin=low, vmax=high)
        axes.set_title(name, pad=4, fontsize=9)
        if cells:
            row, column = cells[number]
            corner = (column - 0.5, row - 0.5)
            edge = Rectangle(corner, 1, 1, fill=False, edgecolor=VERMILION, linewidth=2.2)
            edge.set_clip_on(False)
            axes.add_patch(edge)
    bar = figure.colorbar(image, ax=list(grid.ravel()), shrink=0.85, pad=0.015, aspect=25)
    bar.outline.set_visible(False)
    return figure
