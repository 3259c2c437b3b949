"""Whole models and their criteria; only assembly, the parts are in `nn`."""

from rvos_edu.models.criteria import MTTRCriterion
from rvos_edu.models.mttr import MTTR, VisualFeatures
from rvos_edu.models.r2vos import R2VOS
from rvos_edu.models.r2vos_criterion import R2VOSCriterion
from rvos_edu.models.registry import VideoModel, model_from_pretrained

__all__ = [
    "MTTR",
    "R2VOS",
    "MTTRCriterion",
    "R2VOSCriterion",
    "VideoModel",
    "VisualFeatures",
    "model_from_pretrained",
]
