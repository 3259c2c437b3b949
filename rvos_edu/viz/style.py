"""The look of every figure: colours, sizes, fonts, and checks of what is drawn.

Figures are made without pyplot, so no window opens and nothing stays in memory once they are dropped.
"""

from __future__ import annotations

import functools
import io
import textwrap
import warnings
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import matplotlib
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MatplotlibFigure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import ArrayLike, NDArray

# Okabe and Ito, "Color universal design" (2008): told apart with every common kind of colour blindness.
BLACK, GREY = "#000000", "#767676"
ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"
PALETTE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK, YELLOW)

PREDICTION, TRUTH = SKY, YELLOW  # both bright, so that they show on dark and on coloured objects
HEAT, ATTENTION = "cividis", "inferno"  # both even in lightness and safe for colour-blind readers

WIDTH = 9.0  # inches; at 150 dots per inch a little more than the width of a page on GitHub
STYLE: dict[Any, Any] = {
    "figure.dpi": 150,
    "savefig.dpi": 150,
    "figure.facecolor": "white",
    "figure.titlesize": 13,
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "axes.labelcolor": "#333333",
    "axes.edgecolor": "#999999",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=PALETTE),
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.8,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
}

P = ParamSpec("P")
R = TypeVar("R")


class Figure(MatplotlibFigure):
    """A matplotlib figure that a notebook shows without pyplot."""

    def to_png(self) -> bytes:
        """The picture as PNG bytes, for a report."""
        return self._encoded(format="png")

    def to_jpeg(self, *, dpi: float = 90, quality: int = 85) -> bytes:
        """The picture as JPEG bytes, a fifth of the PNG's or less: for notebooks that stay small."""
        return self._encoded(format="jpeg", dpi=dpi, pil_kwargs={"quality": quality})

    def _encoded(self, **options: Any) -> bytes:
        buffer = io.BytesIO()
        with warnings.catch_warnings():  # a sentence may hold letters that the font lacks: drawn as boxes
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            self.savefig(buffer, **options)
        return buffer.getvalue()

    def _repr_png_(self) -> bytes:
        return self.to_png()


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Run a drawing function under `STYLE`, whatever the user's own settings are."""

    @functools.wraps(draw)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return wrapped


def new_figure(
    height: float, *, title: str | None = None, width: float = WIDTH, h_pad: float = 0.04
) -> Figure:
    """An empty figure in inches, rows `h_pad` apart; a long title is wrapped. Call it under `styled`."""
    figure = Figure(figsize=(width, height), layout="constrained")
    engine = figure.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine)
    engine.set(w_pad=0.04, h_pad=h_pad, wspace=0.03, hspace=0.02)
    if title:
        figure.suptitle(wrapped(title, int(width * 9)), x=0.01, ha="left", fontweight="bold", color="#222222")
    return figure


def wrapped(text: str, width: int) -> str:
    """`text` broken into lines of at most `width` characters."""
    return textwrap.fill(text, max(8, width))


def bare(axes: Axes) -> None:
    """Remove ticks and frame: for pictures."""
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)


def check_frames(name: str, frames: ArrayLike) -> NDArray[np.uint8]:
    """`frames` as uint8 [T, H, W, 3].

    Raises:
        ValueError: naming what was seen instead.
    """
    array = np.asarray(frames)
    if array.dtype != np.uint8:
        raise ValueError(f"{name} must be uint8 RGB in 0..255, got {array.dtype}")
    if array.ndim != 4 or array.shape[-1] != 3 or not array.size:
        raise ValueError(f"{name} must be [T, H, W, 3], colours last, got shape {array.shape}")
    return array


def check_masks(name: str, masks: ArrayLike, frames: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """`masks` as bool [T, H, W], like `frames` [T, H, W, 3].

    Raises:
        ValueError: naming what was seen instead.
    """
    array = np.asarray(masks)
    if array.dtype != np.bool_:
        raise ValueError(f"{name} must be bool, got {array.dtype}")
    if array.shape != frames.shape[:3]:
        raise ValueError(f"{name} must be [T, H, W] = {frames.shape[:3]}, got {array.shape}")
    return array


def even(total: int, count: int) -> list[int]:
    """0 and every n-th index below `total`, at most `count` of them: for ticks."""
    return list(range(0, total, max(1, -(-total // count))))


def picture_grid(number: int, aspect: float) -> tuple[int, int]:
    """(rows, columns) for pictures of height / width = `aspect`: four wide or eight tall ones in a row."""
    rows = -(-number // (4 if aspect <= 1 else 8))
    return rows, -(-number // rows)


def spread(total: int, count: int) -> NDArray[np.intp]:
    """At most `count` indices spread evenly over 0..total-1, first and last included."""
    return np.unique(np.linspace(0, total - 1, min(count, total)).round().astype(np.intp))
