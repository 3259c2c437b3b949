"""JHMDB-Sentences (Gavrilyuk et al., CVPR 2018; J-HMDB: Jhuang et al., ICCV 2013), for evaluation only.

One sentence per video, about its only annotated instance, on three frames of each: those of the published
list where that is there, else drawn by a seed. Published numbers need the list.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rvos_edu.data.centre_windows import AnnotatedFrame, CentreWindows, InstanceMasks
from rvos_edu.data.check_jhmdb import check_jhmdb
from rvos_edu.data.dataset import Transformation
from rvos_edu.data.images import read_frame
from rvos_edu.data.index import index_key, kept, last_look
from rvos_edu.data.jhmdb_tables import (
    SAMPLES_FILE,
    SAMPLES_SOURCE,
    JHMDBVideo,
    drawn_numbers,
    frame_total,
    listed_numbers,
    read_puppet_masks,
    read_videos,
    samples_file,
)
from rvos_edu.data.layout import Ask, Layout, Source
from rvos_edu.data.sentence_tables import Faults
from rvos_edu.errors import DataError, SplitError

NAME = "jhmdb-sentences"
SPLITS = ("test",)
logger = logging.getLogger(__name__)


class JHMDBSentences(CentreWindows):
    """One clip per (video, sampled frame), with the sentence of the video.

    Args:
        root: folder of the dataset.
        split: test.
        window: frames of a clip.
        seed: of the frames that are drawn where there is no published list.
        transform: as in `ClipDataset`.
        skip: videos that are left out unread.

    Attributes:
        drawn: whether frames were drawn.

    Raises:
        DataError: if a table or a file is missing or faulty; damaged frames and masks when they are read.
    """

    def __init__(
        self,
        root: str | Path,
        *,
        split: str,
        window: int | None,
        seed: int = 0,
        transform: Transformation | None = None,
        skip: frozenset[str] = frozenset(),
    ) -> None:
        root = Path(root)
        if split not in SPLITS:
            raise SplitError(f"unknown split {split!r} of {NAME}: it has only test, and is not trained on")
        faults = Faults(None, [])
        videos = read_videos(root, skip=skip, faults=faults)
        for gap in faults.gaps:
            logger.warning("%s: %s", NAME, gap)
        self._videos = {video.video: video for video in videos}
        self._totals = _totals(root, videos)
        self.drawn = not samples_file(root).is_file()
        if self.drawn:
            numbers = {video: drawn_numbers(video, n, seed) for video, n in self._totals.items()}
            logger.warning(
                "%s is missing: frames are drawn with seed %d; published numbers are of others, which the "
                "file of that name in %s lists",
                samples_file(root),
                seed,
                SAMPLES_SOURCE,
            )
        else:
            numbers = listed_numbers(root, self._totals, known=skip, faults=Faults(None, []))
            logger.info("%s: the frames of the published list %s", NAME, samples_file(root))
        frames = [
            AnnotatedFrame(video.video, number, (video.sentence,))
            for video in videos
            for number in numbers[video.video]
        ]
        super().__init__(root, name=NAME, split=split, window=window, frames=frames, transform=transform)
        if self.drawn:
            self.notes = (f"frames drawn with seed {seed}, not those of the published list",)

    def image_id(self, video: str, number: int, sentence: str) -> str:
        return f"v_{video}_f_{number}"

    def frame_count(self, video: str) -> int:
        return self._totals[video]

    def read_frames(self, video: str, indices: Sequence[int]) -> np.ndarray:
        folder = self._videos[video].frames
        read = {index: read_frame(folder / f"{index + 1:05d}.png") for index in sorted(set(indices))}
        sizes = {index: frame.shape[:2] for index, frame in read.items()}
        if other := [index for index in sizes if sizes[index] != sizes[indices[0]]]:
            (height, width), first = sizes[other[0]], sizes[indices[0]]
            path = folder / f"{other[0] + 1:05d}.png"
            raise DataError(
                f"{path} is {height}x{width} (height x width), another frame of the video is "
                f"{first[0]}x{first[1]}"
            )
        return np.stack([read[index] for index in indices])

    def read_masks(self, video: str, number: int) -> InstanceMasks:
        path = self._videos[video].masks
        return InstanceMasks(path, (0,), read_puppet_masks(path)[number - 1 : number])


def _totals(root: Path, videos: list[JHMDBVideo]) -> dict[str, int]:
    """Frames with masks of each video; counted once, then kept in the index."""

    def build() -> dict[str, int]:
        return {video.video: min(frame_total(video)) for video in videos}

    parts = [f"{v.video} {_changed(v.frames)} {_changed(v.masks)}" for v in videos]
    totals: dict[str, int] = kept(
        index_key("jhmdb totals", root.resolve(), *parts, *last_look(root)),
        build,
        valid=lambda content: isinstance(content, dict) and content.keys() == {v.video for v in videos},
    )
    return totals


def _changed(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


def _open(root: Path, ask: Ask) -> JHMDBSentences:
    return JHMDBSentences(
        root, split=ask.split, window=ask.window, seed=ask.seed, transform=ask.transform, skip=ask.skip
    )


def _make(source: Path, root: Path) -> Path:
    from rvos_edu.data.moving_shapes.jhmdb_export import export_jhmdb

    return export_jhmdb(source, root)


LAYOUT = Layout(
    NAME,
    "JHMDB-Sentences",
    SPLITS,
    _open,
    check_jhmdb,
    make=_make,
    expected={"test": {"videos": 928, "expressions": 928, "samples": 2784}},
    windowed=True,
    sources=(
        Source(
            "sentences and masks",
            "kgavrilyuk.github.io/publication/actor_action",
            "A2D's terms forbid re-publication",
        ),
        Source("frames, puppet masks", "jhmdb.is.tue.mpg.de", "research use"),
        Source(f"frames that are evaluated: {SAMPLES_FILE}", SAMPLES_SOURCE, "see repository"),
    ),
)
