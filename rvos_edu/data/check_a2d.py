"""Decode every video and mask of a split of A2D-Sentences, and count."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from rvos_edu.data.a2d_masks import frame_key, mask_file, mask_numbers, masks_folder, read_frame_masks
from rvos_edu.data.a2d_tables import A2DVideo, read_split, sentences_file, videoset_file
from rvos_edu.data.centre_windows import AnnotatedFrame, check_frame
from rvos_edu.data.check_report import SplitReport
from rvos_edu.data.video import read_video
from rvos_edu.errors import DataError


@dataclass
class _Found:
    """What one video holds; `bad`: as in `SplitReport`."""

    problems: list[str] = field(default_factory=list)
    bad: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    frames: int = 0
    samples: int = 0
    files: int | None = None  # of masks
    instances: set[int] = field(default_factory=set)

    def add(self, key: str, message: str) -> None:
        self.problems.append(message)
        self.bad.setdefault(key, message)


def check_a2d(root: Path, split: str) -> SplitReport:
    """Look at everything that the tables of a split name.

    Raises:
        DataError: if a table or the folder of videos is not there.
        SplitError: for an unknown split.
    """
    bad: dict[str, str] = {}
    notes: list[str] = []
    gaps: list[str] = []
    videos = read_split(root, split, bad=bad, notes=notes, gaps=gaps)
    problems = [*bad.values(), *gaps]
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        running = pool.map(lambda video: _check_video(root, video), videos)
        found = list(tqdm(running, total=len(videos), desc=f"Checking {split}", unit="video", delay=1.0))
    for about in found:
        problems += about.problems
        notes += about.notes
        bad |= about.bad
    notes += _other_counts(root, videos, found)
    decoded = [about.frames for about in found if about.frames]
    return SplitReport(
        split=split,
        videos=len(videos),
        expressions=sum(len(video.sentences) for video in videos),
        frames=float(np.mean(decoded)) if decoded else 0.0,
        objects=float(np.mean([len(about.instances) for about in found])) if found else None,
        late=None,
        categories={},
        ceiling=None,
        problems=problems,
        notes=notes,
        samples=sum(about.samples for about in found),
        bad=bad,
    )


def _other_counts(root: Path, videos: list[A2DVideo], found: list[_Found]) -> list[str]:
    """A note on videos with fewer files of masks than the table says, and one on those with more.

    Table and masks come from different archives: the one is no proof that the other is wrong.
    """
    pairs = [
        (video, about.files, video.annotated)
        for video, about in zip(videos, found, strict=True)
        if about.files is not None and video.annotated is not None
    ]
    notes = []
    for what, some in (
        ("fewer", [(video, files, said) for video, files, said in pairs if files < said]),
        ("more", [(video, files, said) for video, files, said in pairs if files > said]),
    ):
        if some:
            video, files, said = some[0]
            notes.append(
                f"{len(some)} videos have {what} files of masks than {videoset_file(root)} has annotated "
                f"frames (column 8), for example {masks_folder(root, video.video)}: {files}, expected {said}"
            )
    return notes


def _check_video(root: Path, video: A2DVideo) -> _Found:
    """Decode all frames and the masks of all annotated ones."""
    found, size = _Found(), None
    try:
        reader = read_video(video.path)
        found.frames = sum(1 for _ in reader)
        size = reader.size
    except DataError as error:
        found.add(video.video, str(error))
    try:
        numbers = mask_numbers(root, video.video)
    except DataError as error:
        found.add(video.video, str(error))
        return found
    found.files = len(numbers)
    for number in numbers:
        _check_masks(root, video, number, size, found)
    lost = [s.instance for s in video.sentences if s.instance not in found.instances]
    if lost and not found.problems:
        where = f"{sentences_file(root)}: instance"
        found.notes += [f"{where} {one} of {video.video} is in no mask: no sample of it" for one in lost]
    return found


def _check_masks(
    root: Path, video: A2DVideo, number: int, size: tuple[int, int] | None, found: _Found
) -> None:
    """One file; without `size` the video could not be decoded, which is already reported."""
    path = mask_file(root, video.video, number)
    try:
        masks = read_frame_masks(path)
        if not masks.ids:
            found.notes.append(f"{path} holds no instance: there is no sample of this frame")
        elif size is not None:
            frame = AnnotatedFrame(video.video, number, ())
            check_frame(masks.unique(), frame, count=found.frames, size=size)
    except DataError as error:
        found.add(frame_key(video.video, number), str(error))
        return
    found.instances.update(masks.ids)
    found.samples += sum(sentence.instance in masks.ids for sentence in video.sentences)
    if masks.repeated:
        found.notes.append(f"{path} lists instance {masks.repeated[0]} more than once: the first is used")
    if masks.extra:
        found.notes.append(f"{path} has {masks.extra} masks without an instance: they are left out")
