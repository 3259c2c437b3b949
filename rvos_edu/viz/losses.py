"""Losses as pictures: the push of each loss on every pixel, weights of queries, terms of layers.

A push is minus the gradient with respect to the logits: where it is positive, training raises the mask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from numpy.typing import ArrayLike, NDArray

from rvos_edu.viz.overlay import outline
from rvos_edu.viz.style import (
    BLACK,
    GREY,
    PALETTE,
    TRUTH,
    WIDTH,
    Figure,
    bare,
    new_figure,
    styled,
)

PUSH = "RdBu"  # blue: the mask is raised here, red: lowered; safe for colour-blind readers
RAISES, LOWERS = "#2166ac", "#b2182b"  # its ends
Array = NDArray[np.float64]


@dataclass(frozen=True)
class LossTerm:
    """One loss of `loss_explorer`.

    Args:
        name: such as "Dice".
        value: for the mask shown.
        push: [H, W], minus the gradient with respect to the logits.
        curve: [K], the value at each of the K offsets.
    """

    name: str
    value: float
    push: ArrayLike
    curve: ArrayLike


@styled
def loss_explorer(
    probability: ArrayLike,
    truth: ArrayLike,
    terms: Sequence[LossTerm],
    *,
    offsets: ArrayLike,
    offset: float,
    row: int,
) -> Figure:
    """A mask over the truth, the push of every loss on it, and each loss along an offset.

    Args:
        probability: [H, W] in 0..1, the mask.
        truth: bool [H, W].
        terms: the losses, one column each.
        offsets: [K], where the curves were taken.
        offset: where the mask is now.
        row: of pixels, whose probabilities are drawn below the mask.

    Raises:
        ValueError: if a shape or a value does not fit.
    """
    mask, true = _check_masks(probability, truth)
    places = np.asarray(offsets, np.float64)
    if not 0 <= row < len(mask):
        raise ValueError(f"row must be in 0..{len(mask) - 1}, got {row}")
    columns = len(terms) + 1
    figure = Figure(figsize=(WIDTH, 3.9))  # fixed places: a computed layout takes longer than the drawing
    grid = figure.subplots(2, columns, height_ratios=[1.25, 1], squeeze=False)
    figure.subplots_adjust(left=0.05, right=0.99, top=0.93, bottom=0.21, wspace=0.22, hspace=0.16)
    _mask_picture(grid[0, 0], mask, true)
    _profile(grid[1, 0], mask[row], true[row])
    for k, (term, colour) in enumerate(zip(terms, PALETTE, strict=False), start=1):
        _push_picture(grid[0, k], np.asarray(term.push, np.float64), true, f"{term.name} {term.value:.3f}")
        curve = np.asarray(term.curve, np.float64)
        if curve.shape != places.shape:
            raise ValueError(f"a curve needs one value per offset, {places.shape}, got {curve.shape}")
        axes = grid[1, k]
        axes.plot(places, curve, color=colour)
        axes.plot([offset], [term.value], "o", color=colour, markeredgecolor="black", markersize=8)
        axes.set_ylim(0, max(float(curve.max()), term.value) * 1.12 + 1e-9)
        axes.set_xlabel("offset x (pixels)")
        axes.locator_params(axis="x", nbins=4)  # few ticks: they take most of the drawing time
        axes.locator_params(axis="y", nbins=2)
    _push_legend(figure)
    return figure


@styled
def push_maps(
    probability: ArrayLike, truth: ArrayLike, pushes: Mapping[str, ArrayLike], *, title: str | None = None
) -> Figure:
    """A mask and, next to it, where each loss raises or lowers it.

    Args:
        probability: [H, W] in 0..1.
        truth: bool [H, W].
        pushes: name -> [H, W], minus the gradient with respect to the logits; each has its own scale.
        title: of the figure.

    Raises:
        ValueError: if a shape or a value does not fit.
    """
    mask, true = _check_masks(probability, truth)
    cell = WIDTH / (len(pushes) + 1)
    figure = new_figure(cell * mask.shape[0] / mask.shape[1] + 0.85 + (0.3 if title else 0), title=title)
    grid = figure.subplots(1, len(pushes) + 1, squeeze=False)[0]
    _mask_picture(grid[0], mask, true)
    for axes, (name, push) in zip(grid[1:], pushes.items(), strict=True):
        _push_picture(axes, np.asarray(push, np.float64), true, name)
    _push_legend(figure)
    return figure


@styled
def query_weights(
    referred: ArrayLike, weights: Mapping[str, ArrayLike], *, title: str | None = None
) -> Figure:
    """What each query is told in each frame, and how much it weighs: one table per way of weighing.

    Args:
        referred: bool [A, N], True where the target is "referred".
        weights: name -> [A, N].
        title: of the figure.

    Raises:
        ValueError: if shapes differ.
    """
    yes = np.asarray(referred, bool)
    frames, queries = yes.shape
    figure = new_figure(0.42 * frames + 1.15 + (0.4 if title else 0), title=title)
    for axes, (name, values) in zip(
        figure.subplots(1, len(weights), squeeze=False)[0], weights.items(), strict=True
    ):
        numbers = np.asarray(values, np.float64)
        if numbers.shape != yes.shape:
            raise ValueError(f"weights {name!r} must be [A, N] = {yes.shape}, got {numbers.shape}")
        axes.imshow(np.where(yes, numbers, -numbers), cmap=PUSH, vmin=-1.6, vmax=1.6, aspect="auto")
        for t, n in np.ndindex(yes.shape):
            axes.text(n, t, f"{numbers[t, n]:g}", ha="center", va="center", color=BLACK, fontsize=10)
        axes.set_xticks(range(queries))
        axes.set_yticks(range(frames))
        axes.tick_params(length=0)
        axes.set_xlabel("object query")
        axes.set_ylabel("frame")
        axes.set_title(name)
    handles = [
        Patch(facecolor=RAISES, label='target "referred"'),
        Patch(facecolor=LOWERS, label='target "not referred"'),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


@styled
def layer_bars(terms: Mapping[str, ArrayLike], *, title: str | None = None) -> Figure:
    """One bar per decoder layer, made of the weighted terms of its loss.

    Args:
        terms: name -> [Z].
        title: of the figure.

    Raises:
        ValueError: if the terms differ in length, or there are none.
    """
    values = {name: np.asarray(value, np.float64) for name, value in terms.items()}
    shapes = {value.shape for value in values.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 1:
        raise ValueError(f"every term must be [Z], got {[v.shape for v in values.values()]}")
    layers = next(iter(shapes))[0]
    figure = new_figure(0.45 * layers + 0.95 + (0.4 if title else 0), title=title)
    axes = figure.subplots()
    left = np.zeros(layers)
    for (name, value), colour in zip(values.items(), PALETTE, strict=False):
        axes.barh(range(layers), value, left=left, color=colour, height=0.6, label=name)
        left = left + value
    for layer, total in enumerate(left):
        axes.annotate(f"{total:.2f}", (total, layer), xytext=(4, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(layers), [f"decoder layer {z}" for z in range(layers)])
    axes.set_ylim(layers - 0.5, -0.5)
    axes.set_xlim(0, max(float(left.max()) * 1.1, 1e-9))
    axes.set_xlabel("weighted loss")
    figure.legend(loc="outside lower right", ncols=len(values))
    return figure


def _check_masks(probability: ArrayLike, truth: ArrayLike) -> tuple[Array, NDArray[np.bool_]]:
    mask, true = np.asarray(probability, np.float64), np.asarray(truth)
    if true.dtype != np.bool_ or mask.ndim != 2 or mask.shape != true.shape:
        raise ValueError(
            f"probability and truth (bool) must be [H, W], got {mask.shape} and {true.dtype} {true.shape}"
        )
    if not (mask.min() >= 0 and mask.max() <= 1):
        raise ValueError(f"probability must be in 0..1, got {mask.min():g}..{mask.max():g}")
    return mask, true


def _mask_picture(axes: Axes, mask: Array, truth: NDArray[np.bool_]) -> None:
    bare(axes)
    axes.imshow(mask, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    outline(axes, truth, TRUTH, dashed=True)
    axes.set_title("probability; truth dashed")


def _push_picture(axes: Axes, push: Array, truth: NDArray[np.bool_], name: str) -> None:
    if push.shape != truth.shape:
        raise ValueError(f"the push of {name!r} must be [H, W] = {truth.shape}, got {push.shape}")
    bare(axes)
    top = float(np.abs(push).max())
    axes.imshow(push, cmap=PUSH, vmin=-max(top, 1e-12), vmax=max(top, 1e-12), interpolation="nearest")
    if truth.any():
        axes.contour(
            truth.astype(float), levels=[0.5], colors=[GREY], linewidths=0.8
        )  # thin: pixels must show
    axes.set_title(name)
    axes.set_xlabel(f"strongest push {top:.1e}", fontsize=8, labelpad=2)


def _profile(axes: Axes, mask: Array, truth: NDArray[np.bool_]) -> None:
    """Probabilities of one row of pixels, the truth behind."""
    x = np.arange(len(mask))
    axes.fill_between(x, truth.astype(float), step="mid", color=TRUTH, alpha=0.6, linewidth=0)
    axes.plot(x, mask, color=BLACK)
    axes.set_xlim(0, len(mask) - 1)
    axes.set_ylim(0, 1.12)
    axes.set_xlabel("a row of pixels")
    axes.locator_params(nbins=3)


def _push_legend(figure: Figure) -> None:
    handles = [
        Patch(facecolor=RAISES, label="raises the mask here"),
        Patch(facecolor=LOWERS, label="lowers it here"),
    ]
    figure.legend(
        handles=handles, loc="outside lower center" if figure.get_layout_engine() else "lower center", ncols=2
    )
