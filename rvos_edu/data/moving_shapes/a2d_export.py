"""Moving Shapes in the layout of A2D-Sentences: mp4 videos, and HDF5 masks of a few frames of each.

The training split becomes subset 0, the test split subset 1; A2D-Sentences has no third split, the valid one
is left out. What is odd in the published files is here as well: a row with the instance "1 (copy)", a video
that nobody described and that has no file, ids that begin with "-", annotated first and last frames,
instances that are not in every annotated frame, one that is listed twice, `instance` flat, as a row and as a
column, blanks before sentences, and masks in MATLAB's order of axes, (W, H) where there is one instance.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from tqdm.auto import tqdm

from rvos_edu.data.a2d_masks import mask_file
from rvos_edu.data.a2d_tables import CLIP_FOLDERS, HEADER, SPLITS, missed_file, sentences_file, videoset_file
from rvos_edu.data.moving_shapes.annotated_frames import ShapesVideo, new_folder, read_shapes
from rvos_edu.data.video import VideoWriter
from rvos_edu.errors import DataError

FPS = 6


@dataclass(frozen=True)
class _Video:
    """What the tables say of one video."""

    video: str
    subset: int
    size: tuple[int, int]
    frames: int
    annotated: int
    sentences: dict[int, str]  # by instance


def export_a2d(source: str | Path, root: str | Path) -> Path:
    """Write Moving Shapes below `root`; the same source gives the same bytes.

    Args:
        source: folder of a dataset that `make` wrote.
        root: is made; `A2DSentences(root, ...)` reads it.

    Raises:
        DataError: if `source` is not Moving Shapes, or `root` already holds something.
    """
    source, root = Path(source), Path(root)
    with new_folder(root) as temporary:
        written = [
            _write_video(temporary, shapes, subset, number)
            for subset, split in enumerate(SPLITS)
            for number, shapes in enumerate(
                tqdm(read_shapes(source, split), desc=f"Videos of {split}", unit="video", delay=2.0)
            )
        ]
        if not written:
            raise DataError(f"{source} has neither training nor test videos")
        _write_tables(temporary, written)
    return root


def video_id(name: str, *, dash: bool) -> str:
    """Eleven characters, as those of the site that A2D's videos come from; `dash`: the first one is "-"."""
    text = base64.urlsafe_b64encode(hashlib.sha256(name.encode()).digest()).decode()[:11]
    return f"-{text[1:]}" if dash else text


def _write_video(root: Path, shapes: ShapesVideo, subset: int, number: int) -> _Video:
    video = video_id(shapes.name, dash=number % 5 == 0)
    count, (height, width) = len(shapes.frames), shapes.ids.shape[1:]
    middle, last = count // 2, count - 1
    times = sorted({*((0, middle, last), (middle - 1, last), (1, middle, last - 1))[number % 3]})
    with VideoWriter(
        root / "Release" / CLIP_FOLDERS[0] / f"{video}.mp4", fps=FPS, size=(height, width)
    ) as mp4:
        for frame in shapes.frames:
            mp4.write(frame)
    sentences = {f.identity - 1: shapes.sentence(f.identity, times) for f in shapes.facts}
    annotated = [t for t in times if shapes.ids[t].any()]
    for place, time in enumerate(annotated):
        twice = (subset, number, place) == (0, 0, 0)
        write_masks(mask_file(root, video, time + 1), shapes.ids[time], form=number + place, twice=twice)
    said = {instance: words for instance, words in sentences.items() if words is not None}
    return _Video(video, subset, (height, width), count, len(annotated), said)


def write_masks(path: Path, ids: np.ndarray, *, form: int, twice: bool = False) -> None:
    """One HDF5 file of a frame, as MATLAB writes it; instance k is object k + 1.

    Args:
        ids: uint8 [H, W].
        form: `instance` is flat, a row or a column.
        twice: the first instance is listed again at the end, with an empty mask.
    """
    present = [int(value) - 1 for value in np.unique(ids) if value]
    masks = [ids == instance + 1 for instance in present]
    if twice:
        present, masks = [*present, present[0]], [*masks, np.zeros_like(masks[0])]
    boxes = [_box(mask) for mask in masks]
    stored = np.stack(masks).transpose(0, 2, 1).astype(np.uint8)  # [N, W, H]
    numbers = np.array(present, np.float64)
    one = len(present) == 1
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file["instance"] = (numbers, numbers[None], numbers[:, None])[form % 3]
        file.create_dataset("reMask", data=stored[0] if one else stored, compression="gzip")
        file["reBBox"] = np.array(boxes[0] if one else np.transpose(boxes), np.float64)
        file["id"] = np.full((1, len(present)), 11.0)


def _box(mask: np.ndarray) -> list[int]:
    """x1, y1, x2, y2, the last two within the mask; zeros for an empty one."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return [int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])] if len(rows) else [0] * 4


def _write_tables(root: Path, videos: list[_Video]) -> None:
    missed = video_id("a video that nobody described", dash=False)
    rows = [
        f"{v.video},11,00:00:00.0,00:00:{v.frames / FPS:04.1f},{v.size[0]},{v.size[1]},"
        f"{v.frames},{v.annotated},{v.subset}"
        for v in videos
    ]
    height, width = videos[0].size
    rows.append(f"{missed},11,00:00:00.0,00:00:01.0,{height},{width},6,0,0")
    silent = [v.video for v in videos if not v.sentences]
    lines = [
        f"{v.video},{instance},{_blanks(number)}{words}"
        for number, v in enumerate(videos)
        for instance, words in v.sentences.items()
    ]
    spoken = next(v for v in videos if v.sentences)
    lines.insert(1, f"{spoken.video},1 (copy),{next(iter(spoken.sentences.values()))}")
    _write(videoset_file(root), "\n".join(rows) + "\n")
    _write(sentences_file(root), "\n".join([HEADER, *lines]) + "\n")
    _write(missed_file(root), "\n".join([*silent, missed]))


def _blanks(number: int) -> str:
    return " " if number % 4 == 1 else ""


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
