"""A paper's table beside what was measured: one panel per figure, one line per row."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from rvos_edu.viz.style import BLUE, GREY, ORANGE, Figure, new_figure, styled

PANELS = 4  # side by side
LETTERS = 14  # of the note per inch
PAPER: dict[str, Any] = {"color": BLUE, "marker": "o", "linestyle": "", "label": "paper"}
ALONE: dict[str, Any] = {**PAPER, "markerfacecolor": "white", "label": "paper only"}
MEASURED: dict[str, Any] = {"color": ORANGE, "marker": "D", "linestyle": "", "label": "measured here"}
Values = Sequence[float | None]


@styled
def comparison_chart(
    rows: Sequence[str],
    paper: Mapping[str, Values],
    measured: Mapping[str, Values],
    *,
    title: str | None = None,
    note: str = "",
) -> Figure:
    """Dots of the paper and of the measurement, joined by a line.

    Args:
        rows: names, from the top.
        paper, measured: figure -> percent per row; None where there is none.
        title: of the figure.
        note: below it.

    Raises:
        ValueError: if there are no rows or figures, the figures differ, or a length does.
    """
    lengths = {len(values) for values in (*paper.values(), *measured.values())}
    if not rows or not paper or list(paper) != list(measured) or lengths != {len(rows)}:
        raise ValueError(
            f"the same figures for {len(rows)} rows expected, got {list(paper)} and {list(measured)} of "
            f"lengths {sorted(lengths)}"
        )
    down, across = -(-len(paper) // PANELS), min(PANELS, len(paper))
    height = down * (0.9 + 0.32 * len(rows)) + 0.9 + 0.4 * bool(title)
    figure = new_figure(height, title=title)
    grid = figure.subplots(down, across, sharey=True, squeeze=False)
    for axes, (name, printed) in zip(grid.flat, paper.items(), strict=False):
        _panel(axes, printed, measured[name])
        axes.set(title=name, ylim=(len(rows) - 0.5, -0.7))
        axes.set_yticks(range(len(rows)), rows)
    for axes in list(grid.flat)[len(paper) :]:
        axes.set_visible(False)
    handles = [Line2D([], [], **kind) for kind in (PAPER, MEASURED, ALONE)]
    figure.legend(handles=handles, loc="outside right upper")
    width = int(LETTERS * figure.get_size_inches()[0])
    lines = [part for line in (note or "percent").splitlines() for part in textwrap.wrap(line, width)]
    figure.supxlabel("\n".join(lines), fontsize=8, color=GREY, x=0.01, ha="left")
    return figure


def _panel(axes: Axes, printed: Values, found: Values) -> None:
    """One figure of all rows."""
    for y, (paper, measured) in enumerate(zip(printed, found, strict=True)):
        if paper is not None and measured is not None:
            axes.plot((paper, measured), (y, y), color=GREY, linewidth=1.0, zorder=1)
        for value, kind in ((paper, ALONE if measured is None else PAPER), (measured, MEASURED)):
            if value is not None:
                axes.plot(value, y, **kind)
    axes.grid(axis="x")
    axes.margins(x=0.1)
