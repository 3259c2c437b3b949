"""From one sentence to N instance queries to masks, frame by frame (R2-VOS, figure B)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from rvos_edu.viz.overlay import EDGE, show
from rvos_edu.viz.style import (
    ORANGE,
    PREDICTION,
    VERMILION,
    WIDTH,
    Figure,
    bare,
    check_frames,
    check_masks,
    new_figure,
    spread,
    styled,
)

LABEL = 1.5  # inches for the names of the queries
TEXT = 1.4  # inches for the three vectors and what becomes of them
SIGNED = "PuOr_r"  # diverging around 0, safe for colour-blind readers


@dataclass(frozen=True)
class QueryPicture:
    """One clip and one sentence of `query_figure`.

    Args:
        expression: the sentence.
        frames: uint8 [A, H, W, 3].
        masks: bool [N, A, H, W], of all queries.
        boxes: [N, A, 4], centre x, centre y, width, height in 0..1.
        probabilities: [N, A], of being the object that is meant.
        chosen: the query whose masks are the answer.
        sentence, reconstructed, fused: [D], e, e' and the fused text that all queries start from.
        note: after the sentence, such as "p(does not match) 0.03".
    """

    expression: str
    frames: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    boxes: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    chosen: int
    sentence: NDArray[np.float32]
    reconstructed: NDArray[np.float32]
    fused: NDArray[np.float32]
    note: str = ""


@styled
def query_figure(picture: QueryPicture, *, count: int = 5) -> Figure:
    """The text vectors on top, then one row of frames per query with its mask, box and probability.

    Args:
        picture: what is drawn.
        count: largest number of frames.

    Raises:
        ValueError: if a type or a shape does not fit.
    """
    frames = _check(picture)
    times = spread(len(frames), count)
    height, width = frames.shape[1:3]
    row = (WIDTH - LABEL - 0.6) / len(times) * height / width + 0.26
    rows = row * len(picture.masks) + 0.3
    figure = new_figure(TEXT + rows + 0.4, title=f"“{picture.expression}”   {picture.note}".strip())
    top, bottom = figure.subfigures(2, 1, squeeze=False, height_ratios=[TEXT, rows])[:, 0]
    _text(top, picture)
    grid = bottom.subplots(
        len(picture.masks),
        len(times) + 1,
        squeeze=False,
        width_ratios=[LABEL, *[(WIDTH - LABEL) / len(times)] * len(times)],
    )
    for query, axes in enumerate(grid):
        _name(axes[0], picture, query)
        for panel, t in zip(axes[1:], times, strict=True):
            _cell(panel, picture, query, int(t))
    handles = [
        Patch(facecolor=PREDICTION + "88", edgecolor=PREDICTION, label="mask"),
        Patch(facecolor="none", edgecolor=ORANGE, linewidth=1.4, label="box"),
        Patch(facecolor="none", edgecolor=VERMILION, linewidth=2.5, label="chosen: the largest sum of p"),
    ]
    bottom.legend(handles=handles, loc="outside lower right", ncols=3)
    return figure


def _text(part: SubFigure, picture: QueryPicture) -> None:
    """e, e' and the fused text as bars of D cells on one scale, and what happens to the last."""
    vectors = {
        "sentence e": picture.sentence,
        "said back e'": picture.reconstructed,
        "fused text": picture.fused,
    }
    top = max(float(np.abs(vector).max()) for vector in vectors.values()) or 1.0
    for axes, (name, vector) in zip(part.subplots(3, 1), vectors.items(), strict=True):
        axes.imshow(vector[None], cmap=SIGNED, vmin=-top, vmax=top, aspect="auto", interpolation="nearest")
        bare(axes)
        axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
    queries = len(picture.masks)
    part.supxlabel(
        f"the fused text, {queries} times, plus the place of each slot → {queries} instance queries → "
        "the decoder, each frame by itself",
        fontsize=9, x=0.01, ha="left",
    )  # fmt: skip


def _name(axes: Axes, picture: QueryPicture, query: int) -> None:
    bare(axes)
    chosen = query == picture.chosen
    mean = float(picture.probabilities[query].mean())
    text = f"query {query}" + ("\nchosen" if chosen else "") + f"\nmean p {mean:.2f}"
    axes.text(
        0, 0.5, text, va="center", fontsize=10, fontweight="bold" if chosen else "normal",
        color=VERMILION if chosen else "#333333",
    )  # fmt: skip


def _cell(axes: Axes, picture: QueryPicture, query: int, t: int) -> None:
    show(axes, picture.frames[t], picture.masks[query, t], None)
    height, width = picture.frames.shape[1:3]
    x, y, w, h = picture.boxes[query, t] * (width, height, width, height)
    box = Rectangle((x - w / 2 - 0.5, y - h / 2 - 0.5), w, h, fill=False, edgecolor=ORANGE, linewidth=1.4)
    box.set_path_effects(EDGE)
    axes.add_patch(box)
    axes.set_title(f"frame {t}: p {picture.probabilities[query, t]:.2f}", pad=2, fontsize=8)
    if query == picture.chosen:
        for side in axes.spines.values():
            side.set(visible=True, color=VERMILION, linewidth=2.5)


def _check(picture: QueryPicture) -> NDArray[np.uint8]:
    frames = check_frames("frames", picture.frames)
    queries = len(picture.masks)
    for n in range(queries):
        check_masks(f"masks[{n}]", picture.masks[n], frames)
    for name, shape in (("boxes", (queries, len(frames), 4)), ("probabilities", (queries, len(frames)))):
        if getattr(picture, name).shape != shape:
            raise ValueError(f"{name} must be {shape}, got {getattr(picture, name).shape}")
    if not 0 <= picture.chosen < queries:
        raise ValueError(f"chosen must be in 0..{queries - 1}, got {picture.chosen}")
    sizes = {vector.shape for vector in (picture.sentence, picture.reconstructed, picture.fused)}
    if len(sizes) > 1 or picture.fused.ndim != 1:
        raise ValueError(f"sentence, reconstructed and fused must be three [D], got {sorted(sizes)}")
    return frames
