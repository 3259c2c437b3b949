"""Store the frames of the training split once at the size that is asked for, so that every epoch reads less.

Decoding is most of what loading a clip of 720p costs. Frames and masks are reduced as `Resize` reduces them;
training then finds them at the right size already. Sentences and the other splits are linked, not copied:
they keep their full size, which the protocols of evaluation need.
"""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from pycocotools import mask as coco
from tqdm.contrib.concurrent import process_map

from rvos_edu.data.images import read_frame, read_mask
from rvos_edu.data.palette import write_ids
from rvos_edu.data.reading import read_json
from rvos_edu.data.segmentations import decode_segmentation
from rvos_edu.data.stored_sides import ABOUT, SPLIT
from rvos_edu.data.transforms import Resize, resize_frames, resize_masks
from rvos_edu.errors import DataError
from rvos_edu.files import atomic_dir, atomic_write, remove_temporary

NAMES = ("refer-youtube-vos", "ref-davis17", "mevis")  # frames as JPEG, one folder per video
MASKS = "mask_dict.json"
QUALITY = 95  # of JPEG; colours at full resolution


def write_smaller(
    name: str,
    root: str | Path,
    out: str | Path,
    *,
    short_side: int = 360,
    max_side: int = 640,
    workers: int | None = None,
) -> Path:
    """A copy of a dataset with smaller frames and masks for training and links to the rest; returns `out`.

    Safe to interrupt and to run again: videos that are there are not written again.

    Args:
        name: as `load` knows it, one of `NAMES`.
        root: folder of the dataset.
        out: folder of the copy.
        short_side, max_side: as in `Resize`; frames that are not larger are copied as they are.
        workers: processes; None: one per core.

    Raises:
        DataError: for another dataset, an impossible size, an `out` that holds something else or lies in
            `root`, or for the first frame or mask that cannot be read.
        StorageError: if the disk is full.
    """
    root, out = Path(root), Path(out)
    _check(name, root, out, short_side=short_side, max_side=max_side, workers=workers)
    frames = root / SPLIT / "JPEGImages"
    videos = sorted(item.name for item in frames.iterdir() if item.is_dir()) if frames.is_dir() else []
    if not videos:
        raise DataError(f"{frames} holds no videos")
    resize = Resize(short_side, max_side)
    about = {"name": name, "root": str(root.resolve()), "sides": [short_side, max_side]}
    _claim(out, about)
    _link(root, out, but=(SPLIT, ABOUT))
    _link(root / SPLIT, out / SPLIT, but=("JPEGImages", "Annotations", MASKS))
    for kind, write in (("Annotations", _write_masks), ("JPEGImages", _write_frames)):
        source = root / SPLIT / kind
        if source.is_dir():
            folder = out / SPLIT / kind
            folder.mkdir(exist_ok=True)
            remove_temporary(folder)
            missing = [v for v in videos if not (folder / v).is_dir() and (source / v).is_dir()]
            job = partial(write, source, folder, resize)
            said = {"desc": f"{kind} -> {folder}", "unit": "video"}
            process_map(job, missing, max_workers=workers, chunksize=1, **said)
    if (root / SPLIT / MASKS).is_file() and not (out / SPLIT / MASKS).is_file():
        _write_run_lengths(root / SPLIT / MASKS, out / SPLIT / MASKS, resize, workers)
    return out


def _check(name: str, root: Path, out: Path, *, short_side: int, max_side: int, workers: int | None) -> None:
    if name not in NAMES:
        raise DataError(f"{name!r} cannot be stored smaller, only {', '.join(NAMES)}")
    if not 1 <= short_side <= max_side or (workers is not None and workers < 1):
        raise DataError(
            "expected 1 <= short side <= max side and at least one worker, "
            f"got {short_side}, {max_side} and {workers} workers"
        )
    if out.resolve().is_relative_to(root.resolve()) or root.resolve().is_relative_to(out.resolve()):
        raise DataError(f"the smaller copy needs a folder of its own, got {out} for the dataset {root}")


def _claim(out: Path, about: dict[str, Any]) -> None:
    """Make `out`, or go on in it if it is the same copy."""
    if (out / ABOUT).is_file():
        if (seen := read_json(out / ABOUT)) != about:
            raise DataError(f"{out} holds another copy ({seen}), expected {about}; choose another folder")
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} exists and is not empty; choose another folder or remove it")
    with atomic_write(out / ABOUT) as temporary:
        temporary.write_text(json.dumps(about) + "\n", encoding="utf-8")


def _link(source: Path, target: Path, *, but: tuple[str, ...]) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for item in source.iterdir():
        if item.name not in but and not (target / item.name).is_symlink():
            os.symlink(item.resolve(), target / item.name)


def _write_frames(source: Path, target: Path, resize: Resize, video: str) -> None:
    torch.set_num_threads(1)  # of one process among several
    with atomic_dir(target / video, durable=False) as folder:
        for path in sorted((source / video).glob("*.jpg")):
            frame = read_frame(path)
            if (size := _reduced(resize, frame.shape)) is None:
                (folder / path.name).write_bytes(path.read_bytes())
                continue
            smaller = resize_frames(torch.from_numpy(frame.copy()).permute(2, 0, 1)[None], size)[0]
            picture = Image.fromarray(smaller.permute(1, 2, 0).numpy())
            picture.save(folder / path.name, quality=QUALITY, subsampling=0)


def _write_masks(source: Path, target: Path, resize: Resize, video: str) -> None:
    torch.set_num_threads(1)
    with atomic_dir(target / video, durable=False) as folder:
        for path in sorted((source / video).glob("*.png")):
            ids = read_mask(path)
            write_ids(folder / path.name, _reduce(ids, _reduced(resize, ids.shape)))


def _write_run_lengths(source: Path, target: Path, resize: Resize, workers: int | None) -> None:
    annotations: dict[str, Any] = read_json(source)
    job = partial(_reduce_runs, source, resize)
    said = {"desc": f"Masks -> {target}", "unit": "annotation"}
    written = process_map(job, annotations.items(), max_workers=workers, chunksize=16, **said)
    with atomic_write(target) as temporary:
        temporary.write_text(json.dumps(dict(zip(annotations, written, strict=True))), encoding="utf-8")


def _reduce_runs(source: Path, resize: Resize, entry: tuple[str, Any]) -> list[Any]:
    torch.set_num_threads(1)
    name, masks = entry
    if not isinstance(masks, list):
        raise DataError(f"{source}: annotation {name} is no list of masks")
    written: list[Any] = []
    for number, item in enumerate(masks):
        if item is None:
            written.append(None)
            continue
        where = f"{source}: annotation {name}, frame number {number},"
        size = item.get("size") if isinstance(item, dict) else None
        if not (isinstance(size, list) and len(size) == 2 and all(isinstance(n, int) for n in size)):
            raise DataError(f'{where} has no "size" [height, width], got {str(item)[:60]}')
        mask = decode_segmentation(item, (size[0], size[1]), where=where).astype(np.uint8)
        runs = coco.encode(np.asfortranarray(_reduce(mask, _reduced(resize, mask.shape))))
        written.append({"size": list(runs["size"]), "counts": runs["counts"].decode("ascii")})
    return written


def _reduced(resize: Resize, shape: tuple[int, ...]) -> tuple[int, int] | None:
    """The size of a frame of `shape` in the copy; None: as it is, training would enlarge it."""
    size = resize.size(shape[0], shape[1])
    return size if size < (shape[0], shape[1]) else None


def _reduce(ids: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    return ids if size is None else resize_masks(torch.from_numpy(ids.copy())[None, None], size)[0, 0].numpy()
