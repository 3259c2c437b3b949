"""Charts that explain metrics: precision over recall, and scores against the size of a mistake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from rvos_edu.viz.style import BLUE, GREY, ORANGE, PALETTE, Figure, new_figure, styled


@styled
def precision_recall_chart(
    recall: ArrayLike, precision: ArrayLike, envelope: ArrayLike, hits: ArrayLike, *, title: str | None = None
) -> Figure:
    """Precision and recall after each ranked mask, the envelope, and the area below it.

    Args:
        recall, precision, envelope: fractions [M], after the first, second, ... mask of the ranking.
        hits: bool [M], whether that mask found an object.
        title: of the figure.

    Raises:
        ValueError: if the lengths differ or there is nothing to draw.
    """
    x, y, top, found = (np.asarray(v, float) for v in (recall, precision, envelope, hits))
    if not len(x) or not x.shape == y.shape == top.shape == found.shape or x.ndim != 1:
        raise ValueError(
            f"four lists of one length expected, got {x.shape}, {y.shape}, {top.shape}, {found.shape}"
        )
    figure = new_figure(3.0 + 0.4 * bool(title), title=title, width=6.5)
    axes = figure.subplots()
    edges = np.concatenate([[0.0], x])
    axes.stairs(top, edges, baseline=0, fill=True, color=BLUE, alpha=0.15, label="area counted")
    axes.stairs(top, edges, baseline=None, color=BLUE, label="best precision from here on")
    axes.plot(x, y, color=GREY, linewidth=1.2, linestyle=":", zorder=3)
    for kind, colour, name in ((1, BLUE, "a hit"), (0, ORANGE, "a false alarm")):
        chosen = found == kind
        axes.plot(x[chosen], y[chosen], "o", color=colour, markersize=8, label=name, zorder=4)
    for rank, (a, b) in enumerate(zip(x, y, strict=True), 1):
        axes.annotate(
            str(rank), (a, b), ha="center", va="center_baseline", fontsize=7, color="white", zorder=5
        )
    axes.set(xlim=(-0.03, 1.04), ylim=(-0.05, 1.08), xlabel="recall", ylabel="precision")
    axes.grid()
    figure.legend(loc="outside right upper")
    return figure


@styled
def score_chart(
    x: ArrayLike, scores: Mapping[str, Sequence[float]], *, xlabel: str, title: str | None = None
) -> Figure:
    """Several scores in 0..1 against one number, each line named at its end.

    Args:
        x: [M].
        scores: name -> fractions [M].
        xlabel: what `x` is, with its unit.
        title: of the figure.

    Raises:
        ValueError: if there is no score, or a length differs.
    """
    places = np.asarray(x, float)
    if not scores or any(len(values) != len(places) for values in scores.values()):
        raise ValueError(
            f"one or more scores of {len(places)} values expected, got {[*map(len, scores.values())]}"
        )
    figure = new_figure(2.6 + 0.4 * bool(title), title=title, width=6.5)
    axes = figure.subplots()
    for (name, values), colour in zip(scores.items(), PALETTE, strict=False):
        axes.plot(places, values, color=colour, marker="o", markersize=4)
        axes.annotate(
            name, (places[-1], values[-1]), xytext=(7, 0), textcoords="offset points", color=colour,
            va="center_baseline", fontweight="bold", annotation_clip=False,
        )  # fmt: skip
    axes.set(ylim=(0, 1.05), xlabel=xlabel, ylabel="score")
    axes.set_xticks(places)
    axes.grid()
    return figure
