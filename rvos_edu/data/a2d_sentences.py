"""A2D-Sentences (Gavrilyuk et al., CVPR 2018; videos of A2D, Xu et al., CVPR 2015) on disk.

root/Release/clips320H/<video>.mp4, the tables of `a2d_tables.py`, and the masks of `a2d_masks.py`. A few
frames of each video have masks; a sentence is about one instance, and gives an item for each frame with it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rvos_edu.data.a2d_masks import frame_key, instance_index, mask_file, mask_numbers, read_frame_masks
from rvos_edu.data.a2d_tables import SPLITS, A2DVideo, read_split
from rvos_edu.data.centre_windows import AnnotatedFrame, CentreWindows, InstanceMasks
from rvos_edu.data.check_a2d import check_a2d
from rvos_edu.data.dataset import Transformation
from rvos_edu.data.layout import Ask, Layout, Source
from rvos_edu.data.video_frames import frame_count, read_frames
from rvos_edu.errors import DataError

NAME = "a2d-sentences"
logger = logging.getLogger(__name__)


class A2DSentences(CentreWindows):
    """One clip per (video, annotated frame) with the sentences about instances of that frame.

    `expression_id` of an item is the id of the instance.

    Args:
        root: folder of the dataset.
        split: train or test.
        window: frames of a clip.
        transform: as in `ClipDataset`.
        skip: videos, sentences as "video/instance", and frames as `frame_key` has them, that are left out
            unread.

    Raises:
        DataError: if a table or a file is missing or faulty; damaged videos and masks when they are read.
    """

    def __init__(
        self,
        root: str | Path,
        *,
        split: str,
        window: int | None,
        transform: Transformation | None = None,
        skip: frozenset[str] = frozenset(),
    ) -> None:
        root = Path(root)
        videos = read_split(root, split, skip=skip)
        if missing := [video.path for video in videos if not video.path.is_file()]:
            raise DataError(f"{missing[0]} is missing ({len(missing)} videos in all)")
        self._paths = {video.video: video.path for video in videos}
        frames = _annotated_frames(root, split, videos, skip)
        super().__init__(root, name=NAME, split=split, window=window, frames=frames, transform=transform)

    def image_id(self, video: str, number: int, sentence: str) -> str:
        return f"v_{video}_f_{number}_i_{sentence}"

    def frame_count(self, video: str) -> int:
        return frame_count(self._paths[video])

    def read_frames(self, video: str, indices: Sequence[int]) -> np.ndarray:
        return read_frames(self._paths[video], indices)

    def read_masks(self, video: str, number: int) -> InstanceMasks:
        return read_frame_masks(mask_file(self.root, video, number)).unique()


def _annotated_frames(
    root: Path, split: str, videos: list[A2DVideo], skip: frozenset[str]
) -> list[AnnotatedFrame]:
    """By video and number; sentences whose instance is not in a frame are not about it."""
    numbers = {
        video.video: [n for n in mask_numbers(root, video.video) if frame_key(video.video, n) not in skip]
        for video in videos
    }
    index = instance_index(root, numbers)
    frames = []
    repeated: list[Path] = []
    empty: list[Path] = []
    for video in videos:
        for number, present in index[video.video].items():
            if len(set(present)) < len(present) or not present:
                (repeated if present else empty).append(mask_file(root, video.video, int(number)))
            said = tuple(sentence for sentence in video.sentences if sentence.instance in present)
            if said:
                frames.append(AnnotatedFrame(video.video, int(number), said))
    for paths, what in (
        (repeated, "list an instance more than once, the first is used"),
        (empty, "hold no instance, there is no sample of them"),
    ):
        if paths:
            logger.info("%s %s: %d files of masks %s: %s", NAME, split, len(paths), what, paths[0])
    return frames


def _open(root: Path, ask: Ask) -> A2DSentences:
    return A2DSentences(root, split=ask.split, window=ask.window, transform=ask.transform, skip=ask.skip)


def _make(source: Path, root: Path) -> Path:
    from rvos_edu.data.moving_shapes.a2d_export import export_a2d

    return export_a2d(source, root)


LAYOUT = Layout(
    NAME,
    "A2D-Sentences",
    SPLITS,
    _open,
    check_a2d,
    make=_make,
    expected={
        "train": {"videos": 3017, "expressions": 5359},
        "test": {"videos": 737, "expressions": 1295},
    },
    windowed=True,
    sources=(
        Source(
            "sentences and masks",
            "kgavrilyuk.github.io/publication/actor_action",
            "A2D's terms forbid re-publication",
        ),
        Source("videos", "web.eecs.umich.edu/~jjcorso/r/a2d", "research use"),
    ),
    places={
        name: f"text_annotations/{name}"
        for name in ("a2d_annotation_with_instances", "a2d_annotation.txt", "a2d_missed_videos.txt")
    },
)
