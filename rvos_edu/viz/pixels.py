"""Small grids of pixels, large enough to count: toy masks, object ids, outlines, windows of frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch
from numpy.typing import NDArray

from rvos_edu.viz.style import WIDTH, Figure, new_figure, styled

EMPTY = "#F4F4F4"  # cells whose value has no colour
SHORT_SIDE = 1.5  # inches that a grid of few rows may take at most per panel


@dataclass(frozen=True)
class PixelPanel:
    """One grid.

    Args:
        values: whole numbers [h, w], one per cell.
        colours: value -> colour; other cells stay pale.
        title: above the grid.
        numbers: write the value into each coloured cell.
        xlabel, ylabel: what columns and rows are; empty for pixels.
        rows: h names for the rows, where they have any.
    """

    values: NDArray[np.integer]
    colours: Mapping[int, str]
    title: str = ""
    numbers: bool = False
    xlabel: str = ""
    ylabel: str = ""
    rows: Sequence[str] = ()


@styled
def pixel_panels(
    panels: Sequence[PixelPanel], *, names: Mapping[str, str] | None = None, title: str | None = None
) -> Figure:
    """Grids side by side, every cell of the same size.

    Args:
        panels: from left to right.
        names: colour -> what it means, written below.
        title: of the figure.

    Raises:
        ValueError: if there is no panel, values are no [h, w] of whole numbers, or names of rows do not fit.
    """
    if not panels:
        raise ValueError("pixel_panels needs at least one panel, got none")
    for panel in panels:
        _check(panel)
    widths = [panel.values.shape[1] for panel in panels]
    tallest = max(panel.values.shape[0] for panel in panels)
    cell = min((WIDTH - 0.4 * len(panels)) / sum(widths), max(0.26, SHORT_SIDE * 2 / tallest))
    extra = 0.45 + 0.3 * any(p.xlabel for p in panels) + 0.4 * bool(title) + 0.3 * bool(names)
    figure = new_figure(tallest * cell + extra, title=title, h_pad=0.08)
    grid = figure.subplots(1, len(panels), squeeze=False, width_ratios=widths)[0]
    for axes, panel in zip(grid, panels, strict=True):
        _draw(axes, panel)
    if names:
        handles = [Patch(facecolor=c, edgecolor="#999999", label=text) for c, text in names.items()]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def cell_colours(panel: PixelPanel) -> NDArray[np.float64]:
    """RGB in 0..1 [h, w, 3] of the cells."""
    picture = np.empty((*panel.values.shape, 3))
    picture[:] = to_rgb(EMPTY)
    for value, colour in panel.colours.items():
        picture[panel.values == value] = to_rgb(colour)
    return picture


def _check(panel: PixelPanel) -> None:
    values = np.asarray(panel.values)
    if values.ndim != 2 or not values.size or values.dtype.kind not in "iu":
        raise ValueError(f"values must be whole numbers [h, w], got {values.dtype} {values.shape}")
    if panel.rows and len(panel.rows) != len(values):
        raise ValueError(f"rows must be one name per row, {len(values)}, got {len(panel.rows)}")


def _draw(axes: Axes, panel: PixelPanel) -> None:
    height, width = panel.values.shape
    picture = cell_colours(panel)
    axes.imshow(picture, interpolation="nearest")
    axes.set_xticks(np.arange(-0.5, width), minor=True)
    axes.set_yticks(np.arange(-0.5, height), minor=True)
    axes.grid(which="minor", color="white", linewidth=1.2)
    axes.tick_params(which="both", length=0, labelsize=8)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_xticks(range(width) if panel.xlabel else [])
    axes.set_yticks(range(height) if panel.rows else [], panel.rows or None)
    axes.set_xlabel(panel.xlabel)
    axes.set_ylabel(panel.ylabel)
    axes.set_title(panel.title, pad=5, fontsize=9)
    if not panel.numbers:
        return
    for (y, x), value in np.ndenumerate(panel.values):
        if int(value) in panel.colours:
            dark = picture[y, x] @ (0.3, 0.59, 0.11) < 0.55
            axes.text(
                x, y, str(value), ha="center", va="center_baseline", fontsize=8,
                color="white" if dark else "black",
            )  # fmt: skip
