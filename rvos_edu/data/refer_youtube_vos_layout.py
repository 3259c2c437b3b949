"""Moving Shapes and Refer-YouTube-VOS, which share a layout, by name."""

from __future__ import annotations

from pathlib import Path

from rvos_edu.data.check_videos import check_videos
from rvos_edu.data.dataset import ClipDataset, Transformation, VideoDataset
from rvos_edu.data.layout import Layout, Source

MOVING_SHAPES = "moving-shapes"
REFER_YOUTUBE_VOS = "refer-youtube-vos"
SOURCES = (
    Source(
        "frames, masks and sentences",
        "youtube-vos.org/dataset/rvos (its train archive is that of YouTube-VOS 2019)",
        "registration; see site",
    ),
)


def open_videos(
    root: Path,
    *,
    split: str,
    window: int | None,
    seed: int,
    transform: Transformation | None,
    skip: frozenset[str],
) -> ClipDataset:
    """See `Open`."""
    return VideoDataset(root, split=split, window=window, transform=transform, skip=skip)


LAYOUTS = (
    Layout(MOVING_SHAPES, "Moving Shapes", ("train", "valid", "test"), open_videos, check_videos),
    Layout(
        REFER_YOUTUBE_VOS,
        "Refer-YouTube-VOS",
        ("train", "valid"),
        open_videos,
        check_videos,
        expected={
            "train": {"videos": 3471, "expressions": 12913},
            "valid": {"videos": 202, "expressions": 834},
        },
        sources=SOURCES,
    ),
)
