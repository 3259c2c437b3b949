"""Metrics: arrays in, fractions out."""

from rvos_edu.metrics.average_precision import AveragePrecision, AveragePrecisionResult, average_precision
from rvos_edu.metrics.contour import contour_accuracy
from rvos_edu.metrics.davis import DavisScore, davis_objects, mean_score, pair_scores
from rvos_edu.metrics.region import (
    PRECISION_THRESHOLDS,
    Overlap,
    mask_overlap,
    mean_iou,
    overall_iou,
    precision_at,
    region_similarity,
)
from rvos_edu.metrics.robustness import R_refsegformer, R_revos, alignment_auc, robustness

__all__ = [
    "PRECISION_THRESHOLDS",
    "AveragePrecision",
    "AveragePrecisionResult",
    "DavisScore",
    "Overlap",
    "R_refsegformer",
    "R_revos",
    "alignment_auc",
    "average_precision",
    "contour_accuracy",
    "davis_objects",
    "mask_overlap",
    "mean_iou",
    "mean_score",
    "overall_iou",
    "pair_scores",
    "precision_at",
    "region_similarity",
    "robustness",
]
