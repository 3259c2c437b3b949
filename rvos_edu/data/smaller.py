"""Store the frames of the training split once at the size that is asked for, so that every epoch reads less.

Decoding is most of what loading a clip of 720p costs. Frames and masks are reduced as `Resize` reduces them;
training then finds them at the right size already. The other splits are linked, not copied: they keep their
full size, which the protocols of evaluation need.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from tqdm.contrib.concurrent import process_map

from rvos_edu.data.dataset import VideoDataset
from rvos_edu.data.images import common_size, read_frame, read_mask
from rvos_edu.data.mevis_dataset import Mevis, masks_file, sentences_file
from rvos_edu.data.palette import write_ids
from rvos_edu.data.reading import read_json
from rvos_edu.data.refer_youtube_vos import VideoRecord, expressions_file, ids_file
from rvos_edu.data.registry import load
from rvos_edu.data.smaller_runs import write_run_lengths
from rvos_edu.data.stored_sides import ABOUT, SPLIT
from rvos_edu.data.transforms import ResizeStored, resize_frames, resize_ids
from rvos_edu.errors import DataError
from rvos_edu.files import atomic_dir, atomic_write, remove_temporary

NAMES = ("refer-youtube-vos", "ref-davis17", "mevis")  # frames as JPEG, one folder per video
QUALITY = 95  # of JPEG; colours at full resolution
_OWN = (  # what a copy does not link, below its folder
    Path(ABOUT),
    Path(SPLIT, "JPEGImages"),
    Path(SPLIT, "Annotations"),
    masks_file("", SPLIT),
    sentences_file("", SPLIT),
    expressions_file("", SPLIT),
    ids_file("", SPLIT),
)


def write_smaller(
    name: str,
    root: str | Path,
    out: str | Path,
    *,
    short_side: int = 360,
    max_side: int = 640,
    workers: int | None = None,
    skip_bad: bool = False,
) -> Path:
    """A copy of a dataset with smaller frames and masks for training and links to the rest; returns `out`.

    It holds what the sentences name. Safe to interrupt and to run again: videos that are there are not
    written again. Masks come first, sentences last.

    Args:
        name: as `load` knows it, one of `NAMES`.
        root: folder of the dataset.
        out: folder of the copy.
        short_side, max_side: as in `Resize`; smaller frames are copied as they are.
        workers: processes; None: one per core.
        skip_bad: leave out the videos and sentences that `load` leaves out with `skip_bad`.

    Raises:
        DataError: for another dataset, an impossible size, an `out` that holds something else or lies in
            `root`, as `load`, for the first frame or mask that cannot be read or is of another size than
            the first frame of its video, or if nothing is left.
        StorageError: if the disk is full.
    """
    root, out = Path(root), Path(out)
    _check(name, root, out, short_side=short_side, max_side=max_side, workers=workers)
    dataset = load(name, split=SPLIT, root=root, skip_bad=skip_bad)
    assert isinstance(dataset, VideoDataset | Mevis)
    if not dataset.clips:
        raise DataError(f"{root} holds nothing to train on; faulty entries left out: {dataset.skipped}")
    _claim(out, {"name": name, "root": str(root.resolve()), "sides": [short_side, max_side]})
    _link(root, out)
    _write_train(dataset, out, ResizeStored(short_side, max_side), workers)
    return out


def _write_train(dataset: VideoDataset | Mevis, out: Path, resize: ResizeStored, workers: int | None) -> None:
    """Masks, frames and sentences, in this order."""
    root = dataset.root
    if isinstance(dataset, Mevis):
        write_run_lengths(dataset, masks_file(out, SPLIT), resize, workers)
        sentences = sentences_file("", SPLIT)
    else:
        annotated = [r for r in dataset.records if any(e.object_id is not None for e in r.expressions)]
        if (root / SPLIT / "Annotations").is_dir():
            job = partial(_write_masks, root / SPLIT, out / SPLIT / "Annotations", resize)
            _write_videos(job, annotated, out / SPLIT / "Annotations", workers)
        sentences = expressions_file("", SPLIT)
    job = partial(_write_frames, root / SPLIT, out / SPLIT / "JPEGImages", resize)
    _write_videos(job, dataset.records, out / SPLIT / "JPEGImages", workers)
    _write_sentences(root / sentences, out / sentences, dataset.records)


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


def _link(root: Path, out: Path, below: Path = Path()) -> None:
    """Links in `out` to all that `root` holds, but for what is the copy's own."""
    if below.parts and (out / below).is_symlink():  # of an older copy; `out` itself may be a link
        (out / below).unlink()
    (out / below).mkdir(parents=True, exist_ok=True)
    for item in (root / below).iterdir():
        path = below / item.name
        if item.is_dir() and any(path in own.parents for own in _OWN):
            _link(root, out, path)
        elif path not in _OWN and not (out / path).is_symlink():
            os.symlink(item.resolve(), out / path)


def _write_videos(
    job: Callable[[VideoRecord], None], records: list[VideoRecord], folder: Path, workers: int | None
) -> None:
    """Run `job` for the videos that have no folder in `folder`."""
    folder.mkdir(exist_ok=True)
    remove_temporary(folder)
    missing = [record for record in records if not (folder / record.video).is_dir()]
    process_map(job, missing, max_workers=workers, chunksize=1, desc=f"-> {folder}", unit="video")


def _write_frames(source: Path, target: Path, resize: ResizeStored, record: VideoRecord) -> None:
    torch.set_num_threads(1)  # of one process among several
    paths = _frames(source, record)
    seen = common_size(paths)
    size = resize.stored(*seen)
    with atomic_dir(target / record.video, durable=False) as folder:
        for path in paths:
            frame = read_frame(path)
            if size == seen:
                (folder / path.name).write_bytes(path.read_bytes())
                continue
            smaller = resize_frames(torch.from_numpy(frame.copy()).permute(2, 0, 1)[None], size)[0]
            picture = Image.fromarray(smaller.permute(1, 2, 0).numpy())
            picture.save(folder / path.name, quality=QUALITY, subsampling=0)


def _write_masks(source: Path, target: Path, resize: ResizeStored, record: VideoRecord) -> None:
    torch.set_num_threads(1)
    seen = common_size(_frames(source, record))
    size = resize.stored(*seen)
    with atomic_dir(target / record.video, durable=False) as folder:
        for name in record.frames:
            ids = read_mask(source / "Annotations" / record.video / f"{name}.png", seen)
            write_ids(folder / f"{name}.png", resize_ids(ids, size))


def _frames(source: Path, record: VideoRecord) -> list[Path]:
    return [source / "JPEGImages" / record.video / f"{name}.jpg" for name in record.frames]


def _write_sentences(source: Path, target: Path, records: list[VideoRecord]) -> None:
    """The file of sentences with these records only."""
    content: dict[str, Any] = read_json(source)
    kept = {record.video: {sentence.id for sentence in record.expressions} for record in records}
    content["videos"] = {
        video: {**about, "expressions": {k: s for k, s in about["expressions"].items() if k in kept[video]}}
        for video, about in content["videos"].items()
        if video in kept
    }
    with atomic_write(target) as temporary:
        temporary.write_text(json.dumps(content), encoding="utf-8")
