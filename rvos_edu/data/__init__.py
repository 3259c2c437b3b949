"""Datasets, clips, batches and videos."""

from rvos_edu.data.clips import GroupedClips
from rvos_edu.data.collate import collate
from rvos_edu.data.dataset import ClipKey, VideoDataset
from rvos_edu.data.registry import dataset_names, load
from rvos_edu.data.transforms import (
    Compose,
    Normalise,
    RandomFlip,
    Resize,
    Transform,
    eval_transform,
    swap_directions,
    train_transform,
)

__all__ = [
    "ClipKey",
    "Compose",
    "GroupedClips",
    "Normalise",
    "RandomFlip",
    "Resize",
    "Transform",
    "VideoDataset",
    "collate",
    "dataset_names",
    "eval_transform",
    "load",
    "swap_directions",
    "train_transform",
]
