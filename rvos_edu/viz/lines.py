"""Named lines in diagrams side by side: losses, runs, schedules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from rvos_edu.viz.style import GREY, PALETTE, Figure, new_figure, styled

FEW = 12  # up to so many points are marked


@dataclass(frozen=True)
class Panel:
    """One diagram of `line_panels`.

    Args:
        lines: name -> (x [n], y [n]).
        x, y: labels of the axes.
        title: above the diagram.
        logarithmic: whether y is.
        level: (height, words) of a dashed reference line, such as chance.
    """

    lines: Mapping[str, tuple[ArrayLike, ArrayLike]]
    x: str
    y: str = ""
    title: str = ""
    logarithmic: bool = False
    level: tuple[float, str] | None = None


@styled
def line_panels(panels: Sequence[Panel], *, title: str | None = None) -> Figure:
    """Diagrams in a row; the same name has the same colour in all of them.

    Raises:
        ValueError: if there is no panel, a panel has no line, or a line's x and y are not both [n].
    """
    _check(panels)
    names = list(dict.fromkeys(name for panel in panels for name in panel.lines))
    colours = {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(names)}
    figure = new_figure(2.9 + (0.4 if title else 0), title=title)
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for name, (x, y) in panel.lines.items():
            marker = "o" if np.shape(x)[0] <= FEW else None
            axes.plot(np.asarray(x), np.asarray(y), color=colours[name], marker=marker, markersize=4)
        axes.set(xlabel=panel.x, ylabel=panel.y, title=panel.title)
        axes.set_yscale("log" if panel.logarithmic else "linear")
        axes.grid()
        if panel.level:
            _level(axes, *panel.level)
    handles = [Line2D([], [], color=colours[name], label=name) for name in names]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(names), 5))
    return figure


def _level(axes: Axes, height: float, words: str) -> None:
    axes.axhline(height, color=GREY, linestyle="--", linewidth=1.2, zorder=1)
    axes.annotate(
        words, (1, height), xycoords=("axes fraction", "data"), xytext=(-3, -3), textcoords="offset points",
        ha="right", va="top", color=GREY, fontsize=9,
    )  # fmt: skip


def _check(panels: Sequence[Panel]) -> None:
    if not panels or not all(panel.lines for panel in panels):
        raise ValueError(f"line_panels needs at least one line in every panel, got {list(panels)}")
    for panel in panels:
        for name, (x, y) in panel.lines.items():
            if np.shape(x) != np.shape(y) or np.ndim(x) != 1:
                raise ValueError(f"line {name!r}: x {np.shape(x)} and y {np.shape(y)} must be [n]")
