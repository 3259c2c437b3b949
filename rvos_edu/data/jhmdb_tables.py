"""The files of JHMDB-Sentences (Gavrilyuk et al., CVPR 2018): sentences, frames, masks, sampled frames.

root/Rename_Images/<action>/<video>/%05d.png from 00001 on, root/puppet_mask/<action>/<video>/puppet_mask.mat
with `part_mask` (H, W, T), and root/jhmdb_annotation.txt with one sentence per video. Names of videos hold
characters such as @ ( ) ! +. There may be fewer masks than frames: the last frames are then left out.
"""

from __future__ import annotations

import os
import random
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from rvos_edu.data.centre_windows import InstanceSentence
from rvos_edu.data.mat_array import mat_shape, read_mat
from rvos_edu.data.reading import check_plain_name, read_json
from rvos_edu.data.sentence_tables import Faults, Row, plain_text, read_rows, unfinished
from rvos_edu.errors import DataError

HEADER = "video_id,query"
IMAGES, MASKS = "Rename_Images", "puppet_mask"
SAMPLES_FILE = "jhmdb_sentences_samples_metadata.json"
SAMPLES_SOURCE = "github.com/mttr2021/MTTR, datasets/jhmdb_sentences/"  # where the list is published
SAMPLES_PER_VIDEO = 3
_FRAME = re.compile(r"\d{5}\.png")


@dataclass(frozen=True)
class JHMDBVideo:
    """One video: its id, the folder of its frames, its file of masks, and its sentence."""

    video: str
    frames: Path
    masks: Path
    sentence: InstanceSentence


def sentences_file(root: Path) -> Path:
    """The sentences."""
    return root / "jhmdb_annotation.txt"


def samples_file(root: Path) -> Path:
    """The published list of the frames that are evaluated."""
    return root / SAMPLES_FILE


def read_videos(root: Path, *, skip: frozenset[str], faults: Faults) -> list[JHMDBVideo]:
    """The videos that have a sentence, sorted by id.

    Args:
        skip: videos that are left out unread.
        faults: collects what is wrong with a video; a gap is videos with masks that have no row.

    Raises:
        DataError: if a folder or the table is missing or no such table.
    """
    if not root.is_dir():
        raise DataError(
            f"the dataset folder {root} does not exist; expected {IMAGES}/, {MASKS}/ and "
            f"jhmdb_annotation.txt in it"
        )
    folders = _folders(root)
    path = sentences_file(root)
    found: dict[str, JHMDBVideo] = {}
    lines: dict[str, int] = {}
    for row in read_rows(path, header=HEADER, fields=2):
        video, where = row.fields[0].strip(), f"{path}:{row.line}"
        key = video or where
        if key in skip:
            continue
        if video in lines:
            faults.add(key, f"{where} describes the video {video!r} again, after line {lines[video]}")
        elif message := _wrong(path, row, video, folders):
            faults.add(key, message)
        else:
            action = folders[video][0]
            raw = row.fields[1]
            found[video] = JHMDBVideo(
                video,
                root / IMAGES / action / video,
                root / MASKS / action / video / "puppet_mask.mat",
                InstanceSentence("0", 0, raw, plain_text(raw)),
            )
        lines.setdefault(video, row.line)
    silent = sorted(v for v in folders if v not in lines and v not in skip and _has_masks(root, v, folders))
    if silent:
        faults.gaps.append(f"{path} has no row for {len(silent)} videos with masks, {silent[0]} for example")
    faults.notes.extend(unfinished(path))
    gone = faults.bad or {}
    return [found[video] for video in sorted(found) if video not in gone]


def _has_masks(root: Path, video: str, folders: dict[str, list[str]]) -> bool:
    return any((root / MASKS / action / video / "puppet_mask.mat").is_file() for action in folders[video])


def _folders(root: Path) -> dict[str, list[str]]:
    """The actions under which each video has a folder of frames: the tables do not say."""
    folders: dict[str, list[str]] = {}
    try:
        for action in sorted(os.listdir(root / IMAGES)):
            if (root / IMAGES / action).is_dir():
                for entry in os.scandir(root / IMAGES / action):
                    if entry.is_dir():
                        folders.setdefault(entry.name, []).append(action)
    except OSError as error:
        raise DataError(f"{root / IMAGES} is missing: the frames belong there") from error
    return folders


def _wrong(path: Path, row: Row, video: str, folders: dict[str, list[str]]) -> str | None:
    try:
        check_plain_name(path, f"video id in line {row.line}", video)
    except DataError as error:
        return str(error)
    if len(row.fields) < 2 or not row.fields[1].strip():
        return f"{path}:{row.line}: the sentence about the video {video!r} is empty"
    actions = folders.get(video, [])
    if len(actions) == 1:
        return None
    places = f"{path.parent / IMAGES}/*/{video}"
    if not actions:
        return f"{places} is missing, though {path}:{row.line} names the video"
    return f"{places} is there {len(actions)} times, under {' and '.join(actions)}"


def frame_total(video: JHMDBVideo) -> tuple[int, int]:
    """Numbers of frames and of masks of a video; the smaller one counts.

    Raises:
        DataError: if frames are missing among them, or the masks cannot be read.
    """
    names = [n for n in os.listdir(video.frames) if n[0] != "." and n.endswith(".png")]
    masks = mask_shape(video.masks)[2]
    if wrong := sorted(name for name in names if not _FRAME.fullmatch(name)):
        raise DataError(f"{video.frames / wrong[0]} is not named by the number of a frame, such as 00001.png")
    total = max((int(name[:5]) for name in names), default=0)
    if missing := sorted({f"{n:05d}.png" for n in range(1, max(total, 1) + 1)} - set(names)):
        raise DataError(f"{video.frames / missing[0]} is missing ({len(missing)} frames of this video)")
    return total, masks


def mask_shape(path: Path) -> tuple[int, int, int]:
    """(H, W, T) of a file of puppet masks, whose values are not read.

    Raises:
        DataError: if it is missing, damaged, or holds no such array of numbers.
    """
    shape = mat_shape(path, "part_mask")
    if len(shape) > 3:
        raise DataError(f"{path}: part_mask has the shape {shape}, expected (H, W, T)")
    height, width, *masks = shape
    return height, width, masks[0] if masks else 1  # MATLAB drops a last axis of 1


def read_puppet_masks(path: Path) -> np.ndarray:
    """bool [T, H, W].

    Raises:
        DataError: as `mask_shape`.
    """
    masks = read_mat(path, "part_mask").reshape(mask_shape(path), order="F")
    return np.ascontiguousarray((masks != 0).transpose(2, 0, 1))


def drawn_numbers(video: str, total: int, seed: int) -> list[int]:
    """Three frames of a video, from 1, ascending; they depend on the video and the seed alone."""
    draw = random.Random(f"{seed} {video}")
    return sorted(draw.sample(range(1, total + 1), min(SAMPLES_PER_VIDEO, total)))


def listed_numbers(
    root: Path, videos: dict[str, int], *, known: frozenset[str], faults: Faults
) -> dict[str, list[int]]:
    """The frames of the published list, by video, ascending.

    Its rows are [video, path of a frame, path of the masks, number of frames, sentence]. The paths are those
    of the machine that made it: the number of the frame is all that is taken from them.

    Args:
        videos: how many frames each has.
        known: videos that may be listed as well.
        faults: collects what is wrong with a video.

    Raises:
        DataError: if the file is no such list.
    """
    path = samples_file(root)
    rows = read_json(path)
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == 5 for row in rows):
        raise DataError(f"{path} must hold a list of rows [video, frame, masks, number of frames, sentence]")
    found: dict[str, list[int]] = {video: [] for video in videos}
    for place, (video, frame, *_) in enumerate(rows):
        where = f"{path}: row {place}"
        if not isinstance(video, str) or video not in found:
            if str(video) not in known:
                faults.add(str(video), f"{where} names the video {video!r}, which has no sentence")
            continue
        number = _number(frame)
        if number is None or not 1 <= number <= videos[video]:
            faults.add(video, f"{where} asks for {frame!r}, the video {video!r} has {videos[video]} frames")
        elif number in found[video]:
            faults.add(video, f"{where} lists frame {number} of the video {video!r} again")
        else:
            found[video].append(number)
    for video in [video for video, numbers in found.items() if not numbers]:
        faults.add(video, f"{path} lists no frame of the video {video!r}")
    return {video: sorted(numbers) for video, numbers in found.items()}


def _number(frame: Any) -> int | None:
    stem = PurePosixPath(frame).stem if isinstance(frame, str) else ""
    return int(stem) if stem.isdecimal() else None
