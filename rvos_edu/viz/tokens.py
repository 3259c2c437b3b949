"""What a text encoder sees: merged letters, numbered tokens, and how alike their features are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import FancyBboxPatch
from numpy.typing import ArrayLike

from rvos_edu.viz.attention import tidy_token
from rvos_edu.viz.style import BLUE, GREY, VERMILION, WIDTH, Figure, bare, new_figure, styled

SPECIAL_TOKENS = ("<s>", "</s>")
PADDING_TOKEN = "<pad>"
ALIKE = "PuOr"  # diverging: purple for opposite, orange for alike, safe for colour-blind readers


def _box(axes: Axes, x: float, y: float, width: float, text: str, colour: str, *, size: float = 9) -> None:
    """A rounded box with a word in it; (x, y) is its lower left corner, its height is 0.7."""
    light = tuple(0.78 + 0.22 * channel for channel in to_rgb(colour))
    style = "round,pad=0,rounding_size=0.12"
    axes.add_patch(
        FancyBboxPatch((x + 0.05, y), width - 0.1, 0.7, boxstyle=style, facecolor=light, edgecolor=colour)
    )
    axes.text(x + width / 2, y + 0.35, text, ha="center", va="center", fontsize=size, color="#111111")


@styled
def merge_ladder(steps: Sequence[Sequence[str]], *, title: str | None = None) -> Figure:
    """Letters that grow together into tokens, one row per step; equal places are equal letters.

    Args:
        steps: rows of symbols; all rows spell the same text.
        title: of the figure.

    Raises:
        ValueError: if there is no step, or two rows spell different texts.
    """
    texts = {"".join(row) for row in steps}
    if len(texts) != 1:
        raise ValueError(f"all steps must spell one text, got {sorted(texts)}")
    letters = len(texts.pop())
    figure = new_figure(0.34 * len(steps) + 0.15 + (0.4 if title else 0), title=title)
    axes = figure.subplots()
    bare(axes)
    axes.set_xlim(-0.1, max(letters, 16))
    axes.set_ylim(-len(steps) + 0.9, 0.9)
    for number, row in enumerate(steps):
        x = 0
        for symbol in row:
            grown = len(symbol) > 1
            _box(axes, x, -number, len(symbol), symbol.replace("Ġ", "␣"), BLUE if grown else GREY)
            x += len(symbol)
    return figure


def token_colour(token: str) -> str:
    """Colour of a token's kind: start and end, padding, or a piece of the sentence."""
    if token == PADDING_TOKEN:
        return "#BBBBBB"
    return VERMILION if token in SPECIAL_TOKENS else BLUE


@styled
def token_rows(
    tokens: Sequence[Sequence[str]], rows: Mapping[str, ArrayLike], *, title: str | None = None
) -> Figure:
    """A batch of sentences as boxes, with numbers below every token.

    Args:
        tokens: B rows of L tokens, padding included.
        rows: name -> numbers [B, L], such as ids, mask and positions.
        title: of the figure.

    Raises:
        ValueError: if rows have different lengths.
    """
    numbers = {name: np.asarray(values) for name, values in rows.items()}
    length = len(tokens[0])
    for name, values in numbers.items():
        if values.shape != (len(tokens), length):
            raise ValueError(f"{name} must be [B, L] = {(len(tokens), length)}, got {values.shape}")
    tall = 1.05 + 0.42 * len(numbers)
    figure = new_figure(0.38 * tall * len(tokens) + (0.4 if title else 0.1), title=title)
    axes = figure.subplots()
    bare(axes)
    axes.set_xlim(-1.25, length)
    axes.set_ylim(-tall * (len(tokens) - 1) - 0.42 * len(numbers) - 0.2, 0.8)
    for b, row in enumerate(tokens):
        top = -tall * b
        for i, token in enumerate(row):
            _box(axes, i, top, 1, tidy_token(token), token_colour(token))
            for k, values in enumerate(numbers.values()):
                axes.text(i + 0.5, top - 0.3 - 0.42 * k, f"{values[b, i]}", ha="center", va="center")
        for k, name in enumerate(numbers):
            axes.text(-0.1, top - 0.3 - 0.42 * k, name, ha="right", va="center", color="#555555")
    return figure


@styled
def similarity_panels(
    panels: Mapping[str, ArrayLike], labels: Sequence[str], *, title: str | None = None
) -> Figure:
    """Square matrices of cosine similarities, -1..1, beside each other.

    Args:
        panels: caption -> [n, n].
        labels: n words; words may repeat.
        title: of the figure.

    Raises:
        ValueError: if a matrix does not fit the labels.
    """
    matrices = {name: np.asarray(values, float) for name, values in panels.items()}
    for name, matrix in matrices.items():
        if matrix.shape != (len(labels), len(labels)):
            raise ValueError(f"{name} must be [n, n] with n = {len(labels)}, got {matrix.shape}")
    cell = (WIDTH - 1.4) / len(matrices)
    figure = new_figure(cell + 1.1 + (0.4 if title else 0), title=title)
    grid = figure.subplots(1, len(matrices), squeeze=False, sharey=True)[0]
    for axes, (name, matrix) in zip(grid, matrices.items(), strict=True):
        image = axes.imshow(matrix, cmap=ALIKE + "_r", vmin=-1, vmax=1)
        axes.set_title(name)
        axes.set_xticks(range(len(labels)), labels, rotation=90)
        axes.set_yticks(range(len(labels)), labels)
        axes.tick_params(length=0)
        for side in axes.spines.values():
            side.set_visible(False)
    bar = figure.colorbar(image, ax=list(grid), shrink=0.8, pad=0.015, aspect=25)
    bar.set_label("cosine similarity")
    bar.outline.set_visible(False)
    return figure
