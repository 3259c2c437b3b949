"""Whole models and their criteria; only assembly, the parts are in `nn`."""

from rvos_edu.models.criteria import MTTRCriterion
from rvos_edu.models.mttr import MTTR, VisualFeatures

__all__ = ["MTTR", "MTTRCriterion", "VisualFeatures"]
