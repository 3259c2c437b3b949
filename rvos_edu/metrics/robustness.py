"""Robustness of R2-VOS: how little is segmented when the sentence fits nothing, and how well that is told."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from rvos_edu.metrics.region import check_masks, check_pair


def _areas(name: str, areas: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(areas)
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{name} must be numbers of pixels, got {array.dtype}; count them: mask.sum()")
    values = array.astype(np.float64)
    if not np.all(np.isfinite(values) & (values >= 0)):
        raise ValueError(f"{name} must be 0 or more, got {values.min():g}..{values.max():g}")
    return values


def robustness(negative_areas: ArrayLike, positive_areas: ArrayLike) -> float:
    """R = 1 - sum |M| over negative pairs / sum |M| over positive pairs (R2-VOS, metric of R2-YouTube-VOS).

    No truth is needed: both are areas of predicted masks. R is 1 when nothing is segmented for sentences that
    fit nothing, and falls below 0 when they get more pixels than those that fit.

    Args:
        negative_areas: predicted foreground of pairs whose sentence fits nothing, any shape (frames, videos).
        positive_areas: the same for pairs that fit, same unit (pixels, or fractions of the frame).

    Returns:
        R as a fraction, not clamped; nan when nothing is segmented for the pairs that fit.

    Raises:
        ValueError: if an area is negative, not finite, or a mask was given.
    """
    negative, positive = _areas("negative_areas", negative_areas), _areas("positive_areas", positive_areas)
    total = float(positive.sum())
    return 1.0 - float(negative.sum()) / total if total else float("nan")


def R_refsegformer(negative_areas: ArrayLike) -> float:
    """The R of RefSegformer (Wu et al., 2023): share of pairs that do not fit with nothing segmented.

    Not the R of R2-VOS (`robustness`): one pixel counts as much as a full mask. 1 minus the false-alarm rate.

    Args:
        negative_areas: predicted foreground of each pair, over all its frames, any shape.

    Returns:
        a fraction; nan without pairs.

    Raises:
        ValueError: if an area is negative, not finite, or a mask was given.
    """
    areas = _areas("negative_areas", negative_areas)
    return float((areas == 0).mean()) if areas.size else float("nan")


def R_revos(prediction: ArrayLike, truth: ArrayLike, objects: ArrayLike) -> NDArray[np.float64]:
    """The R of ReVOS (VISA, 2024) per frame: max(0, 1 - |prediction outside the truth| / |all objects|).

    Not the R of R2-VOS (`robustness`): it needs the truth, and sentences that fit. The paper's figure is the
    mean over frames, then over sentences.

    Args:
        prediction: bool [T, H, W].
        truth: bool [T, H, W], the referred objects.
        objects: bool [T, H, W], all annotated objects together.

    Returns:
        fractions [T]; in frames without any object 1 if nothing is segmented, else 0 (as the published code).

    Raises:
        ValueError: if shapes differ or the masks are not boolean.
    """
    predicted, referred = check_pair(prediction, truth)
    outside = (predicted & ~referred).sum((1, 2))
    everything = check_masks("objects", objects)
    if everything.shape != referred.shape:
        raise ValueError(
            f"objects must have the shape of the masks, {referred.shape}, got {everything.shape}"
        )
    foreground = everything.sum((1, 2))
    share = np.where(outside > 0, outside / np.maximum(foreground, 1e-6), 0.0)
    return np.maximum(0.0, 1.0 - share)


def alignment_auc(negative_scores: ArrayLike, positive_scores: ArrayLike) -> float:
    """Area under the ROC curve: how often a pair that does not fit scores above one that fits, ties half.

    Args:
        negative_scores: of pairs that do not fit, e.g. the probability of "does not match", any shape.
        positive_scores: of pairs that fit.

    Returns:
        a fraction, 0.5 for a guess; nan without pairs of both kinds.

    Raises:
        ValueError: if a score is not finite.
    """
    negative, positive = (
        _scores("negative_scores", negative_scores),
        _scores("positive_scores", positive_scores),
    )
    if not len(negative) or not len(positive):
        return float("nan")
    ranks = rankdata(np.concatenate([negative, positive]))
    above = ranks[: len(negative)].sum() - len(negative) * (len(negative) + 1) / 2
    return float(above / (len(negative) * len(positive)))


def _scores(name: str, scores: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(scores, dtype=np.float64).ravel()
    if not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite numbers, got {values[~np.isfinite(values)][0]}")
    return values
