"""Decode every frame and mask of JHMDB-Sentences, and count."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from rvos_edu.data.check_report import SplitReport
from rvos_edu.data.images import read_frame
from rvos_edu.data.jhmdb_tables import (
    SAMPLES_PER_VIDEO,
    SAMPLES_SOURCE,
    JHMDBVideo,
    frame_total,
    listed_numbers,
    mask_shape,
    read_puppet_masks,
    read_videos,
    samples_file,
)
from rvos_edu.data.sentence_tables import Faults
from rvos_edu.errors import DataError, SplitError


@dataclass
class _Found:
    """What one video holds: `frames` are those with masks, `masks` all masks, `images` all frames."""

    problems: list[str] = field(default_factory=list)
    images: int = 0
    masks: int = 0

    @property
    def frames(self) -> int:
        return min(self.images, self.masks)


def check_jhmdb(root: Path, split: str) -> SplitReport:
    """Look at everything that the table names.

    Raises:
        DataError: if the table or the folder of frames is not there.
        SplitError: for an unknown split.
    """
    if split != "test":
        raise SplitError(f"unknown split {split!r} of jhmdb-sentences: it has only test")
    bad: dict[str, str] = {}
    faults = Faults(bad, [])
    videos = read_videos(root, skip=frozenset(), faults=faults)
    problems = [*bad.values(), *faults.gaps]
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        running = pool.map(_check_video, videos)
        found = list(tqdm(running, total=len(videos), desc=f"Checking {split}", unit="video", delay=1.0))
    for video, about in zip(videos, found, strict=True):
        problems += about.problems
        if about.problems:
            bad[video.video] = about.problems[0]
    totals = {v.video: about.frames for v, about in zip(videos, found, strict=True) if not about.problems}
    samples, note, wrong = _samples(root, totals, frozenset(bad))
    return SplitReport(
        split=split,
        videos=len(videos),
        expressions=len(videos),
        frames=float(np.mean(list(totals.values()))) if totals else 0.0,
        objects=1.0 if videos else None,
        late=None,
        categories={},
        ceiling=None,
        problems=[*problems, *wrong.values()],
        notes=[note, *faults.notes, *_lengths(videos, found)],
        samples=samples,
        bad={**bad, **wrong},
    )


def _check_video(video: JHMDBVideo) -> _Found:
    """Decode all frames and masks of a video."""
    found = _Found()
    try:
        found.images, found.masks = frame_total(video)
        size = mask_shape(video.masks)[:2]
    except DataError as error:
        found.problems.append(str(error))
        return found
    for number in range(1, found.images + 1):
        path = video.frames / f"{number:05d}.png"
        try:
            height, width = read_frame(path).shape[:2]
            if (height, width) != size:
                found.problems.append(
                    f"{video.masks} holds masks of {size[0]}x{size[1]} (height x width), "
                    f"{path} is {height}x{width}"
                )
                break  # the others are likely to be of that size as well
        except DataError as error:
            found.problems.append(str(error))
    try:
        read_puppet_masks(video.masks)
    except DataError as error:
        found.problems.append(str(error))
    return found


def _samples(root: Path, totals: dict[str, int], bad: frozenset[str]) -> tuple[int, str, dict[str, str]]:
    """How many there are, where they come from, and what is wrong with the published list, by video."""
    path = samples_file(root)
    if not path.is_file():
        count = sum(min(SAMPLES_PER_VIDEO, total) for total in totals.values())
        note = f"{path} is missing: frames are drawn, published numbers are of those of {SAMPLES_SOURCE}"
        return count, note, {}
    wrong: dict[str, str] = {}
    try:
        numbers = listed_numbers(root, totals, known=bad, faults=Faults(wrong, []))
    except DataError as error:
        return 0, "no frames to evaluate are known", {path.name: str(error)}
    count = sum(len(own) for video, own in numbers.items() if video not in wrong)
    return count, f"the frames are those of the published list {path}", wrong


def _lengths(videos: list[JHMDBVideo], found: list[_Found]) -> list[str]:
    both = [(v, f) for v, f in zip(videos, found, strict=True) if f.masks and f.images]
    short = [v.video for v, f in both if f.masks < f.images]
    long = [v.video for v, f in both if f.masks > f.images]
    notes = []
    if short:
        notes.append(
            f"{len(short)} videos have fewer masks than frames, the last frames are left out: {short[0]}"
        )
    if long:
        notes.append(f"{len(long)} videos have more masks than frames: {long[0]}")
    return notes
