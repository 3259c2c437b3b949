"""Decode every frame and mask of a split in the layout of Refer-YouTube-VOS, and count."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from rvos_edu.data.check_report import SplitReport
from rvos_edu.data.dataset import no_object
from rvos_edu.data.images import read_frame, read_mask
from rvos_edu.data.reading import read_json
from rvos_edu.data.refer_youtube_vos import (
    VALID_VIDEOS,
    VideoRecord,
    expressions_file,
    hint_about_test_videos,
    missing_by_video,
    missing_files,
    read_split,
)
from rvos_edu.errors import DataError


@dataclass(frozen=True)
class _Facts:
    problems: list[str]
    objects: set[int] | None  # that some mask shows; None: no mask could be read
    late: bool


def check_videos(root: Path, split: str, *, void: int | None = None) -> SplitReport:
    """Look at everything that the JSON of a split names.

    Args:
        void: value of mask pixels that are no object.

    Raises:
        DataError: if the split or its JSON is not there.
    """
    bad: dict[str, str] = {}
    records = read_split(root, split, bad=bad)
    problems = list(bad.values())
    missing = missing_files(root, split, records)
    listed = len(records) + sum("/" not in key for key in bad)
    lost = missing_by_video(records, missing)
    problems += lost.values()
    for video, message in lost.items():
        bad.setdefault(video, message)
    masked = (root / split / "Annotations").is_dir()
    if split == "train" and not masked:
        problems.append(f"{root / split / 'Annotations'} is missing")
    gone = set(missing)
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        found = pool.map(lambda record: _check_video(root / split, record, masked, gone, void), records)
        facts = list(tqdm(found, total=len(records), desc=f"Checking {split}", unit="video", delay=1.0))
    for record, about in zip(records, facts, strict=True):
        problems += about.problems
        if about.problems:
            bad.setdefault(record.video, about.problems[0])
    faults, notes = _unseen(root, split, records, facts, bad, void)
    problems += faults.values()
    bad.update(faults)
    expressions = [e for r in records for e in r.expressions]
    return SplitReport(
        split=split,
        videos=len(records),
        expressions=len(expressions),
        frames=float(np.mean([len(r.frames) for r in records])) if records else 0.0,
        objects=float(np.mean([len(f.objects or ()) for f in facts])) if masked and facts else None,
        late=float(np.mean([f.late for f in facts])) if masked and facts else None,
        categories=dict(sorted(Counter(e.category for e in expressions if e.category).items())),
        ceiling=None,
        problems=problems,
        notes=[*_hint(root, split, listed, lost), *notes],
        bad=bad,
    )


def _hint(root: Path, split: str, listed: int, lost: dict[str, str]) -> list[str]:
    """A note where test videos may be among those of valid: more than are scored, or some without frames."""
    hint = hint_about_test_videos(root, split)
    if not hint or not (lost or listed > VALID_VIDEOS):
        return []
    return [f"{expressions_file(root, split)} lists {listed} videos. {hint}"]


def _listed(path: Path) -> dict[str, set[int]]:
    """The objects of every video that a meta.json names."""
    content = read_json(path)
    try:
        return {video: {int(n) for n in about["objects"]} for video, about in content["videos"].items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f'{path} must hold {{"videos": {{id: {{"objects": {{"1": ...}}}}}}}} ({error!r})'
        ) from error


def _check_video(
    folder: Path, record: VideoRecord, masked: bool, gone: set[Path], void: int | None
) -> _Facts:
    """Decode all frames and masks of a video; missing files are already reported."""
    problems: list[str] = []
    seen: list[set[int]] = []  # per mask that can be read
    size: tuple[int, int] | None = None
    masked = masked and any(e.object_id is not None for e in record.expressions)
    for name in record.frames:
        image = folder / "JPEGImages" / record.video / f"{name}.jpg"
        mask = folder / "Annotations" / record.video / f"{name}.png"
        try:
            if image not in gone:
                height, width = read_frame(image).shape[:2]
                size = size or (height, width)
                if (height, width) != size:
                    problems.append(f"{image} is {height}x{width}, earlier frames are {size[0]}x{size[1]}")
            if masked and mask not in gone:
                seen.append({int(v) for v in np.unique(read_mask(mask, size)) if v and v != void})
        except DataError as error:
            problems.append(str(error))
    objects = set().union(*seen)
    return _Facts(problems, objects if seen else None, bool(seen) and bool(objects - seen[0]))


def _unseen(
    root: Path,
    split: str,
    records: Sequence[VideoRecord],
    facts: Sequence[_Facts],
    bad: Mapping[str, str],
    void: int | None,
) -> tuple[dict[str, str], list[str]]:
    """Expressions without an object, and about objects that no mask shows: as faults by key, and as notes.

    The latter is a note in train, unless meta.json lists the objects of the video without this one; what is
    evaluated needs its object.
    """
    about = root / split / "meta.json"
    notes: list[str] = []
    try:
        listed = _listed(about) if about.is_file() else {}
    except DataError as error:
        listed, notes = {}, [str(error)]
    faults: dict[str, str] = {}
    for record, found in zip(records, facts, strict=True):
        for e in record.expressions:
            key = f"{record.video}/{e.id}"
            if e.object_id is None and split == "train":
                faults[key] = no_object(root, split, key)
            seen = found.objects
            if e.object_id in (None, void) or seen is None or e.object_id in seen or record.video in bad:
                continue  # of a video that is bad not every mask was read
            text = f"{expressions_file(root, split)}: object {e.object_id} of expression {key} is in no mask"
            unknown = e.object_id not in (listed.get(record.video) or {e.object_id})
            if split == "train" and not unknown:
                notes.append(f"{text}, training leaves it out")
            else:
                faults[key] = f"{text}{f' and not in {about}' if unknown else ''}"
    return faults, notes
