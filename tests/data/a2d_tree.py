"""A tiny A2D-Sentences by hand, with what breaks careless loaders.

Two training videos, a test and a missed one, a row "1 (copy)", an id that begins with "-", frames with one
and with two instances, H != W, an instance that is absent from a frame and listed twice in another, annotated
first and last frames.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from rvos_edu.data import VideoWriter

TRAIN, TEST, MISSED, OTHER = "-0a_bCd_fGh", "Zz9-xY_wVu1", "mIsSeD_viD0", "oThEr-_-_-0"
SIZE = (24, 40)  # H, W
FRAMES = 12
VIDEOS = [
    f"{video},34,00:00:12.4,00:00:15.1,24,40,12,{annotated},{subset}"
    for video, annotated, subset in ((TRAIN, 3, 0), (TEST, 1, 1), (MISSED, 0, 0), (OTHER, 2, 0))
]
SENTENCES = [
    f"{TRAIN},0,The  cat on the LEFT ",
    f"{TRAIN},1 (copy),bird standing in the beach",
    f"{TRAIN},2, duck",
    f"{TEST},0,a man",
    f"{OTHER},4,Ball",
]


def write_a2d(root: Path) -> Path:
    """Write the tree below `root` and return it."""
    write_tables(root)
    for video, step in ((TRAIN, 20), (TEST, 10), (OTHER, 20)):
        write_mp4(root, video, step)
    write_masks(root, TRAIN, 1, [0], form="flat")
    write_masks(root, TRAIN, 6, [2, 0], form="row")
    write_masks(root, TRAIN, 12, [0, 3, 0], form="column")  # the second mask of 0 is another one
    write_masks(root, TEST, 3, [0, 1], form="flat")
    write_masks(root, OTHER, 2, [4], form="row")
    write_masks(root, OTHER, 3, [4, 0], form="flat")
    return root


def write_tables(root: Path, sentences: list[str] | None = None, videos: list[str] | None = None) -> None:
    """videoset.csv, a2d_annotation.txt, a2d_missed_videos.txt."""
    lines = ["video_id,instance_id,query", *(SENTENCES if sentences is None else sentences)]
    for name, text in (
        ("Release/videoset.csv", "\n".join(VIDEOS if videos is None else videos) + "\n"),
        ("text_annotations/a2d_annotation.txt", "\n".join(lines) + "\n"),
        ("text_annotations/a2d_missed_videos.txt", MISSED),
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def write_mp4(
    root: Path, video: str, step: int, *, size: tuple[int, int] = SIZE, frames: int = FRAMES
) -> Path:
    """A video whose grey value is step * index."""
    path = root / "Release" / "clips320H" / f"{video}.mp4"
    with VideoWriter(path, fps=10, size=size) as writer:
        for index in range(frames):
            writer.write(np.full((*size, 3), step * index, np.uint8))
    return path


def mask_of(instance: int, place: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """bool [H, W]: rows 2..5 of columns 8 * instance + place and the three after it."""
    mask = np.zeros(size, bool)
    mask[2:6, 8 * instance + place : 8 * instance + place + 4] = True
    return mask


def write_masks(
    root: Path,
    video: str,
    number: int,
    instances: list[int],
    *,
    form: str = "flat",
    size: tuple[int, int] = SIZE,
) -> Path:
    """The HDF5 file of a frame; `instance` flat, as a row or a column; reMask [N, W, H], or [W, H]."""
    path = mask_path(root, video, number)
    path.parent.mkdir(parents=True, exist_ok=True)
    ids = np.array(instances, np.float64)
    masks = np.stack([mask_of(i, place, size) for place, i in enumerate(instances)]).transpose(0, 2, 1)
    with h5py.File(path, "w") as file:
        file["instance"] = {"flat": ids, "row": ids[None], "column": ids[:, None]}[form]
        file["reMask"] = (masks[0] if len(instances) == 1 else masks).astype(np.uint8)
        file["id"], file["reBBox"] = np.ones((1, len(ids))), np.ones((4, len(ids)))
    return path


def mask_path(root: Path, video: str, number: int) -> Path:
    return root / "text_annotations/a2d_annotation_with_instances" / video / f"{number:05d}.h5"
