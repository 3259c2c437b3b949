"""Where a query looks: attention over the pixels of the frames and over the words (MTTR, C.2)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.image import AxesImage
from numpy.typing import ArrayLike, NDArray

from rvos_edu.viz.style import (
    ATTENTION,
    BLUE,
    HEAT,
    WIDTH,
    Figure,
    bare,
    check_frames,
    new_figure,
    picture_grid,
    spread,
    styled,
)

_NUMBERS = 120  # cells up to which a matrix shows its numbers


def _weights(name: str, weights: ArrayLike, axes: str, ndims: tuple[int, ...]) -> NDArray[np.float64]:
    array = np.asarray(weights, np.float64)
    if array.ndim not in ndims or not array.size:
        raise ValueError(f"{name} must be {axes}, got shape {array.shape}")
    if not np.isfinite(array).all() or array.min() < 0:
        raise ValueError(f"{name} must be 0 or more, got {array.min():g}..{array.max():g}")
    return array


def enlarge(maps: ArrayLike, size: tuple[int, int]) -> NDArray[np.float64]:
    """Bilinear enlargement with pixel centres aligned, as masks are enlarged.

    Args:
        maps: [T, h, w].
        size: (H, W).

    Returns:
        float64 [T, H, W].
    """
    out = _weights("maps", maps, "[T, h, w]", (3,))
    for axis, length in ((1, size[0]), (2, size[1])):
        cells = out.shape[axis]
        place = np.clip((np.arange(length) + 0.5) * cells / length - 0.5, 0, cells - 1)
        low = place.astype(int)
        high = np.minimum(low + 1, cells - 1)
        share = (place - low).reshape([-1 if a == axis else 1 for a in range(3)])
        out = out.take(low, axis) * (1 - share) + out.take(high, axis) * share
    return out


@styled
def attention_over_frames(
    frames: ArrayLike,
    weights: ArrayLike,
    *,
    title: str | None = None,
    labels: Sequence[str] | None = None,
    count: int = 8,
) -> Figure:
    """The attention of one query over up to `count` frames, bright where it looks; one scale for all frames.

    Args:
        frames: uint8 [T, H, W, 3].
        weights: [T, h, w], 0 or more, of the stride-16 map.
        title: such as the sentence and the query.
        labels: T captions; default "frame 0", ...
        count: largest number of pictures.

    Raises:
        ValueError: if a type or a shape does not fit.
    """
    pictures = check_frames("frames", frames)
    maps = _weights("weights", weights, "[T, h, w]", (3,))
    if len(maps) != len(pictures):
        raise ValueError(f"weights must be one map per frame, {len(pictures)}, got {len(maps)}")
    if labels is not None and len(labels) != len(pictures):
        raise ValueError(f"labels must be one per frame, {len(pictures)}, got {len(labels)}")
    height, width = pictures.shape[1:3]
    large, top = enlarge(maps, (height, width)), maps.max() or 1.0
    chosen = spread(len(pictures), count)
    rows, columns = picture_grid(len(chosen), height / width)
    cell = (WIDTH - 0.8) / max(columns, 3)
    row = min(cell * height / width, 4.0) + 0.2
    figure = new_figure(rows * row + 0.1 + (0.4 if title else 0), title=title, width=cell * columns + 0.8)
    grid = figure.subplots(rows, columns, squeeze=False)
    drawn: list[AxesImage] = []
    for axes, t in zip(grid.ravel(), chosen, strict=False):
        bare(axes)
        grey = pictures[t].mean(-1)
        axes.imshow(grey, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        seen = 0.25 + 0.6 * np.sqrt(large[t] / top)  # [H, W]
        drawn.append(axes.imshow(large[t], cmap=ATTENTION, vmin=0, vmax=top, alpha=np.clip(seen, 0, 1)))
        axes.set_title(labels[t] if labels is not None else f"frame {t}", pad=3, fontsize=9)
    for axes in grid.ravel()[len(chosen) :]:
        bare(axes)
    scale = ScalarMappable(drawn[0].norm, ATTENTION)
    bar = figure.colorbar(scale, ax=list(grid.ravel()), shrink=0.85, pad=0.015, aspect=25)
    bar.set_label("attention per cell")
    bar.outline.set_visible(False)
    return figure


def tidy_token(token: str) -> str:
    """A token as a reader knows it: byte-level BPE marks a space before a word by "Ġ"."""
    return token.replace("Ġ", "").replace("Ċ", "\\n") or "␣"


@styled
def attention_over_words(
    weights: ArrayLike, tokens: Sequence[str], *, rows: Sequence[str] | None = None, title: str | None = None
) -> Figure:
    """Attention over the words: bars for one query, a matrix for several rows (frames, queries or words).

    Args:
        weights: [L] or [R, L], 0 or more.
        tokens: the L tokens, as the tokenizer writes them.
        rows: R labels; default "frame 0", ...
        title: of the figure.

    Raises:
        ValueError: if a shape or a number of labels does not fit.
    """
    values = _weights("weights", weights, "[L] or [R, L]", (1, 2))
    if values.shape[-1] != len(tokens):
        raise ValueError(f"tokens must be one per column, {values.shape[-1]}, got {len(tokens)}")
    words = [tidy_token(token) for token in tokens]
    if values.ndim == 1:
        return _bars(values, words, title)
    if rows is not None and len(rows) != len(values):
        raise ValueError(f"rows must be one label per row, {len(values)}, got {len(rows)}")
    return _matrix(
        values, words, list(rows) if rows is not None else [f"frame {r}" for r in range(len(values))], title
    )


def _name_words(axes: Axes, words: list[str]) -> None:
    crowded = max(len(word) for word in words) * len(words) > 80
    axes.set_xticks(
        range(len(words)), words, rotation=45 if crowded else 0, ha="right" if crowded else "center"
    )
    axes.tick_params(axis="both", length=0)


def _bars(values: NDArray[np.float64], words: list[str], title: str | None) -> Figure:
    figure = new_figure(2.4 + (0.4 if title else 0), title=title, width=min(WIDTH, 2.0 + 0.75 * len(words)))
    axes = figure.subplots()
    axes.bar(range(len(words)), values, color=BLUE, width=0.7)
    for x, value in enumerate(values):
        axes.annotate(
            f"{value:.2f}", (x, value), xytext=(0, 2), textcoords="offset points", ha="center", fontsize=9
        )
    _name_words(axes, words)
    axes.set_ylabel("attention")
    axes.set_ylim(0, (values.max() or 1.0) * 1.15)
    axes.grid(axis="y")
    return figure


def _matrix(values: NDArray[np.float64], words: list[str], rows: list[str], title: str | None) -> Figure:
    height = min(0.8 + 0.36 * len(rows), 7.0)
    figure = new_figure(
        height + (0.4 if title else 0), title=title, width=min(WIDTH, 2.4 + 0.75 * len(words))
    )
    axes = figure.subplots()
    image = axes.imshow(values, cmap=HEAT, vmin=0, vmax=values.max() or 1.0, aspect="auto")
    _name_words(axes, words)
    axes.set_yticks(range(len(rows)), rows)
    for side in axes.spines.values():
        side.set_visible(False)
    if values.size <= _NUMBERS:
        for (r, c), value in np.ndenumerate(values):
            dark = value < 0.6 * (values.max() or 1.0)
            axes.text(
                c, r, f"{value:.2f}", ha="center", va="center", fontsize=8, color="white" if dark else "black"
            )
    bar = figure.colorbar(image, ax=axes, pad=0.015, aspect=25)
    bar.set_label("attention")
    bar.outline.set_visible(False)
    return figure
