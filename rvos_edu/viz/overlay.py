"""Masks over frames: a tinted frame, a film strip, and a page of clips."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import Normal, Stroke
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

from rvos_edu.viz.style import (
    PREDICTION,
    TRUTH,
    WIDTH,
    Figure,
    bare,
    check_frames,
    check_masks,
    new_figure,
    picture_grid,
    spread,
    styled,
    wrapped,
)

EDGE = [
    Stroke(linewidth=3.0, foreground="#000000B0"),
    Normal(),
]  # a dark edge, so that lines show on any colour


SMALLEST = 9  # pixels, of letters that can still be read


@dataclass(frozen=True)
class ClipPicture:
    """One row of `clip_grid`.

    Args:
        frames: uint8 [T, H, W, 3].
        masks: bool [T, H, W], predicted.
        truth: bool [T, H, W] or None.
        expression: the sentence.
        caption: a few words below it, such as "J&F 92.1, motion".
        names: of the T frames; default: their numbers within the clip.
    """

    frames: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    truth: NDArray[np.bool_] | None
    expression: str
    caption: str = ""
    names: Sequence[str] = ()


def overlay(
    frame: ArrayLike, mask: ArrayLike, colour: str = PREDICTION, *, opacity: float = 0.4
) -> NDArray[np.uint8]:
    """A frame with its mask tinted and the mask's rim drawn full: what an output video shows.

    Args:
        frame: uint8 [H, W, 3].
        mask: bool [H, W].
        colour: any matplotlib colour.
        opacity: of the tint, 0..1.

    Returns:
        uint8 [H, W, 3], a new array.

    Raises:
        ValueError: if a type, a shape or the opacity does not fit.
    """
    frames = check_frames("frame[None]", np.asarray(frame)[None])
    inside = check_masks("mask[None]", np.asarray(mask)[None], frames)[0]
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity must be in 0..1, got {opacity}")
    tint = np.array(to_rgb(colour)) * 255
    picture = frames[0].copy()
    picture[inside] = np.rint((1 - opacity) * picture[inside] + opacity * tint).astype(np.uint8)
    picture[rim(inside)] = tint.astype(np.uint8)
    return picture


def stamped(frame: ArrayLike, text: str) -> NDArray[np.uint8]:
    """A frame with a line of white text on a dark band at its lower edge, as large as its width allows.

    Args:
        frame: uint8 [H, W, 3].
        text: what it says; letters that do not fit at the smallest size are cut off.

    Returns:
        uint8 [H, W, 3], a new array.

    Raises:
        ValueError: if the frame is something else.
    """
    picture = Image.fromarray(check_frames("frame[None]", np.asarray(frame)[None])[0])
    size = max(SMALLEST, picture.height // 12)
    while size > SMALLEST and _font(size).getlength(text) > 0.96 * picture.width:
        size -= 1
    top = picture.height - round(1.5 * size)
    drawing = ImageDraw.Draw(picture)
    drawing.rectangle((0, top, picture.width, picture.height), fill="black")
    drawing.text((0.02 * picture.width, (top + picture.height) / 2), text, "white", _font(size), anchor="lm")
    return np.array(picture)


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def rim(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of a mask [H, W] with a neighbour outside it; wider on large frames."""
    inner = mask
    for _ in range(max(1, round(max(mask.shape) / 400))):
        padded = np.pad(inner, 1, mode="edge")
        inner = inner & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inner


def outline(axes: Axes, mask: NDArray[np.bool_], colour: str, *, dashed: bool = False) -> None:
    """Draw the outline of a mask [H, W] over a picture."""
    if not mask.any():
        return
    padded = np.pad(mask, 1).astype(float)  # the outline closes at the edge of the frame
    x, y = np.arange(padded.shape[1]) - 1, np.arange(padded.shape[0]) - 1
    drawn = axes.contour(
        x, y, padded, levels=[0.5], colors=[colour], linewidths=1.6, linestyles="--" if dashed else "-"
    )
    drawn.set_path_effects(EDGE)


def show(
    axes: Axes, frame: NDArray[np.uint8], mask: NDArray[np.bool_] | None, truth: NDArray[np.bool_] | None
) -> None:
    """One picture: the predicted mask tinted and outlined, the truth's outline dashed."""
    bare(axes)
    if mask is None:
        axes.imshow(frame, interpolation="nearest")
    else:
        axes.imshow(tinted(frame, mask), interpolation="nearest")
        outline(axes, mask, PREDICTION)
    if truth is not None:
        outline(axes, truth, TRUTH, dashed=True)
    height, width = frame.shape[:2]
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)


def tinted(frame: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The frame [H, W, 3] dimmed a little outside the mask and tinted inside it."""
    shade = np.where(mask[..., None], 0.75 * frame + 0.25 * 255 * np.array(to_rgb(PREDICTION)), 0.75 * frame)
    return np.rint(shade).astype(np.uint8)


def legend(figure: Figure, *, truth: bool, prediction: bool = True) -> None:
    """What the colours mean, below the pictures; nothing if there is neither."""
    handles: list[Patch | Line2D] = []
    if prediction:
        tint = Patch(facecolor=PREDICTION + "88", edgecolor=PREDICTION, label="prediction", path_effects=EDGE)
        handles.append(tint)
    if truth:
        handles.append(Line2D([], [], color=TRUTH, linestyle="--", label="truth", path_effects=EDGE))
    if handles:
        figure.legend(handles=handles, loc="outside lower right", ncols=2)


@styled
def film_strip(
    frames: ArrayLike,
    masks: ArrayLike,
    truth: ArrayLike | None = None,
    *,
    title: str | None = None,
    labels: Sequence[str] | None = None,
    count: int = 8,
) -> Figure:
    """Up to `count` frames of a clip, evenly spread, with the predicted mask and the truth's outline.

    Args:
        frames: uint8 [T, H, W, 3].
        masks: bool [T, H, W], predicted.
        truth: bool [T, H, W].
        title: the sentence.
        labels: T captions; default "frame 0", "frame 1", ...
        count: largest number of pictures.

    Raises:
        ValueError: if a type or a shape does not fit.
    """
    pictures = check_frames("frames", frames)
    predicted = check_masks("masks", masks, pictures)
    true = None if truth is None else check_masks("truth", truth, pictures)
    if labels is not None and len(labels) != len(pictures):
        raise ValueError(f"labels must be one per frame, {len(pictures)}, got {len(labels)}")
    chosen = spread(len(pictures), count)
    height, width = pictures.shape[1:3]
    rows, columns = picture_grid(len(chosen), height / width)
    cell = WIDTH / max(columns, 3)
    row = min(cell * height / width, 4.0) + 0.2
    figure = new_figure(rows * row + 0.35 + (0.4 if title else 0), title=title, width=cell * columns)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(chosen) :]:
        axes.remove()
    for axes, t in zip(grid, chosen, strict=False):
        show(axes, pictures[t], predicted[t], None if true is None else true[t])
        axes.set_title(labels[t] if labels is not None else f"frame {t}", pad=3, fontsize=9)
    legend(figure, truth=true is not None, prediction=bool(predicted.any()))
    return figure


@styled
def clip_grid(
    groups: dict[str, Sequence[ClipPicture]], *, title: str | None = None, count: int = 4
) -> Figure:
    """Clips below each other, a sentence and `count` frames each: the best and the worst, say.

    Args:
        groups: heading -> clips, such as {"best": [...], "worst": [...]}.
        title: of the page.
        count: pictures per clip.

    Raises:
        ValueError: if there is no clip, or a type or shape does not fit.
    """
    clips = [(heading, clip) for heading, members in groups.items() for clip in members]
    if not clips:
        raise ValueError("clip_grid needs at least one clip, got none")
    cell = WIDTH / (count + 1.25)
    shapes = [check_frames("frames", clip.frames).shape for _, clip in clips]
    heights = [min(cell * shape[1] / shape[2], 2.5) + 0.3 for shape in shapes]
    figure = new_figure(sum(heights) + 0.35 + (0.4 if title else 0), title=title)
    grid = figure.subplots(
        len(clips), count + 1, squeeze=False, width_ratios=[1.25] + [1] * count, height_ratios=heights
    )
    previous = None
    for row, (heading, clip) in zip(grid, clips, strict=True):
        bare(row[0])
        note = [] if heading == previous else [heading.upper()]
        previous = heading
        text(row[0], note, clip)
        masks = check_masks("masks", clip.masks, clip.frames)
        true = None if clip.truth is None else check_masks("truth", clip.truth, clip.frames)
        chosen = spread(len(clip.frames), count)
        for axes, t in zip(row[1:], chosen, strict=False):
            show(axes, clip.frames[t], masks[t], None if true is None else true[t])
            name = clip.names[t] if clip.names else str(t)
            axes.set_title(f"frame {name}", pad=2, fontsize=8, color="#555555")
        for axes in row[1 + len(chosen) :]:
            axes.remove()
    legend(figure, truth=any(clip.truth is not None for _, clip in clips))
    return figure


def text(axes: Axes, heading: list[str], clip: ClipPicture) -> None:
    """Heading, sentence and caption of one row, at the left."""
    top = 1.0
    if heading:
        axes.text(0, top, heading[0], va="top", fontsize=9, fontweight="bold", color="#777777")
        top -= 0.17
    said = axes.text(0, top, wrapped(clip.expression, 22), va="top", fontsize=10, color="#111111")
    axes.annotate(
        wrapped(clip.caption, 24), (0, 0), xytext=(0, -3), xycoords=said, textcoords="offset points",
        va="top", fontsize=9, color="#555555",
    )  # fmt: skip
