"""Whole models and their criteria; only assembly, the parts are in `nn`."""

from rvos_edu.models.criteria import MTTRCriterion
from rvos_edu.models.mttr import MTTR, VisualFeatures
from rvos_edu.models.r2vos_criterion import R2VOSCriterion

__all__ = ["MTTR", "MTTRCriterion", "R2VOSCriterion", "VisualFeatures"]
