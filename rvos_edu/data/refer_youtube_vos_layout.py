"""Moving Shapes and Refer-YouTube-VOS, which share a layout, by name."""

from __future__ import annotations

from pathlib import Path

from rvos_edu.data.check_videos import check_videos
from rvos_edu.data.dataset import ClipDataset, VideoDataset
from rvos_edu.data.layout import Ask, Layout, Source
from rvos_edu.data.refer_youtube_vos import VALID_VIDEOS, hint_about_test_videos

MOVING_SHAPES = "moving-shapes"
REFER_YOUTUBE_VOS = "refer-youtube-vos"
EXPECTED = {
    "train": {"videos": 3471, "expressions": 12913},
    "valid": {"videos": VALID_VIDEOS, "expressions": 834},
}
SOURCES = (
    Source(
        "frames, masks and sentences",
        "youtube-vos.org/dataset/rvos (its train archive is that of YouTube-VOS 2019)",
        "registration; see site",
    ),
)


def open_videos(root: Path, ask: Ask) -> ClipDataset:
    """A split, as it is asked for."""
    return VideoDataset(root, split=ask.split, window=ask.window, transform=ask.transform, skip=ask.skip)


def open_refer_youtube_vos(root: Path, ask: Ask) -> ClipDataset:
    """A split, as it is asked for."""
    dataset = open_videos(root, ask)
    dataset.notes = notes_of_videos(root, ask.split, len({clip.video for clip in dataset.clips}))
    return dataset


def notes_of_videos(root: Path, split: str, count: int) -> tuple[str, ...]:
    """Whether the test videos, which the published valid JSON lists as well, are among `count` videos."""
    expected = EXPECTED["valid"]["videos"]
    if count <= expected or not hint_about_test_videos(root, split):
        return ()
    return (f"{count} videos, those of test among them, instead of the {expected} of the competition",)


def _make(source: Path, root: Path) -> Path:
    from rvos_edu.data.moving_shapes.refer_youtube_export import export_refer_youtube

    return export_refer_youtube(source, root)


LAYOUTS = (
    Layout(MOVING_SHAPES, "Moving Shapes", ("train", "valid", "test"), open_videos, check_videos),
    Layout(
        REFER_YOUTUBE_VOS,
        "Refer-YouTube-VOS",
        ("train", "valid"),
        open_refer_youtube_vos,
        check_videos,
        _make,
        expected=EXPECTED,
        sources=SOURCES,
    ),
)
