"""What early grounding looks at: words at pixels, pixels at words, and f_early (R2-VOS, figure A)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, PowerNorm
from matplotlib.figure import SubFigure
from numpy.typing import NDArray

from rvos_edu.viz.attention import enlarge, tidy_token
from rvos_edu.viz.overlay import outline
from rvos_edu.viz.style import (
    ATTENTION,
    HEAT,
    PREDICTION,
    WIDTH,
    Figure,
    bare,
    check_frames,
    check_masks,
    new_figure,
    spread,
    styled,
)

GAP = 3  # pixels between two pictures of a row
LABEL = 0.95  # inches for the words at the left
BOTTOM = 0.75  # inches for the scales
ABOVE = 0.62  # inches above the rows of one sentence


@dataclass(frozen=True)
class GroundingPicture:
    """One clip and one sentence of `grounding_figure`; attention is the mean over heads.

    Args:
        expression: the sentence.
        tokens: its L tokens, as the tokenizer writes them.
        frames: uint8 [A, H, W, 3].
        masks: bool [A, H, W], found for the sentence.
        words_to_pixels: [L, A, h, w], of each word; sums to 1 over all cells of all frames.
        pixels_to_words: [L, A, h, w], what each cell reads of each word; sums to 1 over the words.
        strength: [A, h, w], length of the vectors of f_early.
        note: after the sentence, such as "p(does not match) 0.03".
    """

    expression: str
    tokens: list[str]
    frames: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    words_to_pixels: NDArray[np.float32]
    pixels_to_words: NDArray[np.float32]
    strength: NDArray[np.float32]
    note: str = ""


@styled
def grounding_figure(
    pictures: Sequence[GroundingPicture], *, title: str | None = None, count: int = 4
) -> Figure:
    """Sentences below each other, on the same three scales: a true and a false one of a clip, say.

    Each has a row with the frames, the outline of the mask found (left) and f_early (right), then a row per
    token: which pixels it reads (left), and how much each pixel reads of it (right).

    Args:
        pictures: from top to bottom.
        title: of the figure.
        count: largest number of frames.

    Raises:
        ValueError: if there is no picture, or a type or shape does not fit.
    """
    if not pictures:
        raise ValueError("grounding_figure needs at least one picture, got none")
    for picture in pictures:
        _check(picture)
    scales = _scales(pictures, count)
    heights = [_row_height(p, count) * (1 + len(p.tokens)) + ABOVE for p in pictures]
    figure = new_figure(sum(heights) + BOTTOM + 0.4 * bool(title), title=title, h_pad=0.02)
    parts = figure.subfigures(len(pictures) + 1, 1, squeeze=False, height_ratios=[*heights, BOTTOM])[:, 0]
    for part, picture in zip(parts, pictures, strict=False):
        _sentence(part, picture, scales, count)
    _bars(parts[-1], scales)
    return figure


def _scales(pictures: Sequence[GroundingPicture], count: int) -> list[tuple[str, ScalarMappable]]:
    """Name and colours of words_to_pixels, pixels_to_words and strength, the same for all that is shown.

    A word's attention is spread over hundreds of cells or lies on a few: its colours go with the square root.
    """
    ends = []
    for name in ("words_to_pixels", "pixels_to_words", "strength"):
        shown = [getattr(p, name)[..., spread(len(p.frames), count), :, :] for p in pictures]
        ends.append((min(float(maps.min()) for maps in shown), max(float(maps.max()) for maps in shown)))
    return [
        ("words → pixels: share of a cell", ScalarMappable(PowerNorm(0.5, 0, ends[0][1] or 1), ATTENTION)),
        ("pixels → words: share of the word", ScalarMappable(Normalize(0, ends[1][1] or 1), ATTENTION)),
        ("f_early: length of a cell's vector", ScalarMappable(Normalize(*ends[2]), HEAT)),
    ]


def _row_height(picture: GroundingPicture, count: int) -> float:
    shown, height, width = len(spread(len(picture.frames), count)), *picture.frames.shape[1:3]
    return 0.08 + (WIDTH - LABEL - 0.5) / 2 / shown * height / width


def _sentence(
    part: SubFigure, picture: GroundingPicture, scales: list[tuple[str, ScalarMappable]], count: int
) -> None:
    times = spread(len(picture.frames), count)
    note = f"   {picture.note}" if picture.note else ""
    part.suptitle(f"“{picture.expression}”{note}", x=0.01, ha="left", fontsize=11, fontweight="bold")
    half = (WIDTH - LABEL) / 2
    grid = part.subplots(1 + len(picture.tokens), 3, squeeze=False, width_ratios=[LABEL, half, half])
    for axes in grid.ravel():
        bare(axes)
    (_, looks), (_, reads), (_, lengths) = scales
    grey = picture.frames[times].mean(-1)
    _frames(grid[0, 1], picture, times)
    _heat(grid[0, 2], grey, picture.strength[times], lengths)
    for token, axes in zip(picture.tokens, grid[1:, 0], strict=True):
        axes.text(1, 0.5, tidy_token(token), ha="right", va="center", fontsize=10)
    for column, maps, scale in ((1, picture.words_to_pixels, looks), (2, picture.pixels_to_words, reads)):
        for axes, of_word in zip(grid[1:, column], maps, strict=True):
            _heat(axes, grey, of_word[times], scale)
    grid[0, 1].set_title("frames and the mask found; below: words → pixels", fontsize=9)
    grid[0, 2].set_title("f_early; below: pixels → words", fontsize=9)


def _strip(pictures: NDArray[np.float64]) -> NDArray[np.float64]:
    """[F, H, W, 3] next to each other, white between them."""
    wide = np.pad(pictures, ((0, 0), (0, 0), (0, GAP), (0, 0)), constant_values=1.0)
    return np.concatenate(list(wide), axis=1)[:, :-GAP]


def _frames(axes: Axes, picture: GroundingPicture, times: NDArray[np.intp]) -> None:
    axes.imshow(_strip(picture.frames[times] / 255), interpolation="nearest")
    step = picture.frames.shape[2] + GAP
    for place, t in enumerate(times):
        mask = np.zeros((picture.frames.shape[1], step * len(times) - GAP), bool)
        mask[:, place * step : place * step + step - GAP] = picture.masks[t]
        outline(axes, mask, PREDICTION)
    axes.set_xlim(-0.5, step * len(times) - GAP - 0.5)
    axes.set_ylim(picture.frames.shape[1] - 0.5, -0.5)


def _heat(axes: Axes, grey: NDArray[np.float64], maps: NDArray[np.float32], scale: ScalarMappable) -> None:
    """Maps [F, h, w] in colour over frames in grey [F, H, W]."""
    heat = scale.to_rgba(enlarge(maps, grey.shape[1:3]).reshape(len(grey), -1))[..., :3]
    axes.imshow(
        _strip(0.7 * heat.reshape(*grey.shape, 3) + 0.3 * grey[..., None] / 255), interpolation="nearest"
    )


def _bars(part: SubFigure, scales: list[tuple[str, ScalarMappable]]) -> None:
    for axes, (name, scale) in zip(part.subplots(1, 3), scales, strict=True):
        bar = part.colorbar(scale, cax=axes, orientation="horizontal", format="{x:.2g}")
        assert isinstance(scale.norm, Normalize)
        bar.set_ticks(list(scale.norm.inverse(np.linspace(0, 1, 4))))
        bar.set_label(name, fontsize=9)
        bar.outline.set_visible(False)
        axes.set_box_aspect(0.06)


def _check(picture: GroundingPicture) -> None:
    frames = check_frames("frames", picture.frames)
    check_masks("masks", picture.masks, frames)
    cells = (len(frames), *picture.strength.shape[1:])
    for name, shape in (
        ("words_to_pixels", (len(picture.tokens), *cells)),
        ("pixels_to_words", (len(picture.tokens), *cells)),
        ("strength", cells),
    ):
        values = getattr(picture, name)
        if values.shape != shape or not (np.isfinite(values) & (values >= 0)).all():
            raise ValueError(
                f"{name} must be {shape}, 0 or more, got {values.shape}, from {values.min():g} on"
            )
