"""From queries to masks: the plan of the spatial decoder, weighted channels that add up, points by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch
from numpy.typing import ArrayLike, NDArray

from rvos_edu.viz.overlay import show
from rvos_edu.viz.style import (
    BLUE,
    GREEN,
    ORANGE,
    PALETTE,
    WIDTH,
    Figure,
    bare,
    check_frames,
    new_figure,
    styled,
)

SIGNED = "PuOr_r"  # orange for the object, purple against it; safe for colour-blind readers
MARKERS = "osD^vP"


@styled
def decoder_plan(
    d_model: int,
    channels: tuple[int, int],
    kernel_dim: int,
    grid: tuple[int, int],
    *,
    title: str | None = None,
) -> Figure:
    """The spatial decoder from the encoder memory to the pixel features, with channels and sizes.

    Args:
        d_model: D, channels of the memory.
        channels: of the temporal encoder at strides 4 and 8.
        kernel_dim: channels of the result.
        grid: (h', w') of the memory.
        title: of the figure.
    """
    figure = new_figure(2.6 + (0.4 if title else 0), title=title)
    axes = figure.subplots()
    bare(axes)
    half, quarter, eighth = d_model // 2, d_model // 4, d_model // 8
    steps = [
        ("memory", d_model, 1, ""),
        ("", d_model, 1, "3x3"),
        ("", half, 1, "3x3"),
        ("sum", half, 2, "x2"),
        ("", quarter, 2, "3x3"),
        ("sum", quarter, 4, "x2"),
        ("", eighth, 4, "3x3"),
        ("pixels", kernel_dim, 4, "3x3 only"),
    ]
    for place, (name, width, scale, operation) in enumerate(steps):
        size = f"{grid[0] * scale} x {grid[1] * scale}"
        _card(axes, place, 0, f"{name}\n{width}\n{size}".lstrip("\n"), GREEN if name == "sum" else BLUE)
        if operation:
            _arrow(axes, (place - 0.6, 0), (place - 0.4, 0), operation, (place - 0.5, 0.62))
    for place, stage, width, scale in ((3, 2, channels[1], 2), (5, 1, channels[0], 4)):
        size = f"{grid[0] * scale} x {grid[1] * scale}"
        _card(axes, place, 1.9, f"stage {stage}\n{width}\n{size}", ORANGE)
        _arrow(axes, (place, 1.4), (place, 0.5), "1x1", (place + 0.22, 0.95))
    axes.set_xlim(-0.5, len(steps) - 0.5)
    axes.set_ylim(-1.0, 2.5)
    axes.text(-0.45, -0.95, "3x3: convolution, group norm, ReLU     x2: nearest upsampling     1x1: lateral")
    return figure


def _card(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    style = "round,pad=0,rounding_size=0.06"
    axes.add_patch(
        FancyBboxPatch((x - 0.39, y - 0.45), 0.78, 0.9, style, facecolor=colour + "30", edgecolor=colour)
    )
    axes.text(x, y, text, ha="center", va="center", fontsize=9)


def _arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], text: str, place: tuple[float, float]
) -> None:
    axes.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": "#555555"})
    axes.text(*place, text, ha="center", va="center", fontsize=8, color="#555555")


@styled
def weighted_sum(
    frame: ArrayLike,
    channels: ArrayLike,
    weights: ArrayLike,
    mask: ArrayLike,
    truth: ArrayLike | None = None,
    *,
    title: str | None = None,
) -> Figure:
    """A frame and its channels; below each channel times its weight; last the sum and the mask.

    Args:
        frame: uint8 [H, W, 3].
        channels: [K, h, w].
        weights: [K].
        mask: bool [H, W], what the sum becomes.
        truth: bool [H, W].
        title: of the figure.

    Raises:
        ValueError: if a shape does not fit.
    """
    picture = check_frames("frame[None]", np.asarray(frame)[None])[0]
    maps, kernel = np.asarray(channels, float), np.asarray(weights, float)
    if maps.ndim != 3 or kernel.shape != maps.shape[:1]:
        raise ValueError(f"channels must be [K, h, w] with weights [K], got {maps.shape} and {kernel.shape}")
    terms = maps * kernel[:, None, None]
    columns = -(-len(maps) // 2) + 1
    cell = WIDTH / columns
    row = cell * picture.shape[0] / picture.shape[1] + 0.25
    figure = new_figure(4 * row + (0.4 if title else 0), title=title)
    grid = figure.subplots(4, columns)
    scales = (float(np.abs(maps).max()) or 1.0, float(np.abs(terms).max()) or 1.0)
    for number, (channel, term) in enumerate(zip(maps, terms, strict=True)):
        top, column = 2 * (number // (columns - 1)), 1 + number % (columns - 1)
        _map(grid[top, column], channel, scales[0], f"channel {number}")
        _map(grid[top + 1, column], term, scales[1], f"times {kernel[number]:+.1f}")
    grid[1, 0].remove()
    show(grid[0, 0], picture, None, None if truth is None else np.asarray(truth, bool))
    grid[0, 0].set_title("frame", pad=3)
    total = terms.sum(0)
    _map(grid[2, 0], total, float(np.abs(total).max()) or 1.0, "sum of all terms")
    show(grid[3, 0], picture, np.asarray(mask, bool), None if truth is None else np.asarray(truth, bool))
    grid[3, 0].set_title("sum > 0", pad=3)
    if len(maps) % 2:  # the last place stays empty
        grid[2, -1].remove()
        grid[3, -1].remove()
    return figure


def _map(axes: Axes, values: NDArray[np.float64], top: float, text: str) -> None:
    bare(axes)
    axes.imshow(values, cmap=SIGNED, vmin=-top, vmax=top, interpolation="nearest")
    axes.set_title(text, pad=3)


@styled
def group_planes(
    points: ArrayLike, panels: Mapping[str, Sequence[str]], *, title: str | None = None
) -> Figure:
    """The same points in a plane once per panel, coloured by another property each time.

    Args:
        points: [n, 2].
        panels: caption -> n group names; an empty name leaves the point out.
        title: of the figure.

    Raises:
        ValueError: if a panel has another number of names.
    """
    places = np.asarray(points, float)
    for caption, names in panels.items():
        if places.shape != (len(names), 2):
            raise ValueError(f"points must be [{len(names)}, 2] for {caption!r}, got {places.shape}")
    figure = new_figure(4.2 + (0.4 if title else 0), title=title)
    grid = figure.subplots(1, len(panels), squeeze=False, sharex=True, sharey=True)[0]
    for axes, (caption, names) in zip(grid, panels.items(), strict=True):
        axes.set_title(caption)
        axes.grid(True)
        for number, group in enumerate(sorted(set(names) - {""})):
            chosen = places[[name == group for name in names]]
            marker = MARKERS[number // len(PALETTE) % len(MARKERS)]
            colour = PALETTE[number % len(PALETTE)]
            axes.plot(*chosen.T, marker, color=colour, label=group, alpha=0.75, markersize=5)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=2, handletextpad=0.1)
    return figure
