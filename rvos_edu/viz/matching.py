"""Hungarian matching as pictures: cost matrices with their pairs, and the masks of the pairs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from rvos_edu.viz.overlay import outline, tinted
from rvos_edu.viz.style import (
    GREY,
    HEAT,
    PREDICTION,
    TRUTH,
    VERMILION,
    WIDTH,
    Figure,
    check_frames,
    check_masks,
    even,
    new_figure,
    spread,
    styled,
)

Pairs = Sequence[tuple[int, int]]  # (query, object)
NUMBERS = 160  # cells up to which a matrix shows all its numbers
FEW = 4  # rows up to which it is drawn large
RIVALS = 3  # queries per object whose numbers an explorer shows
ROW, COLUMN, LEFT, TOP = 0.25, 0.62, 0.62, 0.75  # inches: a cell, the left edge, above a matrix
SPACE, CAPTION = 0.35, 0.24  # inches between two matrices, above the pictures of a pair
GAP = 3  # pixels between two pictures


@dataclass(frozen=True)
class CostPanel:
    """One cost matrix.

    Args:
        cost: [N, I], a row per query, a column per object.
        pairs: cells with a red frame.
        title: above it.
        note: below it, such as the sum over the pairs.
    """

    cost: NDArray[np.floating]
    pairs: Pairs = ()
    title: str = ""
    note: str = ""


@dataclass(frozen=True)
class MatchingView:
    """One moment of one clip: what every query predicts, and what each pair would cost.

    Args:
        frames: uint8 [A, H, W, 3].
        truth: bool [I, A, H, W], masks of the objects.
        masks: bool [N, A, H, W], predicted.
        dice, reference: [N, I], the two terms of the cost before they are weighed.
        referred: the object that the sentence names.
        title: such as the sentence and the step.

    Raises:
        ValueError: if a type, a shape or the index does not fit.
    """

    frames: NDArray[np.uint8]
    truth: NDArray[np.bool_]
    masks: NDArray[np.bool_]
    dice: NDArray[np.floating]
    reference: NDArray[np.floating]
    referred: int
    title: str = ""

    def __post_init__(self) -> None:
        frames = check_frames("frames", self.frames)
        for mask in (*self.truth, *self.masks):
            check_masks("truth and masks of one sequence", mask, frames)
        shape = (len(self.masks), len(self.truth))
        if np.shape(self.dice) != shape or np.shape(self.reference) != shape:
            seen = f"{np.shape(self.dice)} and {np.shape(self.reference)}"
            raise ValueError(f"dice and reference must be [N, I] = {shape}, got {seen}")
        if not 0 <= self.referred < len(self.truth):
            raise ValueError(f"referred must be in 0..{len(self.truth) - 1}, got {self.referred}")


@styled
def cost_panels(panels: Sequence[CostPanel], *, title: str | None = None) -> Figure:
    """Cost matrices side by side, each on its own scale: bright is cheap; the pairs have a red frame.

    Args:
        panels: from left to right.
        title: of the figure.

    Raises:
        ValueError: if there is no panel, a matrix is no [N, I], or a pair lies outside.
    """
    if not panels:
        raise ValueError("cost_panels needs at least one panel, got none")
    rows = max(len(_checked(panel)) for panel in panels)
    cell = 2 * ROW if rows <= FEW else ROW
    figure = new_figure(TOP + cell * rows + 0.3 + (0.4 if title else 0), title=title)
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        cells = panel.pairs if panel.cost.size > NUMBERS else np.ndindex(panel.cost.shape)
        _matrix(axes, panel, cells)
        axes.axis("off")
        _name_queries(axes, len(panel.cost))
        axes.annotate(
            panel.note, (0, 0), xytext=(0, -14), xycoords="axes fraction", textcoords="offset points"
        )
    return figure


@styled
def matching_explorer(view: MatchingView, pairs: Pairs, *, weights: tuple[float, float]) -> Figure:
    """The two weighed terms and their sum, with the pairs marked, and below them the masks of every pair.

    The matrices of the terms show the numbers of the pairs, the sum also those of each object's three
    cheapest queries.

    Args:
        view: the clip and what the queries predict.
        pairs: (query, object).
        weights: of the Dice and of the reference term.

    Raises:
        ValueError: if a pair lies outside the matrices.
    """
    dice, reference = weights[0] * view.dice, weights[1] * view.reference
    total = _checked(CostPanel(dice + reference, pairs))
    paid = sum(float(total[pair]) for pair in pairs)
    panels = [
        CostPanel(dice, pairs, f"{weights[0]:g} · Dice cost"),
        CostPanel(reference, pairs, f"{weights[1]:g} · reference cost"),
        CostPanel(total, pairs, f"sum: the pairs cost {paid:.2f}"),
    ]
    page = _Page(view)
    figure = new_figure(page.height, title=view.title or None)
    figure.set_layout_engine("none")  # laid out by hand, several times as fast: sliders wait for it
    _matrices(figure, page, view, panels)
    _pair_pictures(figure, page, view, sorted(pairs, key=lambda pair: pair[1]))
    return figure


class _Page:
    """Where things lie, in inches from the lower left: one row of matrices, below it a column per pair."""

    def __init__(self, view: MatchingView) -> None:
        queries, objects = view.dice.shape
        aspect = view.frames.shape[1] / view.frames.shape[2]
        self.times = spread(len(view.frames), 3)
        self.matrix = min(COLUMN * objects, (WIDTH - LEFT - 0.9) / 3)
        self.rows = min(ROW * queries, 5.0)
        self.tile = min(1.75, (WIDTH - LEFT - 0.15) / objects - 0.05)
        self.picture = self.tile * aspect
        self.pictures = len(self.times) * (self.picture + 0.04)
        self.bottom = 0.3 + self.pictures + CAPTION + 0.25
        self.height = self.bottom + self.rows + TOP + (0.3 if view.title else 0)

    def axes(self, figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
        """New axes, placed in inches."""
        box = (left / WIDTH, bottom / self.height, width / WIDTH, height / self.height)
        return figure.add_axes(box)


def _checked(panel: CostPanel) -> NDArray[np.float64]:
    cost = np.asarray(panel.cost, np.float64)
    if cost.ndim != 2 or not cost.size:
        raise ValueError(f"cost must be [N, I], got shape {cost.shape}")
    for query, thing in panel.pairs:
        if not (0 <= query < cost.shape[0] and 0 <= thing < cost.shape[1]):
            raise ValueError(f"pairs must lie in a matrix of shape {cost.shape}, got {(query, thing)}")
    return cost


def _matrices(figure: Figure, page: _Page, view: MatchingView, panels: Sequence[CostPanel]) -> None:
    """All in one pair of axes, with few numbers: what is drawn fast enough to follow a slider."""
    queries, objects = view.dice.shape
    width = page.matrix * len(panels) + SPACE * (len(panels) - 1)
    axes = page.axes(figure, LEFT, page.bottom, width, page.rows)
    step = objects * (1 + SPACE / page.matrix)
    for number, panel in enumerate(panels):
        cells = set(panel.pairs)
        if number == len(panels) - 1:
            cells |= {(int(n), i) for i in range(objects) for n in panel.cost[:, i].argsort()[:RIVALS]}
        _matrix(axes, panel, cells, left=number * step, referred=view.referred)
    axes.axis((-0.5, -0.5 + width / page.matrix * objects, queries - 0.5, -0.5))
    axes.axis("off")
    _name_queries(axes, queries)


def _matrix(
    axes: Axes,
    panel: CostPanel,
    numbers: Iterable[tuple[int, ...]],
    *,
    left: float = 0.0,
    referred: int | None = None,
) -> None:
    """One matrix, its first column at `left`, with the numbers of some cells. Texts are faster than ticks."""
    cost = _checked(panel)
    low, high = float(np.nanmin(cost)), float(np.nanmax(cost))
    queries, objects = cost.shape
    axes.imshow(
        cost, cmap=f"{HEAT}_r", vmin=low, vmax=max(high, low + 1e-6), aspect="auto",
        extent=(left - 0.5, left + objects - 0.5, queries - 0.5, -0.5),
    )  # fmt: skip
    size, digits, word = (8, 2, "") if len(cost) > FEW else (11, 1, "object ")
    for i in range(objects):
        star = "*" if i == referred else ""
        axes.text(left + i, -0.62, f"{word}{i}{star}", ha="center", va="bottom", fontsize=9)
    axes.annotate(panel.title, (left - 0.5, -0.5), xytext=(0, 20), textcoords="offset points", fontsize=10)
    for n, i in numbers:
        dark = cost[n, i] > (low + high) / 2
        axes.text(
            left + i, n, f"{cost[n, i]:.{digits}f}", ha="center", va="center_baseline", fontsize=size,
            color="white" if dark else "black",
        )  # fmt: skip
    for query, thing in panel.pairs:
        corner = (left + thing - 0.47, query - 0.45)
        frame = Rectangle(corner, 0.94, 0.9, fill=False, edgecolor=VERMILION, linewidth=2.4)
        axes.add_artist(frame)  # unlike add_patch it leaves the limits alone, which saves time


def _name_queries(axes: Axes, queries: int) -> None:
    for n in even(queries, 25):
        axes.text(-0.6, n, f"query {n}", ha="right", va="center_baseline", fontsize=9)


def _pair_pictures(figure: Figure, page: _Page, view: MatchingView, pairs: Pairs) -> None:
    """A column of frames per pair: its query's mask tinted, the object's outline dashed; one image in all."""
    height, width = view.frames.shape[1:3]
    down, across = height + GAP, width + GAP
    shape = (down * len(page.times) - GAP, across * max(1, len(pairs)) - GAP)
    canvas = np.full((*shape, 3), 255, np.uint8)
    masks, truths = np.zeros((2, *shape), bool)
    for column, (query, thing) in enumerate(pairs):
        for row, t in enumerate(page.times):
            here = np.s_[row * down : row * down + height, column * across : column * across + width]
            canvas[here] = tinted(view.frames[t], view.masks[query, t])
            masks[here], truths[here] = view.masks[query, t], view.truth[thing, t]
    axes = page.axes(figure, LEFT, 0.3, page.tile * shape[1] / width, page.picture * shape[0] / height)
    axes.imshow(canvas, interpolation="nearest", aspect="auto")
    outline(axes, masks, PREDICTION)
    outline(axes, truths, TRUTH, dashed=True)
    axes.set_xlim(-0.5, shape[1] - 0.5)
    axes.set_ylim(shape[0] - 0.5, -0.5)
    axes.axis("off")
    for column, (query, thing) in enumerate(pairs):
        star = "*" if thing == view.referred else ""
        said = f"query {query} for {thing}{star}: Dice {-view.dice[query, thing]:.2f}"
        bold = "bold" if star else "normal"
        axes.text(column * across, -2, said, va="bottom", fontsize=8, fontweight=bold)
    for row, t in enumerate(page.times):
        axes.text(-2, row * down + height / 2, f"frame {t}", rotation=90, ha="right", va="center", fontsize=8)
    figure.text(
        LEFT / WIDTH, 0.1 / page.height, "tinted: the query's mask    dashed: the object    *: named by the "
        "sentence    red frame: a pair    bright: cheap", fontsize=8, color=GREY,
    )  # fmt: skip
