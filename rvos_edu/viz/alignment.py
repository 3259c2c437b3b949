"""Telling sentences that fit from those that do not: what a threshold costs, and ROC (R2-VOS, 1(A))."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from rvos_edu.viz.style import BLACK, BLUE, GREEN, GREY, PALETTE, VERMILION, Figure, new_figure, styled

COLOURS = (BLUE, VERMILION, GREEN, BLACK)
LOWEST = -50.0  # percent: where R falls below, its line leaves the diagram


@styled
def threshold_chart(
    thresholds: ArrayLike,
    panels: Mapping[str, Mapping[str, ArrayLike]],
    *,
    mark: float,
    title: str | None = None,
) -> Figure:
    """Figures in percent against the threshold of a filter, one diagram per kind of pairs.

    Args:
        thresholds: [n] in 0..1, ascending.
        panels: kind -> name -> percent [n], nan where there is no value; at most four names, the same in all.
        mark: the threshold that is used; the values there are written at the line.
        title: of the figure.

    Raises:
        ValueError: if there is no line, names or lengths differ, or `mark` lies outside 0..1.
    """
    places = np.asarray(thresholds, float)
    drawn = {k: {n: np.asarray(v, float) for n, v in lines.items()} for k, lines in panels.items()}
    _check(places, drawn, mark)
    figure = new_figure(3.2 + 0.4 * bool(title), title=title)
    grid = figure.subplots(1, len(drawn), squeeze=False, sharey=True)[0]
    known = [values[np.isfinite(values)] for lines in drawn.values() for values in lines.values()]
    low = max(LOWEST, float(min([0.0, *np.concatenate(known)])))
    for axes, (kind, lines) in zip(grid, drawn.items(), strict=True):
        for (name, values), colour in zip(lines.items(), COLOURS, strict=False):
            axes.plot(places, values, color=colour, label=name)
        axes.axvline(mark, color=GREY, linestyle="--", linewidth=1.2, zorder=1)
        _values(axes, places, lines, mark)
        axes.set(title=kind, xlim=(0, 1), ylim=(low - 3, 103), xlabel="threshold of p(does not match)")
        axes.grid()
    grid[0].set_ylabel("percent")
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


def _values(
    axes: Axes, places: NDArray[np.float64], lines: Mapping[str, NDArray[np.float64]], mark: float
) -> None:
    """The values at the marked threshold: a dot on each line, the numbers in a list beside it."""
    found = {name: float(np.interp(mark, places, values)) for name, values in lines.items()}
    for value, colour in zip(found.values(), COLOURS, strict=False):
        axes.plot([mark], [value], "o", color=colour, markersize=5, zorder=4)
    text = "\n".join(f"{value:.1f} {name}" for name, value in found.items() if np.isfinite(value))
    right = mark <= 0.5
    axes.annotate(
        f"at {mark:g}:\n{text}", (mark, 0), xycoords=("data", "axes fraction"), va="bottom",
        xytext=(5 if right else -5, 5), textcoords="offset points", ha="left" if right else "right",
        fontsize=8, color="#333333", bbox={"facecolor": "#FFFFFFD0", "edgecolor": "none", "pad": 2},
    )  # fmt: skip


def _check(
    places: NDArray[np.float64], panels: Mapping[str, Mapping[str, NDArray[np.float64]]], mark: float
) -> None:
    names = [tuple(lines) for lines in panels.values()]
    if not names or not 0 < len(names[0]) <= len(COLOURS) or len(set(names)) > 1:
        raise ValueError(f"one to four lines of the same names in every diagram expected, got {names}")
    for kind, lines in panels.items():
        for name, values in lines.items():
            if values.shape != places.shape or places.ndim != 1:
                raise ValueError(f"{kind}, {name}: {places.shape} values expected, got {values.shape}")
    if not 0 <= mark <= 1:
        raise ValueError(f"mark must be in 0..1, got {mark}")


@styled
def roc_chart(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    marks: Mapping[str, tuple[float, float]],
    mark_name: str = "threshold used",
    title: str | None = None,
) -> Figure:
    """Which share of true sentences is lost to reject which share of false ones.

    Args:
        curves: name, with its area -> (true sentences rejected [n], false ones rejected [n]) in percent.
        marks: name of a curve -> its point at the threshold that is used.
        mark_name: what the points are.
        title: of the figure.

    Raises:
        ValueError: if there is no curve, lengths differ, or a mark belongs to no curve.
    """
    if not curves or not set(marks) <= set(curves):
        raise ValueError(f"marks {[*marks]} must be of curves, got {[*curves]}")
    figure = new_figure(3.9 + 0.4 * bool(title), title=title, width=6.5)
    axes = figure.subplots()
    axes.plot([0, 100], [0, 100], color=GREY, linestyle=":", linewidth=1.2, label="a guess, AUC 50.0")
    for (name, (x, y)), colour in zip(curves.items(), PALETTE, strict=False):
        if np.ndim(x) != 1 or np.shape(x) != np.shape(y):
            raise ValueError(f"{name}: x {np.shape(x)} and y {np.shape(y)} must be [n]")
        axes.plot(np.asarray(x, float), np.asarray(y, float), color=colour, label=name)
        if name in marks:
            axes.plot(*marks[name], "o", color=colour, markersize=7, markeredgecolor="white", zorder=4)
    if marks:
        axes.plot([], [], "o", color=GREY, markersize=7, label=mark_name)
    axes.set(xlim=(-2, 102), ylim=(-2, 102), xlabel="true sentences rejected (%)")
    axes.set_ylabel("false sentences rejected (%)")
    axes.set_aspect("equal")
    axes.grid()
    axes.legend(loc="lower right")
    return figure
