"""Datasets, clips, batches and videos."""

from rvos_edu.data.check import check
from rvos_edu.data.check_report import CheckReport, SplitReport
from rvos_edu.data.clips import GroupedClips
from rvos_edu.data.collate import collate
from rvos_edu.data.dataset import ClipDataset, ClipKey, VideoDataset
from rvos_edu.data.r2_layout import faulty_pairs
from rvos_edu.data.r2_youtube_vos import PairDataset, load_pairs, make_pairs
from rvos_edu.data.refcoco import RefCOCO
from rvos_edu.data.refcoco_joint import JointRefCOCO
from rvos_edu.data.registry import dataset_names, dataset_root, known_truth, layout_of, load
from rvos_edu.data.transforms import (
    Compose,
    Normalise,
    RandomFlip,
    Resize,
    Transform,
    eval_transform,
    normalise_batch,
    swap_directions,
    train_transform,
)
from rvos_edu.data.video import VideoReader, VideoWriter, read_video

__all__ = [
    "CheckReport",
    "ClipDataset",
    "ClipKey",
    "Compose",
    "GroupedClips",
    "JointRefCOCO",
    "Normalise",
    "PairDataset",
    "RandomFlip",
    "RefCOCO",
    "Resize",
    "SplitReport",
    "Transform",
    "VideoDataset",
    "VideoReader",
    "VideoWriter",
    "check",
    "collate",
    "dataset_names",
    "dataset_root",
    "eval_transform",
    "faulty_pairs",
    "known_truth",
    "layout_of",
    "load",
    "load_pairs",
    "make_pairs",
    "normalise_batch",
    "read_video",
    "swap_directions",
    "train_transform",
]
