"""Decode every image and segmentation of a split of RefCOCO, RefCOCO+ or RefCOCOg, and count."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from rvos_edu.data.check_report import SplitReport
from rvos_edu.data.refcoco_images import image_folder, missing_images, object_mask, read_image
from rvos_edu.data.refcoco_index import referred_images, split_table
from rvos_edu.data.refcoco_joint import joint_names
from rvos_edu.data.refcoco_records import Faults, ReferredImage, SplitTable
from rvos_edu.errors import DataError


@dataclass(frozen=True)
class _Facts:
    bad: dict[str, str]
    empty: list[int]  # objects without a pixel


def check_images(name: str, root: Path, split: str) -> SplitReport:
    """Look at everything that the tables of a split name.

    Raises:
        DataError: if a table or the folder of images is not there.
    """
    bad: dict[str, str] = {}
    table = split_table(root, name, split, faults=Faults(bad=bad))
    folder = image_folder(root)
    for path, image in _gone(folder, table.images):
        bad.setdefault(str(image.id), f"{path} is missing, though {table.source} names it")
    images = [image for image in table.images if str(image.id) not in bad]
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        found = pool.map(partial(_check_image, folder, table), images)
        facts = list(tqdm(found, total=len(images), desc=f"Checking {split}", unit="image", delay=1.0))
    for about in facts:
        for key, message in about.bad.items():
            bad.setdefault(key, message)
    empty = [annotation for about in facts for annotation in about.empty]
    count = len(table.images)
    return SplitReport(
        split=split,
        videos=count,
        expressions=sum(len(image.sentences) for image in table.images),
        frames=1.0 if count else 0.0,
        objects=float(np.mean([len(image.annotations) for image in table.images])) if count else None,
        late=None,
        categories={},
        ceiling=None,
        problems=list(bad.values()),
        notes=[f"{table.source}: annotation {annotation} covers no pixel" for annotation in empty],
        bad=bad,
        refs=table.refs,
    )


def check_joint(root: Path, split: str) -> SplitReport:
    """The splits that the joint training reads; counts are sums, before images of other splits are left out.

    Raises:
        DataError: as `check_images`.
    """
    names = joint_names(split)
    reports = {name: check_images(name, root, split) for name in names}
    counts = [report.videos for report in reports.values()]
    held_out: set[int] = set()
    if split == "train":
        held_out = held_out.union(*(referred_images(root, name, without=split) for name in names))
    return SplitReport(
        split=split,
        videos=sum(counts),
        expressions=sum(report.expressions for report in reports.values()),
        frames=1.0,
        objects=sum((r.objects or 0.0) * r.videos for r in reports.values()) / sum(counts)
        if any(counts)
        else None,
        late=None,
        categories={},
        ceiling=None,
        problems=[f"{name}: {text}" for name, report in reports.items() for text in report.problems],
        notes=[f"{name}: {text}" for name, report in reports.items() for text in report.notes]
        + (
            [f"{len(held_out)} images of valid and test splits are left out where train has them"]
            if held_out
            else []
        ),
        bad={f"{name}:{key}": text for name, report in reports.items() for key, text in report.bad.items()},
        refs=sum(report.refs or 0 for report in reports.values()),
    )


def _gone(folder: Path, images: list[ReferredImage]) -> list[tuple[Path, ReferredImage]]:
    missing = set(missing_images(folder, images))
    return [(folder / image.file_name, image) for image in images if folder / image.file_name in missing]


def _check_image(folder: Path, table: SplitTable, image: ReferredImage) -> _Facts:
    bad: dict[str, str] = {}
    empty: list[int] = []
    try:
        read_image(folder, image, table)
    except DataError as error:
        bad[str(image.id)] = str(error)
    for annotation in image.annotations:
        try:
            if not object_mask(table, image, annotation).any():
                empty.append(annotation)
        except DataError as error:
            bad[f"annotation {annotation}"] = str(error)
    return _Facts(bad, empty)
