"""Metrics: arrays in, fractions out."""

from rvos_edu.metrics.average_precision import AveragePrecision, AveragePrecisionResult, average_precision
from rvos_edu.metrics.contour import contour_accuracy
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
    "Overlap",
    "R_refsegformer",
    "R_revos",
    "alignment_auc",
    "average_precision",
    "contour_accuracy",
    "mask_overlap",
    "mean_iou",
    "overall_iou",
    "precision_at",
    "region_similarity",
    "robustness",
]
