"""Boxes and arrows: which part of a model hands what to which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from rvos_edu.viz.style import WIDTH, Figure, bare, new_figure, styled

WIDE, HIGH = 0.86, 0.62  # of a box, where columns and rows are 1 apart
EDGE, INK = "#666666", "#222222"


@dataclass(frozen=True)
class Block:
    """One box of `block_diagram`.

    Args:
        place: (column, row) of its centre, columns from the left, rows from the top; fractions are fine.
        text: what is written in it; lines are broken at "\\n".
        colour: of its background.
        wide: columns that it spans.
    """

    place: tuple[float, float]
    text: str
    colour: str = "#FFFFFF"
    wide: float = 1.0


@styled
def block_diagram(
    blocks: Mapping[str, Block], arrows: Sequence[tuple[str, str, str]], *, title: str | None = None
) -> Figure:
    """Boxes joined by arrows that run from edge to edge; each arrow may carry a few words, such as a shape.

    Args:
        blocks: name -> box.
        arrows: (name of the start, name of the end, words beside the middle).
        title: of the figure.

    Raises:
        ValueError: if there is no box, or an arrow names one that does not exist.
    """
    unknown = [name for start, end, _ in arrows for name in (start, end) if name not in blocks]
    if not blocks or unknown:
        raise ValueError(f"block_diagram has the boxes {list(blocks)}, an arrow names {unknown}")
    left = min(block.place[0] - block.wide / 2 for block in blocks.values())
    right = max(block.place[0] + block.wide / 2 for block in blocks.values())
    top, bottom = (f(block.place[1] for block in blocks.values()) for f in (min, max))
    rows = bottom - top + 1
    figure = new_figure(0.62 * rows + (0.4 if title else 0), title=title)
    axes = figure.subplots()
    bare(axes)
    axes.set(xlim=(left, right), ylim=(bottom + 0.5, top - 0.5))
    size = min(10.0, 6.5 * WIDTH / (right - left))  # points: a column of words must fit into a box
    for start, end, words in arrows:
        _arrow(axes, blocks[start], blocks[end], words, size)
    for block in blocks.values():
        _box(axes, block, size)
    return figure


def _box(axes: Axes, block: Block, size: float) -> None:
    (x, y), wide = block.place, block.wide - 1 + WIDE
    shape = FancyBboxPatch(
        (x - wide / 2, y - HIGH / 2), wide, HIGH, boxstyle="round,pad=0,rounding_size=0.06",
        facecolor=block.colour, edgecolor=EDGE, linewidth=0.9, mutation_aspect=1.6,
    )  # fmt: skip
    axes.add_patch(shape)
    axes.text(x, y, block.text, ha="center", va="center", fontsize=size, color=INK, linespacing=1.15)


def _arrow(axes: Axes, start: Block, end: Block, words: str, size: float) -> None:
    a, b = _edge(start, end), _edge(end, start)
    arrow = FancyArrowPatch(a, b, arrowstyle="-|>", mutation_scale=9, color=EDGE, linewidth=1.1, shrinkA=0)
    axes.add_patch(arrow)
    if words:
        upright, slanted = abs(a[1] - b[1]) > 0.3, abs(a[0] - b[0]) > 0.05
        beside = (0, 3) if not upright else (11, 4) if slanted else (4, 0)
        axes.annotate(
            words, ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2), xytext=beside,
            textcoords="offset points", ha="left" if upright else "center",
            va="center" if upright else "bottom", fontsize=size - 1, color=EDGE,
        )  # fmt: skip


def _edge(block: Block, other: Block) -> tuple[float, float]:
    """Where an arrow between two boxes leaves `block`: at the side, if they share a row, else above or below.

    An upright arrow stands in the middle of the columns that both boxes span, if they share any.
    """
    (x, y), (u, v) = block.place, other.place
    half, far = (block.wide - 1 + WIDE) / 2, (other.wide - 1 + WIDE) / 2
    if abs(v - y) < HIGH:
        return (x + half if u > x else x - half, y)
    low, high = max(x - half, u - far), min(x + half, u + far)
    return (
        (low + high) / 2 if low <= high else min(max(u, x - half), x + half),
        y + (HIGH if v > y else -HIGH) / 2,
    )
