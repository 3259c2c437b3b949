"""Import of published checkpoints, of Kinetics weights, and of ImageNet weights."""

from rvos_edu.checkpoints.kinetics import load_kinetics_video_swin
from rvos_edu.checkpoints.reference_mttr import load_reference_mttr
from rvos_edu.checkpoints.reference_r2vos import load_reference_r2vos
from rvos_edu.checkpoints.timm_weights import load_timm

__all__ = ["load_kinetics_video_swin", "load_reference_mttr", "load_reference_r2vos", "load_timm"]
