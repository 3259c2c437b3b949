"""Several runs, or several schedules, in the same axes: one line each, one panel per quantity."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from rvos_edu.viz.style import GREY, PALETTE, Figure, new_figure, styled

Line = tuple[ArrayLike, ArrayLike]  # x [n] and y [n]


@styled
def line_panels(
    panels: Mapping[str, Mapping[str, Line]],
    *,
    xlabel: str = "step",
    levels: Mapping[str, tuple[float, str]] | None = None,
    title: str | None = None,
) -> Figure:
    """Panels side by side, each with named lines; a name has the same colour in all of them.

    Args:
        panels: label of the vertical axis -> name of the line -> (x [n], y [n]).
        xlabel: of all panels.
        levels: label of a panel -> (height, words) of a dashed reference line, such as chance.
        title: of the figure.

    Raises:
        ValueError: if there is no panel or no line, x and y differ in length, or a level has no panel.
    """
    _check(panels, levels or {})
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    colour = {name: PALETTE[index % len(PALETTE)] for index, name in enumerate(names)}
    figure = new_figure(3.1 + (0.4 if title else 0), title=title)
    row = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (label, lines) in zip(row, panels.items(), strict=True):
        for name, (x, y) in lines.items():
            marker = "o" if np.size(x) <= 12 else None
            axes.plot(
                np.asarray(x), np.asarray(y), color=colour[name], label=name, marker=marker, markersize=4
            )
        axes.set(xlabel=xlabel, ylabel=label)
        axes.set_xlim(left=0)
        axes.grid()
        if levels and label in levels:
            _level(axes, *levels[label])
    handles = {
        text: line for axes in row for line, text in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend([handles[n] for n in names], names, loc="outside lower center", ncols=min(4, len(names)))
    return figure


def _level(axes: Axes, height: float, words: str) -> None:
    axes.axhline(height, color=GREY, linestyle="--", linewidth=1.2, zorder=1)
    axes.annotate(
        words, (1, height), xycoords=("axes fraction", "data"), xytext=(-3, 3), textcoords="offset points",
        ha="right", color=GREY, fontsize=9,
    )  # fmt: skip


def _check(panels: Mapping[str, Mapping[str, Line]], levels: Mapping[str, tuple[float, str]]) -> None:
    if not panels or not all(panels.values()):
        raise ValueError(f"line_panels needs at least one line in every panel, got {list(panels)}")
    for label, lines in panels.items():
        for name, (x, y) in lines.items():
            if np.shape(x) != np.shape(y) or np.ndim(x) != 1:
                raise ValueError(f"{name!r} in {label!r}: x {np.shape(x)} and y {np.shape(y)} must be [n]")
    unknown = [label for label in levels if label not in panels]
    if unknown:
        raise ValueError(f"a level for {unknown[0]!r}, but the panels are {list(panels)}")
