"""A paper's table beside what was measured: one panel per figure, one line per row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from rvos_edu.viz.style import BLUE, GREY, ORANGE, Figure, new_figure, styled

PANELS = 4  # side by side
KINDS = (("paper", BLUE, "o"), ("measured here", ORANGE, "D"))
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
    handles = [Line2D([], [], color=c, marker=m, linestyle="", label=n) for n, c, m in KINDS]
    figure.legend(handles=handles, loc="outside lower right", ncols=2)
    figure.supxlabel(note or "percent", fontsize=8, color=GREY, x=0.01, ha="left")
    return figure


def _panel(axes: Axes, printed: Values, found: Values) -> None:
    """One figure of all rows."""
    for y, (paper, measured) in enumerate(zip(printed, found, strict=True)):
        if paper is not None and measured is not None:
            axes.plot((paper, measured), (y, y), color=GREY, linewidth=1.0, zorder=1)
        elif paper is not None:
            axes.annotate(
                "not measured", (paper, y), xytext=(0, 5), textcoords="offset points", fontsize=7, color=GREY,
                ha="center",
            )  # fmt: skip
    for values, (_, colour, marker) in zip((printed, found), KINDS, strict=True):
        known = [(value, y) for y, value in enumerate(values) if value is not None]
        axes.plot([x for x, _ in known], [y for _, y in known], marker, color=colour, linestyle="")
    axes.grid(axis="x")
    axes.margins(x=0.15)
