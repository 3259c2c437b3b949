"""Clips with the objects in them: numbered, one of them marked, and those that a sentence is true of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from rvos_edu.viz.overlay import EDGE, outline, tinted
from rvos_edu.viz.style import (
    BLACK,
    PREDICTION,
    TRUTH,
    WIDTH,
    Figure,
    bare,
    check_frames,
    new_figure,
    spread,
    styled,
)

GAP = 4  # pixels between two pictures of a row
TEXT = 0.42  # inches above each row: the text, and the names of the frames


@dataclass(frozen=True)
class InstanceClip:
    """One row of `instance_rows`.

    Args:
        frames: uint8 [T, H, W, 3].
        ids: uint8 [T, H, W], 0 = background.
        text: above the pictures, such as the sentence.
        marked: id of the object that is tinted; None: no object is, and the frames stay as they are.
        said: ids of the objects with a dashed outline: those that the sentence is true of.
        note: after the text, in `note_colour`.
        numbered: write each object's id into it.
    """

    frames: NDArray[np.uint8]
    ids: NDArray[np.uint8]
    text: str
    marked: int | None = None
    said: tuple[int, ...] = ()
    note: str = ""
    note_colour: str = BLACK
    numbered: bool = False


@styled
def instance_rows(
    clips: Sequence[InstanceClip],
    *,
    title: str | None = None,
    count: int = 4,
    names: tuple[str, str] = ("marked", "true of this"),
) -> Figure:
    """One row per clip: text, then up to `count` frames, evenly spread.

    Args:
        clips: from top to bottom.
        title: of the figure.
        count: largest number of frames per clip.
        names: what the tint and the dashed outline are called; left out where no clip has any.

    Raises:
        ValueError: if there is no clip, or a type or shape does not fit.
    """
    if not clips:
        raise ValueError("instance_rows needs at least one clip, got none")
    strips = [strip(clip, count) for clip in clips]
    heights = [WIDTH * len(picture) / picture.shape[1] + TEXT for picture, _, _ in strips]
    marked, said = any(clip.marked is not None for clip in clips), any(clip.said for clip in clips)
    space = 0.4 * bool(title) + 0.3 * (marked or said)
    figure = new_figure(sum(heights) + space + 0.1, title=title, h_pad=0.08)
    grid = figure.subplots(len(clips), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, clip, (picture, ids, starts) in zip(grid, clips, strips, strict=True):
        _draw(axes, clip, picture, ids, starts)
        times = spread(len(clip.frames), count)
        for x, t in zip(starts, times, strict=True):
            axes.text(x, -2, f"frame {t}", va="bottom", fontsize=8, color="#555555")
    if marked or said:
        _legend(figure, names, marked, said)
    return figure


def strip(clip: InstanceClip, count: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8], list[int]]:
    """Frames next to each other: picture uint8 [H, W', 3], ids uint8 [H, W'], first column of each frame."""
    frames = check_frames("frames", clip.frames)
    if clip.ids.shape != frames.shape[:3] or clip.ids.dtype != np.uint8:
        raise ValueError(f"ids must be uint8 {frames.shape[:3]}, got {clip.ids.dtype} {clip.ids.shape}")
    height, width = frames.shape[1:3]
    chosen = spread(len(frames), count)
    picture = np.full((height, len(chosen) * (width + GAP) - GAP, 3), 255, np.uint8)
    ids = np.zeros(picture.shape[:2], np.uint8)
    starts = [i * (width + GAP) for i in range(len(chosen))]
    for x, t in zip(starts, chosen, strict=True):
        frame = frames[t]
        picture[:, x : x + width] = (
            frame if clip.marked is None else tinted(frame, clip.ids[t] == clip.marked)
        )
        ids[:, x : x + width] = clip.ids[t]
    return picture, ids, starts


def _draw(
    axes: Axes, clip: InstanceClip, picture: NDArray[np.uint8], ids: NDArray[np.uint8], starts: list[int]
) -> None:
    bare(axes)
    axes.imshow(picture, interpolation="nearest")
    if clip.marked is not None:
        outline(axes, ids == clip.marked, PREDICTION)
    if clip.said:
        outline(axes, np.isin(ids, clip.said), TRUTH, dashed=True)
    axes.set_xlim(-0.5, picture.shape[1] - 0.5)
    axes.set_ylim(len(picture) - 0.5, -0.5)
    written = axes.annotate(
        clip.text, (0, 1), xytext=(0, 14), xycoords="axes fraction", textcoords="offset points",
        va="bottom", fontsize=10, fontweight="bold",
    )  # fmt: skip
    if clip.note:
        axes.annotate(
            clip.note, (1, 0), xytext=(8, 0), xycoords=written, textcoords="offset points", va="bottom",
            fontsize=10, color=clip.note_colour,
        )  # fmt: skip
    if clip.numbered:
        _numbers(axes, ids, starts, clip.frames.shape[2])


def _numbers(axes: Axes, ids: NDArray[np.uint8], starts: list[int], width: int) -> None:
    """The id of every object at the middle of what is seen of it, frame by frame."""
    for start in starts:
        part = ids[:, start : start + width]
        for value in np.unique(part[part > 0]):
            y, x = np.nonzero(part == value)
            axes.text(
                start + x.mean(), y.mean(), str(value), ha="center", va="center_baseline", fontsize=10,
                fontweight="bold", color="white", path_effects=EDGE,
            )  # fmt: skip


def _legend(figure: Figure, names: tuple[str, str], marked: bool, said: bool) -> None:
    handles: list[Patch | Line2D] = []
    if marked:
        handles.append(Patch(facecolor=PREDICTION + "88", edgecolor=PREDICTION, label=names[0]))
    if said:
        handles.append(Line2D([], [], color=TRUTH, linestyle="--", label=names[1], path_effects=EDGE))
    figure.legend(handles=handles, loc="outside lower right", ncols=2)
