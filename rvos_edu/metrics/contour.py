"""Contour accuracy F (DAVIS 2016, section 4): do two outlines lie within a few pixels of each other?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rvos_edu.metrics.region import check_pair

_CHUNK = 1 << 20  # pixels dilated at once: stays in the cache and bounds the memory


def boundary(masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels that differ from their right, lower or lower-right neighbour: the outline, one pixel wide.

    The frame's edge is no outline: a mask that fills the frame has none (DAVIS `seg2bmap`).

    Args:
        masks: bool [T, H, W].

    Returns:
        bool [T, H, W].
    """
    edge = np.zeros_like(masks)
    down = masks[:, :-1] ^ masks[:, 1:]
    right = masks[:, :, :-1] ^ masks[:, :, 1:]
    edge[:, :-1] |= down
    edge[:, :, :-1] |= right
    edge[:, :-1, :-1] |= masks[:, :-1, :-1] ^ masks[:, 1:, 1:]
    return edge


def dilate(masks: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """Grow every mask by a disc of `radius` pixels.

    The disc is a stack of rows. A mask widened step by step gives each row once, and shifting it up and down
    adds that row: 4 * radius ORs in place of one per pixel of the disc.

    Args:
        masks: bool [T, H, W].

    Returns:
        bool [T, H, W].
    """
    height, width = masks.shape[1:]
    grown = np.zeros_like(masks)
    wide = masks.copy()
    half = 0
    for dy in range(radius, -1, -1):  # rows get wider towards the middle of the disc
        reach = math.isqrt(radius * radius - dy * dy)
        for dx in range(half + 1, min(reach, width - 1) + 1):
            wide[:, :, dx:] |= masks[:, :, : width - dx]
            wide[:, :, : width - dx] |= masks[:, :, dx:]
        half = max(half, reach)
        if dy < height:
            grown[:, dy:] |= wide[:, : height - dy]
            grown[:, : height - dy] |= wide[:, dy:]
    return grown


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    """part / whole, 1 where there is no whole: an outline without pixels has none that is wrong."""
    return np.where(whole == 0, 1.0, part / np.maximum(whole, 1))


@dataclass(frozen=True)
class Outlines:
    """The outlines of masks [T, H, W], and the pixels within a radius of them.

    Args:
        edges, near: bool [T, H, W].
    """

    edges: NDArray[np.bool_]
    near: NDArray[np.bool_]

    @classmethod
    def of(cls, masks: NDArray[np.bool_], radius: int) -> Outlines:
        """Outlines of bool [T, H, W]; `radius` in pixels."""
        edges = boundary(masks)
        return cls(edges, dilate(edges, radius))

    def agreement(self, true: Outlines) -> NDArray[np.float64]:
        """F [T] of these outlines, measured by the true ones."""
        pixels, true_pixels = (np.count_nonzero(edges, axis=(1, 2)) for edges in (self.edges, true.edges))
        close = np.count_nonzero(self.edges & true.near, axis=(1, 2))
        true_close = np.count_nonzero(true.edges & self.near, axis=(1, 2))
        precision, recall = _ratio(close, pixels), _ratio(true_close, true_pixels)
        total = precision + recall
        return 2 * precision * recall / np.where(total == 0, 1.0, total)


def outline_radius(height: int, width: int, tolerance: float = 0.008) -> int:
    """Pixels that outlines may lie apart: a fraction of the frame's diagonal, rounded up (DAVIS)."""
    return math.ceil(tolerance * math.hypot(height, width))


def contour_accuracy(
    prediction: ArrayLike,
    truth: ArrayLike,
    *,
    void: ArrayLike | None = None,
    tolerance: float = 0.008,
    radius: int | None = None,
) -> NDArray[np.float64]:
    """Contour accuracy F per frame (DAVIS 2016, section 4).

    Precision is the share of predicted outline pixels within `radius` of a true one, recall the reverse, and
    F their harmonic mean. F is 1 where neither mask has an outline and 0 where only one has.

    Args:
        prediction, truth: bool [T, H, W].
        void: bool [T, H, W], pixels taken out of both masks first.
        tolerance: radius as a fraction of the frame's diagonal, rounded up.
        radius: in pixels; overrules `tolerance`.

    Returns:
        float64 [T], fractions.

    Raises:
        ValueError: if one is not bool, not [T, H, W], the shapes differ, or the radius is no length.
    """
    predicted, true = check_pair(prediction, truth, void)
    frames, height, width = true.shape
    if not 0 <= tolerance < 1:
        raise ValueError(
            f"tolerance must be a fraction of the diagonal in 0..1, got {tolerance}; for pixels: radius"
        )
    if radius is None:
        radius = outline_radius(height, width, tolerance)
    elif radius < 0 or radius != int(radius):
        raise ValueError(f"radius must be a whole number of pixels, 0 or more, got {radius}")
    step = max(1, _CHUNK // max(1, height * width))
    parts = [
        Outlines.of(predicted[start : start + step], int(radius)).agreement(
            Outlines.of(true[start : start + step], int(radius))
        )
        for start in range(0, frames, step)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)
