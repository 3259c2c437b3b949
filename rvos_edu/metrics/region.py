"""Overlap of masks: region similarity J, P@K, overall and mean IoU (DAVIS 2016; MTTR, evaluation).

M below is any number of mask pairs: the frames of a video, or the images of a test set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

PRECISION_THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Overlap:
    """Pixel counts of M mask pairs.

    Args:
        intersection: int64 [M], pixels in both masks.
        union: int64 [M], pixels in either mask.
    """

    intersection: NDArray[np.int64]
    union: NDArray[np.int64]

    @property
    def iou(self) -> NDArray[np.float64]:
        """IoU per pair [M], fractions; 1 where both masks are empty.

        The published A2D code adds 1e-6 above and below the bar to get that 1. Dividing the counts differs
        by less than 1e-6, and an IoU of exactly one half stays one half, which P@0.5 must not count.
        """
        empty = self.union == 0
        return np.where(empty, 1.0, self.intersection / np.where(empty, 1, self.union))

    @property
    def overall(self) -> float:
        """Sum of intersections over sum of unions; 1 if every mask is empty, nan without pairs."""
        if len(self.union) == 0:
            return float("nan")
        total = int(self.union.sum())
        return int(self.intersection.sum()) / total if total else 1.0

    @property
    def mean(self) -> float:
        """Mean of the IoUs; nan without pairs."""
        return float(self.iou.mean()) if len(self.union) else float("nan")


def check_masks(name: str, masks: ArrayLike, *, ndim: int = 3) -> NDArray[np.bool_]:
    """`masks` as a bool array with `ndim` dimensions.

    Raises:
        ValueError: naming the type, values or shape that were seen instead.
    """
    array = np.asarray(masks)
    if array.dtype != np.bool_:
        counted = array.size and array.dtype.kind in "iuf"
        values = f" with values {array.min()}..{array.max()}" if counted else ""
        raise ValueError(f"{name} must be bool, got {array.dtype}{values}; compare first, e.g. mask > 0")
    if array.ndim != ndim:
        axes = {2: "[H, W]", 3: "[T, H, W]"}[ndim]
        raise ValueError(f"{name} must be {axes}, got shape {array.shape}")
    return array


def check_pair(
    prediction: ArrayLike, truth: ArrayLike, void: ArrayLike | None = None
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Two bool arrays [T, H, W] of one shape, both False where `void`.

    Raises:
        ValueError: if one is not bool, not [T, H, W], or their shapes differ.
    """
    predicted, true = check_masks("prediction", prediction), check_masks("truth", truth)
    if predicted.shape != true.shape:
        raise ValueError(
            f"prediction and truth must have the same shape, got {predicted.shape} and {true.shape}"
        )
    if void is None:
        return predicted, true
    ignored = check_masks("void", void)
    if ignored.shape != true.shape:
        raise ValueError(f"void must have the shape of the masks, {true.shape}, got {ignored.shape}")
    return predicted & ~ignored, true & ~ignored


def mask_overlap(prediction: ArrayLike, truth: ArrayLike, *, void: ArrayLike | None = None) -> Overlap:
    """Pixels in both and in either mask.

    Args:
        prediction, truth: bool [M, H, W].
        void: bool [M, H, W], pixels that do not count.

    Raises:
        ValueError: if one is not bool, not [M, H, W], or the shapes differ.
    """
    predicted, true = check_pair(prediction, truth, void)
    both = np.count_nonzero(predicted & true, axis=(1, 2))
    either = np.count_nonzero(predicted | true, axis=(1, 2))
    return Overlap(np.asarray(both, np.int64), np.asarray(either, np.int64))


def region_similarity(
    prediction: ArrayLike, truth: ArrayLike, *, void: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Region similarity J per frame: IoU, 1 where both masks are empty (DAVIS 2016, section 4).

    Args:
        prediction, truth: bool [T, H, W].
        void: bool [T, H, W], pixels that do not count.

    Returns:
        float64 [T], fractions.

    Raises:
        ValueError: if one is not bool, not [T, H, W], or the shapes differ.
    """
    return mask_overlap(prediction, truth, void=void).iou


def precision_at(
    ious: ArrayLike, thresholds: float | Sequence[float] = PRECISION_THRESHOLDS
) -> NDArray[np.float64]:
    """P@K: share of the IoUs that are strictly greater than each threshold.

    Args:
        ious: fractions [M], one per image: that of its most confident mask.
        thresholds: fractions [K], or one.

    Returns:
        float64 [K], fractions; a scalar array for one threshold; nan without IoUs.

    Raises:
        ValueError: if a value lies outside 0..1 (percent, say).
    """
    values, limits = np.asarray(ious, np.float64).ravel(), np.asarray(thresholds, np.float64)
    for name, array in (("IoUs", values), ("thresholds", limits)):
        if not np.all((array >= 0) & (array <= 1)):
            raise ValueError(f"{name} must be fractions in 0..1, got {array.min():g}..{array.max():g}")
    if not len(values):
        return np.full(limits.shape, np.nan)
    return np.asarray((values > limits[..., None]).mean(-1))


def _overlap_of_images(
    predictions: Sequence[ArrayLike] | NDArray, truths: Sequence[ArrayLike] | NDArray
) -> Overlap:
    """Counts of M pairs of [H, W] masks whose sizes may differ from pair to pair."""
    if len(predictions) != len(truths):
        raise ValueError(f"as many predictions as truths expected, got {len(predictions)} and {len(truths)}")
    pairs = [
        mask_overlap(
            check_masks("each prediction", predicted, ndim=2)[None],
            check_masks("each truth", true, ndim=2)[None],
        )
        for predicted, true in zip(predictions, truths, strict=True)
    ]
    counts = np.array([[pair.intersection[0], pair.union[0]] for pair in pairs], np.int64).reshape(-1, 2)
    return Overlap(counts[:, 0], counts[:, 1])


def overall_iou(predictions: Sequence[ArrayLike] | NDArray, truths: Sequence[ArrayLike] | NDArray) -> float:
    """Overall IoU: total intersection over total union, so that large objects weigh more.

    Args:
        predictions, truths: bool [M, H, W], or M masks [H, W] of any sizes.

    Raises:
        ValueError: if a mask is not bool or two of a pair differ in shape.
    """
    return _overlap_of_images(predictions, truths).overall


def mean_iou(predictions: Sequence[ArrayLike] | NDArray, truths: Sequence[ArrayLike] | NDArray) -> float:
    """Mean IoU over images; an image where both masks are empty counts 1.

    Args:
        predictions, truths: bool [M, H, W], or M masks [H, W] of any sizes.

    Raises:
        ValueError: if a mask is not bool or two of a pair differ in shape.
    """
    return _overlap_of_images(predictions, truths).mean
