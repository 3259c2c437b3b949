"""The multimodal transformer as a picture: mixing of vectors, the two kinds of layers, heads (MTTR, C.2)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import FancyBboxPatch, Polygon
from numpy.typing import ArrayLike

from rvos_edu.viz.attention_panel import blend
from rvos_edu.viz.style import (
    BLUE,
    GREEN,
    GREY,
    PALETTE,
    PURPLE,
    VERMILION,
    WIDTH,
    Figure,
    bare,
    check_frames,
    new_figure,
    styled,
)


@styled
def mixing_plane(
    values: Mapping[str, tuple[float, float]],
    outputs: Mapping[str, tuple[float, float]],
    *,
    title: str | None = None,
) -> Figure:
    """Value vectors as arrows, and outputs of attention as dots: always inside the hull of the values.

    Args:
        values: name -> (x, y).
        outputs: name -> (x, y).
        title: of the figure.
    """
    figure = new_figure(3.4 + (0.4 if title else 0), title=title, width=5.6)
    axes = figure.subplots()
    corners = np.array(list(values.values()), float)
    order = np.argsort(np.arctan2(*(corners - corners.mean(0)).T[::-1]))
    axes.add_patch(Polygon(corners[order], closed=True, facecolor="#EEEEEE", edgecolor="#BBBBBB"))
    for colour, (name, (x, y)) in zip(PALETTE, values.items(), strict=False):
        axes.annotate("", (x, y), (0, 0), arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": 2})
        axes.annotate(name, (x, y), xytext=(0, 7), textcoords="offset points", ha="center", color=colour)
    for name, (x, y) in outputs.items():
        axes.plot(x, y, "o", color="#111111", markersize=7)
        axes.annotate(name, (x, y), xytext=(7, -11), textcoords="offset points")
    axes.set_xlim(min(0, corners[:, 0].min()) - 0.25, corners[:, 0].max() + 0.8)
    axes.set_ylim(min(0, corners[:, 1].min()) - 0.25, corners[:, 1].max() + 0.4)
    axes.set_aspect("equal")
    axes.grid(True)
    return figure


@styled
def head_grid(frame: ArrayLike, maps: ArrayLike, *, title: str | None = None) -> Figure:
    """One reader's attention over one frame in every layer (rows) and head (columns); each map its own scale.

    Args:
        frame: uint8 [H, W, 3].
        maps: [layers, heads, h, w], 0 or more.
        title: of the figure.

    Raises:
        ValueError: if a shape does not fit.
    """
    picture = check_frames("frame[None]", np.asarray(frame)[None])[0]
    weights = np.asarray(maps, float)
    if weights.ndim != 4 or not weights.size:
        raise ValueError(f"maps must be [layers, heads, h, w], got {weights.shape}")
    layers, heads = weights.shape[:2]
    cell = (WIDTH - 0.7) / max(heads, 3)
    row = cell * picture.shape[0] / picture.shape[1] + 0.25
    figure = new_figure(layers * row + 0.1 + (0.4 if title else 0), title=title, width=cell * heads + 0.7)
    grid = figure.subplots(layers, heads, squeeze=False)
    for (layer, head), axes in np.ndenumerate(grid):
        bare(axes)
        shown = weights[layer, head]
        axes.imshow(blend(picture, shown / (shown.max() or 1.0)), interpolation="nearest")
        axes.set_title(f"head {head}, on pixels {shown.sum():.2f}", pad=3, fontsize=9)
        if head == 0:
            axes.set_ylabel(f"layer {layer}")
    return figure


@styled
def transformer_map(*, layers: tuple[int, int] = (3, 3)) -> Figure:
    """Encoder layer and decoder layer, what goes into each, and where positions are added.

    Args:
        layers: how often the encoder's and the decoder's layer are repeated.
    """
    figure = new_figure(5.1)
    axes = figure.subplots()
    bare(axes)
    axes.set_xlim(0, 18)
    axes.set_ylim(0.4, 10.5)
    _encoder(axes, layers[0])
    _decoder(axes, layers[1])
    return figure


def _encoder(axes: Axes, count: int) -> None:
    """Left half: one layer from bottom to top."""
    _frame(axes, 2.4, 2.2, 5.2, 6.0, f"encoder layer x {count}")
    _box(axes, 5, 1.0, 4.6, "sequence of one frame   [S, D]\npixels, then words", BLUE)
    _box(axes, 5, 3.1, 4.0, "self-attention", GREEN)
    _box(axes, 5, 4.4, 4.0, "add, layer norm", GREY)
    _box(axes, 5, 5.7, 4.0, "feed-forward", GREEN)
    _box(axes, 5, 7.0, 4.0, "add, layer norm", GREY)
    _box(axes, 5, 9.0, 4.6, "memory   [S, D]", BLUE)
    for low, high in ((1.45, 2.65), (3.55, 3.95), (4.85, 5.25), (6.15, 6.55), (7.45, 8.55)):
        _arrow(axes, (5, low), (5, high))
    _box(axes, 1.0, 3.1, 1.7, "positions\n[S, D]", PURPLE)
    _arrow(axes, (1.85, 3.1), (3.0, 3.1), PURPLE)
    axes.text(2.42, 3.28, "Q, K", ha="center", fontsize=8, color=PURPLE)


def _decoder(axes: Axes, count: int) -> None:
    """Right half: one layer from bottom to top, fed by the memory."""
    _frame(axes, 10.2, 1.9, 5.2, 7.25, f"decoder layer x {count}")
    _box(axes, 12.8, 1.0, 4.6, "content of the queries   [N, D]\nzero at first", VERMILION)
    parts = ("self-attention", "add, layer norm", "cross-attention", "add, layer norm", "feed-forward")
    for number, name in enumerate((*parts, "add, layer norm")):
        height = 2.6 + 1.08 * number
        _box(axes, 12.8, height, 4.0, name, GREEN if number % 2 == 0 else GREY)
        _arrow(axes, (12.8, height - (0.63 if number else 1.15)), (12.8, height - 0.45))
    _box(axes, 12.8, 9.9, 4.6, "layer norm, states   [N, D]", VERMILION)
    _arrow(axes, (12.8, 8.45), (12.8, 9.45))
    _box(axes, 17.0, 3.7, 1.7, "object\nqueries\n[N, D]", PURPLE, tall=1.4)
    for height in (2.6, 4.76):
        _arrow(axes, (16.15, 3.7 + np.sign(height - 3.7) * 0.4), (14.8, height), PURPLE)
    axes.text(15.9, 2.75, "Q, K", ha="center", fontsize=8, color=PURPLE)
    axes.text(15.9, 4.55, "Q", ha="center", fontsize=8, color=PURPLE)
    axes.plot([7.3, 8.7, 8.7], [9.0, 9.0, 4.76], color=BLUE, linewidth=1.3)
    _arrow(axes, (8.65, 4.76), (10.8, 4.76), BLUE)
    axes.text(8.85, 5.0, "K: + positions\nV: as it is", fontsize=8, color=BLUE)


def _frame(axes: Axes, x: float, y: float, width: float, height: float, text: str) -> None:
    style = "round,pad=0,rounding_size=0.25"
    axes.add_patch(
        FancyBboxPatch((x, y), width, height, boxstyle=style, facecolor="#F6F6F6", edgecolor="#BBBBBB")
    )
    axes.text(x + 0.15, y + height - 0.12, text, va="top", fontsize=8, color="#555555")


def _box(axes: Axes, x: float, y: float, width: float, text: str, colour: str, *, tall: float = 0.9) -> None:
    """A rounded box around (x, y)."""
    light = tuple(0.78 + 0.22 * channel for channel in to_rgb(colour))
    axes.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - tall / 2), width, tall, boxstyle="round,pad=0,rounding_size=0.15",
            facecolor=light, edgecolor=colour,
        )
    )  # fmt: skip
    axes.text(x, y, text, ha="center", va="center", fontsize=9)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = "#555555") -> None:
    axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": 1.3})
