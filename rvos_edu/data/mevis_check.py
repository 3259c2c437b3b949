"""A look at all frames and masks of MeViS."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from rvos_edu.data.check_report import SplitReport
from rvos_edu.data.images import read_frame
from rvos_edu.data.mevis_dataset import (
    MASKED,
    SHORTEST,
    MevisSplit,
    masks_file,
    read_mevis,
    sentences_file,
)
from rvos_edu.data.mevis_masks import MaskDictionary
from rvos_edu.data.refer_youtube_vos import VideoRecord, missing_by_video, missing_files
from rvos_edu.errors import DataError


@dataclass(frozen=True)
class _Facts:
    """What a look at one video found; `bad`: as in `SplitReport`."""

    bad: dict[str, str]
    problems: list[str]
    objects: int = 0
    late: bool = False


def check_mevis(root: Path, split: str) -> SplitReport:
    """Decode every frame and mask that the JSON of a split names.

    Raises:
        DataError: if the split or its JSON is not there.
    """
    bad: dict[str, str] = {}
    found = read_mevis(root, split, bad=bad)
    records, problems = found.records, list(bad.values())
    missing = missing_files(root, split, records)
    for video, message in missing_by_video(records, missing).items():
        problems.append(message)
        bad.setdefault(video, message)
    masks = None
    if split in MASKED:
        try:
            masks = MaskDictionary(masks_file(root, split))
        except DataError as error:
            problems.append(str(error))
    look = partial(_look, root / split / "JPEGImages", found, masks, set(missing))
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        bar = tqdm(
            pool.map(look, records), total=len(records), desc=f"Checking {split}", unit="video", delay=1.0
        )
        facts = list(bar)
    for about in facts:
        problems += about.problems
        bad.update({key: text for key, text in about.bad.items() if key not in bad})
    return SplitReport(
        split=split,
        videos=len(records),
        expressions=sum(len(r.expressions) for r in records),
        frames=float(np.mean([len(r.frames) for r in records])) if records else 0.0,
        objects=float(np.mean([f.objects for f in facts])) if masks and facts else None,
        late=float(np.mean([f.late for f in facts])) if masks and facts else None,
        categories={},
        ceiling=None,
        problems=problems,
        notes=_notes(root, split, found, masks, bad),
        bad=bad,
    )


def _notes(
    root: Path, split: str, found: MevisSplit, masks: MaskDictionary | None, bad: dict[str, str]
) -> list[str]:
    notes = []
    then = "training leaves it out" if split == "train" else "it is scored against empty masks"
    for record in found.records:
        if split == "train" and len(record.frames) < SHORTEST:
            notes.append(f"video {record.video} has {len(record.frames)} frame, training leaves it out")
        for sentence in record.expressions:
            key = f"{record.video}/{sentence.id}"
            if masks is None or {key, record.video} & bad.keys():
                continue
            where = sentences_file(root, split)
            referred = found.referred[record.video, sentence.id] or ()
            if not any(masks.visible(a).any() for a in referred):
                notes.append(f"{where}: what expression {key} is about is in no mask, {then}")
    return notes


def _look(
    folder: Path, found: MevisSplit, masks: MaskDictionary | None, gone: set[Path], record: VideoRecord
) -> _Facts:
    """All frames and masks of one video; a faulty annotation makes the sentences about it bad."""
    bad: dict[str, str] = {}
    problems: list[str] = []
    size: tuple[int, int] | None = None
    for name in record.frames:
        image = folder / record.video / f"{name}.jpg"
        if image in gone:
            continue
        try:
            height, width = read_frame(image).shape[:2]
            size = size or (height, width)
            if (height, width) != size:
                raise DataError(f"{image} is {height}x{width}, earlier frames are {size[0]}x{size[1]}")
        except DataError as error:
            problems.append(str(error))
            bad.setdefault(record.video, str(error))
    if masks is None:
        return _Facts(bad, problems)
    visible = []
    for annotation in found.annotations(record):
        fault = masks.fault(annotation, len(record.frames)) or _damage(masks, annotation, record, size)
        if fault is None:
            visible.append(masks.visible(annotation))
            continue
        problems.append(fault)
        for sentence in record.expressions:
            if annotation in (found.referred[record.video, sentence.id] or ()):
                bad.setdefault(f"{record.video}/{sentence.id}", fault)
    late = any(frames.any() and not frames[0] for frames in visible)
    return _Facts(bad, problems, sum(bool(frames.any()) for frames in visible), late)


def _damage(
    masks: MaskDictionary, annotation: int, record: VideoRecord, size: tuple[int, int] | None
) -> str | None:
    """The first mask of an annotation that cannot be decoded."""
    if size is None:
        return None
    try:
        for frame in range(len(record.frames)):
            masks.read(annotation, [frame], size)
    except DataError as error:
        return str(error)
    return None
