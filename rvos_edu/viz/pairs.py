"""Hungarian matching while a model trains: which query each object is matched with, step by step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from rvos_edu.viz.style import BLACK, GREY, PALETTE, Figure, new_figure, styled

DASHES = ("-", "--", ":", "-.", (0, (1, 4)))


@styled
def pairs_through_training(
    queries: NDArray[np.integer],
    *,
    dice: NDArray[np.floating],
    steps: Sequence[int],
    title: str | None = None,
) -> Figure:
    """Which query each object is matched with, step by step, how many pairs change, and their Dice.

    Args:
        queries: [S, I], the query matched with each object.
        dice: [S, I], Dice coefficient of that pair.
        steps: S numbers, ascending.
        title: of the figure.

    Raises:
        ValueError: if the shapes do not fit, or there are fewer than two steps.
    """
    matched, scores = np.asarray(queries), np.asarray(dice)
    if matched.ndim != 2 or scores.shape != matched.shape or len(steps) != len(matched) or len(steps) < 2:
        seen = f"{matched.shape}, {scores.shape} and {len(steps)} steps"
        raise ValueError(f"queries and dice must be [S, I] with one step each, at least two, got {seen}")
    bands = 0.36 * matched.shape[1] + 0.3
    figure = new_figure(bands + 2.6 + (0.4 if title else 0), title=title)
    who, changes, course = figure.subplots(3, 1, sharex=True, height_ratios=[bands, 0.9, 1.5])
    _bands(who, matched, np.asarray(steps))
    changed = (matched[1:] != matched[:-1]).sum(1)
    changes.bar(steps[1:], changed, width=np.diff(steps), align="edge", color=GREY)
    changes.set_ylabel("pairs\nchanged")
    changes.set_ylim(0, matched.shape[1])
    for thing in range(matched.shape[1]):
        style = DASHES[thing % len(DASHES)]  # colours are for queries
        course.plot(steps, scores[:, thing], label=f"object {thing}", color=BLACK, linestyle=style)
    course.set_ylim(0, 1)
    course.set_ylabel("Dice of\nthe pair")
    course.set_xlabel("training step")
    course.legend(loc="lower right", ncols=min(5, matched.shape[1]), handlelength=3)
    course.grid()
    course.set_xlim(steps[0], steps[-1] + 1)
    return figure


def _bands(axes: Axes, matched: NDArray[np.integer], steps: NDArray[np.integer]) -> None:
    """One row per object; a stretch of one colour is one query, its number written where it lasts."""
    ends = np.append(steps[1:], steps[-1] + 1)
    span = ends[-1] - steps[0]
    often = Counter(matched.ravel().tolist()).most_common(6)  # the palette without black and pale yellow
    colours = {query: colour for (query, _), colour in zip(often, PALETTE, strict=False)}
    for thing, column in enumerate(matched.T):
        cuts = [0, *(np.flatnonzero(column[1:] != column[:-1]) + 1), len(column)]
        for first, last in zip(cuts[:-1], cuts[1:], strict=True):
            query, start, width = int(column[first]), steps[first], ends[last - 1] - steps[first]
            axes.barh(
                thing, width, left=start, height=0.85, color=colours.get(query, GREY), edgecolor="white"
            )
            if width > 0.025 * span:
                axes.text(
                    start + width / 2, thing, str(query), ha="center", va="center_baseline", color="white"
                )
    axes.set_yticks(range(matched.shape[1]), [f"object {i}" for i in range(matched.shape[1])])
    axes.set_ylim(matched.shape[1] - 0.5, -0.5)
    axes.tick_params(length=0)
    axes.set_title(
        "number and colour: the matched query (grey: seldom matched)", loc="left", fontsize=9, pad=4
    )
