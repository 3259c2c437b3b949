"""Temporal segment voting (MTTR) as a picture: every query's probability in every frame, and the sums."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray

from rvos_edu.viz.style import (
    GREY,
    HEAT,
    VERMILION,
    WIDTH,
    Figure,
    bare,
    check_frames,
    even,
    new_figure,
    styled,
)


@styled
def voting_chart(
    probabilities: ArrayLike,
    *,
    chosen: int | None = None,
    frames: ArrayLike | None = None,
    labels: Sequence[str] | None = None,
    title: str | None = None,
) -> Figure:
    """Heat map queries x frames of the probability of "referred", votes at the right, the choice marked.

    A dot marks the best query of each single frame: where dots leave the chosen row, voting over the whole
    segment decides otherwise than that frame alone would.

    Args:
        probabilities: [N, T] in 0..1.
        chosen: the voted query; default: the largest sum.
        frames: uint8 [T, H, W, 3], shown small above the columns.
        labels: T names of the frames; default 0, 1, ...
        title: the sentence.

    Raises:
        ValueError: if a shape, a value or an index does not fit.
    """
    values = _check_probabilities(probabilities)
    queries, length = values.shape
    votes = values.sum(1)
    best = int(votes.argmax()) if chosen is None else chosen
    if not 0 <= best < queries:
        raise ValueError(f"chosen must be in 0..{queries - 1}, got {chosen}")
    if labels is not None and len(labels) != length:
        raise ValueError(f"labels must be one per frame, {length}, got {len(labels)}")
    pictures = None if frames is None else check_frames("frames", frames)
    if pictures is not None and len(pictures) != length:
        raise ValueError(f"frames must be one per column, {length}, got {len(pictures)}")
    rows = max(1.6, min(0.3 * queries, 6.0))
    picture = 0.7 * WIDTH / min(length, 10)  # width of a small frame, in inches
    strip = [] if pictures is None else [picture * pictures.shape[1] / pictures.shape[2]]
    figure = new_figure(rows + sum(strip) + 1.15 + (0.4 if title else 0), title=title)
    grid = figure.subplots(
        len(strip) + 2, 2, squeeze=False, width_ratios=[3.2, 1], height_ratios=[*strip, rows, 0.13]
    )
    if pictures is not None:
        bare(grid[0, 1])
        _thumbnails(grid[0, 0], pictures)
    heat, bars = grid[-2]
    names = list(labels) if labels is not None else [str(t) for t in range(length)]
    _scale(grid[-1, 0], _heat_map(heat, values, best, names))
    _vote_bars(bars, votes, best, length)
    _legend(grid[-1, 1], best)
    return figure


def _check_probabilities(probabilities: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(probabilities, np.float64)
    if values.ndim != 2 or not values.size:
        raise ValueError(f"probabilities must be [N, T], got shape {values.shape}")
    if not (values.min() >= 0 and values.max() <= 1):
        raise ValueError(f"probabilities must be in 0..1, got {values.min():g}..{values.max():g}")
    return values


def _thumbnails(axes: Axes, pictures: NDArray[np.uint8]) -> None:
    """Frames in a row, each over its column; where there are many, one for several columns."""
    bare(axes)
    length = len(pictures)
    shown = min(length, 10)
    slot = length / shown
    height = 0.96 * slot * pictures.shape[1] / pictures.shape[2]
    for i in range(shown):
        left = i * slot - 0.5
        frame = pictures[int((i + 0.5) * slot)]
        axes.imshow(frame, extent=(left + 0.02 * slot, left + 0.98 * slot, 0, height))
    axes.set_xlim(-0.5, length - 0.5)
    axes.set_ylim(0, height)
    axes.set_anchor("S")


def _heat_map(axes: Axes, values: NDArray[np.float64], best: int, names: list[str]) -> AxesImage:
    queries, length = values.shape
    image = axes.imshow(values, cmap=HEAT, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    ticks = even(length, 16)
    axes.set_xticks(ticks, [names[t] for t in ticks])
    rows = even(queries, 25)
    axes.set_yticks(rows, [str(n) for n in rows])
    axes.tick_params(length=0)
    axes.set_xlabel("frame")
    axes.set_ylabel("object query")
    for side in axes.spines.values():
        side.set_visible(False)
    if length <= 40:
        axes.scatter(
            range(length), values.argmax(0), s=26, color="white", edgecolors="black", linewidths=0.9, zorder=3
        )
    axes.add_patch(
        Rectangle(
            (-0.5, best - 0.5),
            length,
            1,
            fill=False,
            edgecolor=VERMILION,
            linewidth=2.4,
            clip_on=False,
            zorder=4,
        )
    )
    return image


def _vote_bars(axes: Axes, votes: NDArray[np.float64], best: int, length: int) -> None:
    colours = [VERMILION if n == best else "#BBBBBB" for n in range(len(votes))]
    axes.barh(range(len(votes)), votes, color=colours, height=0.75)
    axes.set_ylim(len(votes) - 0.5, -0.5)
    axes.set_yticks([])
    axes.set_xlim(0, max(float(votes.max()) * 1.3, 1e-3))
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"votes (sum over {length} frames)")
    for n, vote in enumerate(votes):
        if len(votes) <= 20 or n == best:
            weight = "bold" if n == best else "normal"
            axes.annotate(
                f"{vote:.2f}", (vote, n), xytext=(4, 0), textcoords="offset points", va="center", fontsize=9,
                fontweight=weight, color=VERMILION if n == best else GREY,
            )  # fmt: skip


def _scale(axes: Axes, image: AxesImage) -> None:
    """The colour bar, below the heat map."""
    bar = axes.figure.colorbar(image, cax=axes, orientation="horizontal", label='probability of "referred"')
    bar.outline.set_visible(False)


def _legend(axes: Axes, best: int) -> None:
    """What the marks mean, in the corner below the bars."""
    bare(axes)
    handles = [
        Rectangle((0, 0), 1, 1, fill=False, edgecolor=VERMILION, linewidth=2, label=f"voted: query {best}"),
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
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(0, 0.9), borderaxespad=0).set_in_layout(
        False
    )
