"""One reader's attention in one frame, large, with its words, above all frames of the clip (MTTR, C.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from rvos_edu.viz.attention import tidy_token
from rvos_edu.viz.style import (
    ATTENTION,
    BLUE,
    SKY,
    VERMILION,
    WIDTH,
    Figure,
    bare,
    check_frames,
    new_figure,
    spread,
    styled,
    wrapped,
)

STRIP = 8  # frames shown small
HEADING: dict[str, Any] = {"y": 1.0, "pad": 5}  # a fixed height: finding one takes a fifth of the time


@styled
def attention_panel(
    frames: ArrayLike,
    pixels: ArrayLike,
    words: ArrayLike,
    tokens: Sequence[str],
    *,
    frame: int = 0,
    cell: tuple[int, int] | None = None,
    word: int | None = None,
    title: str | None = None,
    caption: str = "",
) -> Figure:
    """One frame under its attention, cell by cell, the words as bars; up to 8 frames, plain and so, below.

    Args:
        frames: uint8 [T, H, W, 3].
        pixels: [T, h, w], 0 or more; one scale for all frames.
        words: [T, L], 0 or more; one scale for all frames.
        tokens: the L tokens, as the tokenizer writes them.
        frame: the frame shown large, marked below.
        cell: (row, column) of the map to mark: the reader, if it is a pixel.
        word: place of the token to mark: the reader, if it is a word.
        title: the sentence.
        caption: who reads, in a few words.

    Raises:
        ValueError: if a shape or an index does not fit.
    """
    pictures = check_frames("frames", frames)
    maps, shares = np.asarray(pixels, float), np.asarray(words, float)
    if maps.ndim != 3 or len(maps) != len(pictures) or shares.shape != (len(pictures), len(tokens)):
        raise ValueError(
            f"pixels must be [T, h, w] and words [T, L] with T = {len(pictures)} and L = {len(tokens)}, "
            f"got {maps.shape} and {shares.shape}"
        )
    if not 0 <= frame < len(pictures):
        raise ValueError(f"frame must be in 0..{len(pictures) - 1}, got {frame}")
    figure, left, bar, right, lower = _axes(pictures.shape, title)
    top = maps.max() or 1.0
    _picture(left, blend(pictures[frame], maps[frame] / top), maps.shape[1:], cell)
    left.set_title(f"frame {frame}" + (f": {caption}" if caption else ""), loc="left", **HEADING)
    _scale(figure, bar, top)
    _word_bars(right, shares[frame], shares.max() or 1.0, tokens, word)
    whole = np.isclose(maps[frame].sum() + shares[frame].sum(), 1, atol=1e-3)
    right.set_title("words" + (f", together {shares[frame].sum():.2f}" if whole else ""), **HEADING)
    chosen = spread(len(pictures), STRIP)
    covered = np.stack([blend(pictures[t], maps[t] / top) for t in chosen])
    _strip(lower, pictures[chosen], covered, list(chosen), frame)
    return figure


def _axes(shape: tuple[int, ...], title: str | None) -> tuple[Figure, Axes, Axes, Axes, Axes]:
    """Places for the picture, its scale, the words and the strip. Fixed: a layout engine doubles the time."""
    count, height, width, _ = shape
    large = min(4.6 * height / width, 4.2)
    small = 2 * min((WIDTH - 0.2) / min(count, STRIP) * height / width, 1.4)
    tall = (
        large + small + 0.85 + (0.25 * len(wrapped(title, int(WIDTH * 9)).splitlines()) + 0.1 if title else 0)
    )
    figure = new_figure(tall, title=title)
    figure.set_layout_engine("none")

    def place(x: float, y: float, across: float, down: float) -> Axes:
        """Axes in inches from the lower left corner."""
        return figure.add_axes((x / WIDTH, y / tall, across / WIDTH, down / tall))

    base, wide = small + 0.55, large * width / height
    return (
        figure,
        place(0.1, base, wide, large),
        place(0.2 + wide, base, 0.12, large),
        place(wide + 1.75, base, WIDTH - wide - 1.85, large),
        place(0.1, 0.05, WIDTH - 0.2, small),
    )


def blend(picture: NDArray[np.uint8], heat: NDArray[np.float64]) -> NDArray[np.uint8]:
    """A grey frame [H, W, 3] under a map [h, w] of 0..1, bright where it is read; cells keep their edges."""
    height, width = picture.shape[:2]
    rows = np.arange(height) * heat.shape[0] // height
    columns = np.arange(width) * heat.shape[1] // width
    cells = heat[rows[:, None], columns]  # [H, W]
    colour = matplotlib.colormaps[ATTENTION](cells)[..., :3] * 255
    share = (0.25 + 0.5 * np.sqrt(cells))[..., None]
    return np.rint((1 - share) * picture.mean(-1, keepdims=True) + share * colour).astype(np.uint8)


def _picture(
    axes: Axes, picture: NDArray[np.uint8], grid: tuple[int, ...], cell: tuple[int, int] | None
) -> None:
    bare(axes)
    height, width = picture.shape[:2]
    axes.imshow(picture, extent=(0, width, height, 0), interpolation="nearest")
    if cell is not None:
        size = (width / grid[1], height / grid[0])
        corner = (cell[1] * size[0], cell[0] * size[1])
        axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=SKY, linewidth=2.5, clip_on=False))


def _scale(figure: Figure, axes: Axes, top: float) -> None:
    scale = ScalarMappable(Normalize(0, top), ATTENTION)
    figure.colorbar(scale, cax=axes, ticks=MaxNLocator(5)).outline.set_visible(False)
    axes.set_title("per cell", loc="left", fontsize=9, color="#555555", **HEADING)


def _word_bars(
    axes: Axes, shares: NDArray[np.float64], top: float, tokens: Sequence[str], word: int | None
) -> None:
    """One bar per word, the reader in another colour."""
    places = range(len(tokens))
    axes.barh(places, shares, color=[VERMILION if i == word else BLUE for i in places], height=0.7)
    axes.set_yticks(places, [tidy_token(token) for token in tokens])
    axes.set_ylim(len(tokens) - 0.5, -0.5)
    axes.set_xlim(0, top * 1.2)
    axes.tick_params(axis="y", length=0)
    axes.locator_params(axis="x", nbins=4)
    if len(tokens) <= 20:
        for i, share in enumerate(shares):
            axes.text(share + 0.02 * top, i, f"{share:.2f}", va="center", fontsize=8, color="#555555")


def _strip(
    axes: Axes,
    plain: NDArray[np.uint8],
    covered: NDArray[np.uint8],
    numbers: list[int],
    frame: int,
) -> None:
    """Frames [n, H, W, 3] side by side in one image, below them the same under attention; one is marked."""
    bare(axes)
    height, width = plain.shape[1:3]
    gap = max(2, width // 25)
    tall = 2 * height + gap
    line = np.full((tall, len(plain) * (width + gap) - gap, 3), 255, np.uint8)
    for i, number in enumerate(numbers):
        start = i * (width + gap)
        line[:height, start : start + width] = plain[i]
        line[height + gap :, start : start + width] = covered[i]
        axes.text(start + width / 2, -0.04 * height, str(number), ha="center", va="bottom", fontsize=8)
        if number == frame:
            edge = Rectangle((start, 0), width, tall, fill=False, edgecolor=VERMILION, linewidth=2.5)
            edge.set_clip_on(False)
            axes.add_patch(edge)
    axes.imshow(line, extent=(0, line.shape[1], tall, 0), interpolation="nearest")
