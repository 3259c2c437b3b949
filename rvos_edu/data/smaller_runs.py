"""The run lengths of MeViS at the size of smaller frames."""

from __future__ import annotations

import json
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pycocotools import mask as coco
from tqdm.contrib.concurrent import process_map

from rvos_edu.data.images import common_size
from rvos_edu.data.index import file_stamp
from rvos_edu.data.mevis_dataset import Mevis, masks_file
from rvos_edu.data.mevis_masks import MaskDictionary
from rvos_edu.data.refer_youtube_vos import VideoRecord
from rvos_edu.data.transforms import ResizeStored, resize_ids
from rvos_edu.files import atomic_write


def write_run_lengths(dataset: Mevis, target: Path, resize: ResizeStored, workers: int | None) -> None:
    """Write what the sentences of a dataset are about to `target`, unless it is there.

    Args:
        dataset: a split with masks.
        target: a `mask_dict.json`.
        workers: processes; None: one per core.

    Raises:
        DataError: for the first mask that is damaged or of another size than the frames of its video, or if
            these differ in size.
    """
    asked = [(record, dataset.annotations(record)) for record in dataset.records]
    if target.is_file() and _complete(target, asked):
        return
    source = masks_file(dataset.root, dataset.split)
    job = partial(_reduce, source, file_stamp(source), resize)
    said = {"desc": f"-> {target}", "unit": "video"}
    written: dict[str, Any] = {}
    for found in process_map(job, asked, max_workers=workers, chunksize=1, **said):
        written.update(found)
    with atomic_write(target) as temporary:
        temporary.write_text(json.dumps(written), encoding="utf-8")


def _complete(path: Path, asked: list[tuple[VideoRecord, list[int]]]) -> bool:
    masks = MaskDictionary(path)
    return not any(masks.fault(a, len(record.frames)) for record, numbers in asked for a in numbers)


def _reduce(
    source: Path, stamp: str, resize: ResizeStored, asked: tuple[VideoRecord, list[int]]
) -> dict[str, list[dict[str, Any] | None]]:
    """What the file holds about the annotations of one video."""
    torch.set_num_threads(1)  # of one process among several
    record, annotations = asked
    folder = source.parent / "JPEGImages" / record.video
    size = common_size(folder / f"{name}.jpg" for name in record.frames)
    masks = _opened(source, stamp)
    written: dict[str, list[dict[str, Any] | None]] = {}
    for annotation in annotations:
        runs: list[dict[str, Any] | None] = []
        for frame, seen in enumerate(masks.visible(annotation)):
            mask = masks.read(annotation, [frame], size)[0] if seen else None
            runs.append(
                None if mask is None else _encode(resize_ids(mask.view(np.uint8), resize.stored(*size)))
            )
        written[str(annotation)] = runs
    return written


def _encode(mask: np.ndarray) -> dict[str, Any]:
    runs = coco.encode(np.asfortranarray(mask))
    return {"size": list(runs["size"]), "counts": runs["counts"].decode("ascii")}


@lru_cache(maxsize=1)
def _opened(path: Path, stamp: str) -> MaskDictionary:
    """Once per process; a file that has changed is another one."""
    return MaskDictionary(path)
