"""A vote while it is counted: the sum of every query after each frame."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from rvos_edu.viz.style import BLUE, GREY, VERMILION, Figure, new_figure, styled

NAMED = 3  # rivals that get a colour and a name


@styled
def vote_race(probabilities: ArrayLike, *, title: str | None = None) -> Figure:
    """One line per query: its votes after 0, 1, ..., T frames; the final winner is red, the best rivals blue.

    A dot marks the leader after each frame: where it leaves the red line, an earlier count would have chosen
    another query.

    Args:
        probabilities: [N, T] in 0..1.
        title: the sentence.

    Raises:
        ValueError: if the shape or a value does not fit.
    """
    values = np.asarray(probabilities, np.float64)
    if values.ndim != 2 or not values.size:
        raise ValueError(f"probabilities must be [N, T], got shape {values.shape}")
    if not (values.min() >= 0 and values.max() <= 1):
        raise ValueError(f"probabilities must be in 0..1, got {values.min():g}..{values.max():g}")
    counted = np.pad(values.cumsum(1), ((0, 0), (1, 0)))  # [N, T + 1]
    order = np.argsort(-counted[:, -1], kind="stable")
    figure = new_figure(2.9 + (0.4 if title else 0), title=title)
    axes = figure.subplots()
    for place, query in reversed(list(enumerate(order))):
        _line(axes, counted[query], int(query), place)
    leaders = counted[:, 1:].argmax(0)
    steps = np.arange(1, counted.shape[1])
    axes.scatter(
        steps,
        counted[leaders, steps],
        s=34,
        color="white",
        edgecolors="black",
        zorder=4,
        label="leader so far",
    )
    axes.set_xlim(0, counted.shape[1] - 0.2)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("frames counted")
    axes.set_ylabel("votes so far")
    axes.locator_params(axis="x", integer=True)
    axes.grid()
    axes.legend(loc="upper left")
    return figure


def _line(axes: Axes, votes: NDArray[np.float64], query: int, place: int) -> None:
    """The line of the query that comes in at `place` (0: first)."""
    named = place <= NAMED
    colour = VERMILION if place == 0 else BLUE if named else "#CCCCCC"
    axes.plot(
        votes, color=colour, linewidth=2.6 if place == 0 else 1.3, zorder=3 if named else 2,
        alpha=1.0 if place == 0 else 0.8,
    )  # fmt: skip
    if place <= 1 or (named and votes[-1] > 0.1 * (len(votes) - 1)):
        axes.annotate(
            f"query {query}", (len(votes) - 1, votes[-1]), xytext=(5, 0), textcoords="offset points",
            va="center", fontsize=9, color=colour if named else GREY,
            fontweight="bold" if place == 0 else "normal", annotation_clip=False,
        )  # fmt: skip
