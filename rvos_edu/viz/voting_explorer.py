"""A vote taken apart: all probabilities, what a rule outputs in every frame, and any query's mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from rvos_edu.viz.overlay import EDGE, outline, tinted
from rvos_edu.viz.style import (
    BLUE,
    GREY,
    HEAT,
    PREDICTION,
    SKY,
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

STRIP = 8  # pictures of the output at most
LEFT, COLUMNS = 0.55, 6.9  # inches: left edge and width of the heat map


@dataclass(frozen=True)
class VotingView:
    """What there is to see of one clip and one sentence.

    Args:
        frames: uint8 [T, H, W, 3].
        masks: bool [N, T, H, W], the mask of every query in every frame.
        probabilities: [N, T] in 0..1, of "referred".
        expression: the sentence.
        truth: bool [T, H, W], where it is known.
        overlaps: [N, T], J of every mask with the truth, where that is known.

    Raises:
        ValueError: if a type, a shape or a value does not fit.
    """

    frames: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    probabilities: NDArray[np.floating]
    expression: str = ""
    truth: NDArray[np.bool_] | None = None
    overlaps: NDArray[np.floating] | None = None

    def __post_init__(self) -> None:
        frames = check_frames("frames", self.frames)
        values = np.asarray(self.probabilities)
        if values.ndim != 2 or values.shape[1] != len(frames) or not len(values):
            raise ValueError(f"probabilities must be [N, T] with T = {len(frames)}, got {values.shape}")
        if not (values.min() >= 0 and values.max() <= 1):
            raise ValueError(f"probabilities must be in 0..1, got {values.min():g}..{values.max():g}")
        if np.shape(self.masks)[:1] != values.shape[:1]:
            raise ValueError(f"masks must be [N, T, H, W] with N = {len(values)}, got {np.shape(self.masks)}")
        for mask in self.masks:
            check_masks("masks of one query", mask, frames)
        if self.truth is not None:
            check_masks("truth", self.truth, frames)
        if self.overlaps is not None and np.shape(self.overlaps) != values.shape:
            raise ValueError(f"overlaps must be [N, T] = {values.shape}, got {np.shape(self.overlaps)}")

    @property
    def voted(self) -> int:
        """The query with the largest sum of probabilities."""
        return int(self.probabilities.sum(1).argmax())

    def queries(self, *, voting: bool) -> NDArray[np.intp]:
        """[T], whose mask is the output: one query for all frames, or each frame's most probable one."""
        if voting:
            return np.full(len(self.frames), self.voted)
        return self.probabilities.argmax(0)


@styled
def voting_explorer(
    view: VotingView, *, frame: int = 0, query: int | None = None, voting: bool = True
) -> Figure:
    """Heat map queries x frames with votes, the output of every frame, and two masks of one frame, large.

    Marked in the heat map: what the rule takes (red), the frame and the query that are shown large (blue);
    a white dot is the best query of one frame.

    Args:
        view: the clip and all that the model says about it.
        frame: shown large.
        query: whose mask is shown large, beside the output; default: the voted one.
        voting: one query for all frames (TSVS); False: every frame's most probable query.

    Raises:
        ValueError: if there is no such frame or query.
    """
    queries, length = view.probabilities.shape
    shown = view.voted if query is None else query
    if not 0 <= frame < length or not 0 <= shown < queries:
        raise ValueError(
            f"frame must be in 0..{length - 1} and query in 0..{queries - 1}, got {frame}, {shown}"
        )
    page = _Page(view)
    figure = new_figure(page.height, title=_headline(view, voting=voting))
    figure.set_layout_engine("none")  # laid out by hand, several times as fast: sliders wait for it
    chosen = view.queries(voting=voting)
    heat = page.axes(figure, LEFT, page.heat, COLUMNS)
    _heat_map(heat, view, chosen, frame, shown, voting=voting)
    _votes(page.axes(figure, LEFT + COLUMNS + 0.12, page.heat, WIDTH - LEFT - COLUMNS - 0.5), view)
    _strip(figure, page, view, chosen, frame)
    _large(figure, page, view, int(chosen[frame]), frame, shown)
    _marks(figure, truth=view.truth is not None)
    return figure


class _Page:
    """Where the rows lie, in inches from the bottom: two large pictures, the strip, the heat map."""

    def __init__(self, view: VotingView) -> None:
        aspect = view.frames.shape[1] / view.frames.shape[2]
        self.slots = spread(len(view.frames), STRIP)
        self.cell = min(COLUMNS / len(self.slots), 1.6, 1.4 / aspect)  # width of a picture of the strip
        self.wide = min(2.7, 2.2 / aspect)  # width of a large picture
        self.large = (0.1, self.wide * aspect)
        self.strip = (self.large[1] + 0.65, self.cell * aspect)
        named = 0.2 if len(self.slots) < len(view.frames) else 0.0
        self.heat = (sum(self.strip) + 0.3 + named, max(1.2, min(0.2 * len(view.probabilities), 4.0)))
        self.height = sum(self.heat) + 0.65

    def axes(self, figure: Figure, left: float, row: tuple[float, float], width: float) -> Axes:
        """New axes at `left` inches in a row."""
        bottom, height = row
        return figure.add_axes((left / WIDTH, bottom / self.height, width / WIDTH, height / self.height))


def _headline(view: VotingView, *, voting: bool) -> str:
    rule = "one vote of all frames" if voting else "every frame chooses for itself"
    if view.overlaps is not None:
        values = view.overlaps[view.queries(voting=voting), np.arange(len(view.frames))]
        rule += f", mean J {values.mean():.2f}"
    return f"{view.expression}: {rule}" if view.expression else rule


def _heat_map(
    axes: Axes, view: VotingView, chosen: NDArray[np.intp], frame: int, query: int, *, voting: bool
) -> None:
    values = view.probabilities
    queries, length = values.shape
    axes.imshow(values, cmap=HEAT, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    axes.set_xticks(even(length, 16))
    axes.set_yticks(even(queries, 20))
    axes.tick_params(length=0)
    axes.set_ylabel("object query")
    axes.set_title('probability of "referred": dark 0, yellow 1', pad=3, fontsize=9, loc="left")
    for side in axes.spines.values():
        side.set_visible(False)
    axes.scatter(range(length), values.argmax(0), s=20, color="white", edgecolors="black", linewidths=0.8)
    axes.add_patch(_box(frame - 0.5, -0.5, 1, queries, SKY, dashed=True))
    axes.add_patch(_box(-0.5, query - 0.5, length, 1, SKY, dashed=True))
    if voting:
        axes.add_patch(_box(-0.5, view.voted - 0.5, length, 1, VERMILION))
    else:
        for t, q in enumerate(chosen):
            axes.add_patch(_box(t - 0.5, q - 0.5, 1, 1, VERMILION))


def _box(x: float, y: float, width: float, height: float, colour: str, *, dashed: bool = False) -> Rectangle:
    return Rectangle(
        (x, y), width, height, fill=False, edgecolor=colour, linewidth=1.6 if dashed else 2.2,
        linestyle="--" if dashed else "-", clip_on=False, zorder=3 if dashed else 4,
    )  # fmt: skip


def _votes(axes: Axes, view: VotingView) -> None:
    votes = view.probabilities.sum(1)
    best = view.voted
    axes.barh(
        range(len(votes)), votes, color=[VERMILION if n == best else "#BBBBBB" for n in range(len(votes))]
    )
    axes.set_ylim(len(votes) - 0.5, -0.5)
    axes.set_xlim(0, max(1.35 * float(votes.max()), 1e-3))
    axes.set_yticks([])
    axes.set_xticks([])
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_title("votes", pad=3, fontsize=9, loc="left", color="#333333")
    for n, vote in enumerate(votes):
        if len(votes) <= 20 or n == best:
            bold = n == best
            axes.annotate(
                f"{vote:.2f}", (vote, n), xytext=(3, 0), textcoords="offset points", va="center", fontsize=8,
                color=VERMILION if bold else GREY, fontweight="bold" if bold else "normal",
            )  # fmt: skip


def _score(view: VotingView, query: int, frame: int) -> str:
    return "" if view.overlaps is None else f"J {view.overlaps[query, frame]:.2f}"


def _strip(figure: Figure, page: _Page, view: VotingView, chosen: NDArray[np.intp], frame: int) -> None:
    """The output of every frame, below its column of the heat map."""
    height, width = view.frames.shape[1:3]
    axes = page.axes(figure, LEFT, page.strip, COLUMNS)
    tiles = [(int(chosen[t]), int(t)) for t in page.slots]
    pitch = width * COLUMNS / len(tiles) / (0.96 * page.cell)  # pixels from one picture to the next
    starts = _pictures(axes, view, tiles, pitch=round(pitch))
    for left, (query, t) in zip(starts, tiles, strict=True):
        if len(tiles) < len(view.frames):
            axes.text(left + width / 2, -1, f"frame {t}", ha="center", va="bottom", fontsize=8)
        said = f"query {query}  {_score(view, query, t)}"
        axes.text(
            left + width / 2, height * 1.05, said, ha="center", va="top", fontsize=8,
            fontweight="bold" if t == frame else "normal", color=BLUE if t == frame else "black",
        )  # fmt: skip


def _large(figure: Figure, page: _Page, view: VotingView, output: int, frame: int, query: int) -> None:
    """One frame twice: the mask of any query, and the output."""
    width = view.frames.shape[2]
    axes = page.axes(figure, LEFT, page.large, 2 * page.wide)
    pitch = round(1.04 * width)
    starts = _pictures(axes, view, [(query, frame), (output, frame)], pitch=pitch)
    for left, name, q in zip(starts, ("", "output: "), (query, output), strict=True):
        p = view.probabilities[q, frame]
        axes.text(
            left,
            -1,
            f"{name}query {q}, frame {frame}: p {p:.2f}  {_score(view, q, frame)}",
            va="bottom",
            fontsize=9,
        )


def _pictures(axes: Axes, view: VotingView, tiles: list[tuple[int, int]], *, pitch: int) -> list[int]:
    """Pictures (query, frame) in a row, as one image; returns where each begins, in its pixels.

    One image in one pair of axes is drawn several times as fast as one each.
    """
    height, width = view.frames.shape[1:3]
    total = pitch * len(tiles)
    starts = [i * pitch + (pitch - width) // 2 for i in range(len(tiles))]
    canvas = np.full((height, total, 3), 255, np.uint8)
    masks, truths = np.zeros((2, height, total), bool)
    for left, (query, t) in zip(starts, tiles, strict=True):
        here = np.s_[:, left : left + width]
        canvas[here] = tinted(view.frames[t], view.masks[query, t])
        masks[here] = view.masks[query, t]
        if view.truth is not None:
            truths[here] = view.truth[t]
    axes.imshow(canvas, interpolation="nearest", aspect="auto")
    outline(axes, masks, PREDICTION)
    outline(axes, truths, TRUTH, dashed=True)
    axes.set_xlim(-0.5, total - 0.5)
    axes.set_ylim(height - 0.5, -0.5)
    axes.axis("off")
    return starts


def _marks(figure: Figure, *, truth: bool) -> None:
    """What colours and lines mean, in the corner at the right."""
    handles: list[Any] = [
        Patch(facecolor=PREDICTION + "88", edgecolor=PREDICTION, label="mask", path_effects=EDGE),
        Rectangle((0, 0), 1, 1, fill=False, edgecolor=VERMILION, linewidth=2.2, label="taken as output"),
        Rectangle((0, 0), 1, 1, fill=False, edgecolor=SKY, linestyle="--", label="shown large"),
        Line2D(
            [],
            [],
            marker="o",
            linestyle="",
            color="white",
            markeredgecolor="black",
            label="best of one frame",
        ),
    ]
    if truth:
        handles.insert(1, Line2D([], [], color=TRUTH, linestyle="--", label="truth", path_effects=EDGE))
    figure.legend(handles=handles, loc="lower right", borderaxespad=0.8)
