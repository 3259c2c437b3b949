"""The multimodal sequence of one frame: its pixels row by row, then the words (MTTR, section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from numpy.typing import ArrayLike, NDArray

from rvos_edu.viz.attention import tidy_token
from rvos_edu.viz.style import BLUE, VERMILION, Figure, bare, check_frames, new_figure, styled

PIXEL, PADDED_PIXEL, WORD, PADDED_WORD = BLUE, "#C6DBEF", VERMILION, "#F6D5C0"
KINDS = {"pixel": PIXEL, "padded pixel": PADDED_PIXEL, "word": WORD, "padded word": PADDED_WORD}


@styled
def sequence_strip(
    frames: ArrayLike,
    grid: tuple[int, int],
    tokens: Sequence[Sequence[str]],
    padding: ArrayLike,
    *,
    title: str | None = None,
) -> Figure:
    """Frames with their cells numbered, and beside each the S tokens of its sequence by kind.

    Args:
        frames: uint8 [R, H, W, 3], one per row.
        grid: (h', w') of the stride-16 map.
        tokens: R rows of L tokens.
        padding: bool [R, S], S = h'w' + L, True where padded.
        title: of the figure.

    Raises:
        ValueError: if a shape does not fit.
    """
    pictures = check_frames("frames", frames)
    padded = np.asarray(padding, bool)
    cells, length = grid[0] * grid[1], len(tokens[0])
    if padded.shape != (len(pictures), cells + length) or len(tokens) != len(pictures):
        raise ValueError(
            f"padding must be [R, S] = {(len(pictures), cells + length)} and tokens R rows, "
            f"got {padded.shape} and {len(tokens)}"
        )
    figure = new_figure(1.75 * len(pictures) + 0.35 + (0.4 if title else 0), title=title)
    rows = figure.subplots(len(pictures), 2, squeeze=False, width_ratios=[1, 2.6])
    for (left, right), picture, mask, words in zip(rows, pictures, padded, tokens, strict=True):
        _numbered(left, picture, grid)
        _strip(right, mask, words, cells, grid[1])
    handles = [Patch(facecolor=colour, label=name) for name, colour in KINDS.items()]
    figure.legend(handles=handles, loc="outside lower right", ncols=4)
    return figure


def _numbered(axes: Axes, picture: NDArray[np.uint8], grid: tuple[int, int]) -> None:
    """A frame, the lines of its cells, and their numbers row by row."""
    bare(axes)
    height, width = picture.shape[:2]
    axes.imshow(picture, interpolation="nearest", extent=(0, width, height, 0))
    for row in range(grid[0] + 1):
        axes.axhline(row * height / grid[0], color="white", linewidth=0.6)
    for column in range(grid[1] + 1):
        axes.axvline(column * width / grid[1], color="white", linewidth=0.6)
    for number in range(grid[0] * grid[1]):
        row, column = divmod(number, grid[1])
        place = ((column + 0.5) * width / grid[1], (row + 0.5) * height / grid[0])
        axes.text(*place, str(number), ha="center", va="center", fontsize=7, color="white")
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)


def _strip(axes: Axes, padding: NDArray[np.bool_], words: Sequence[str], cells: int, width: int) -> None:
    """S boxes, pixels in rows of their map's width laid end to end; words named."""
    bare(axes)
    for number, padded in enumerate(padding):
        kind = (PADDED_PIXEL if padded else PIXEL) if number < cells else (PADDED_WORD if padded else WORD)
        axes.bar(number, 1, width=0.86, color=kind)
        if number < cells and number % width == 0:
            axes.text(number, -0.08, str(number), ha="center", va="top", fontsize=8, color="#555555")
        elif number >= cells:
            word = tidy_token(words[number - cells])
            axes.text(number, -0.08, word, ha="center", va="top", fontsize=8, rotation=90)
    axes.set_xlim(-1, len(padding))
    axes.set_ylim(-1.1, 1.1)


@styled
def sequence_codes(codes: ArrayLike, cells: int, *, title: str | None = None) -> Figure:
    """Position codes of a whole sequence: one column per token, one row per channel.

    Args:
        codes: [S, D].
        cells: h'w', the number of pixel tokens at the front.
        title: of the figure.

    Raises:
        ValueError: if there are no words behind the pixels.
    """
    values = np.asarray(codes, float)
    if values.ndim != 2 or not 0 < cells < len(values):
        raise ValueError(f"codes must be [S, D] with S > {cells} pixels, got {values.shape}")
    figure = new_figure(2.6 + (0.4 if title else 0), title=title)
    axes = figure.subplots()
    image = axes.imshow(values.T, cmap="PuOr_r", vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
    axes.axvline(cells - 0.5, color="#111111", linewidth=1.5)
    axes.text(cells / 2 - 0.5, -3, "pixels, row by row", ha="center", va="bottom", fontsize=9)
    axes.text((cells + len(values)) / 2 - 0.5, -3, "words: all zero", ha="center", va="bottom", fontsize=9)
    axes.set_xlabel("token")
    axes.set_ylabel("channel")
    bar = figure.colorbar(image, ax=axes, pad=0.015, aspect=20)
    bar.set_label("position code")
    bar.outline.set_visible(False)
    return figure
