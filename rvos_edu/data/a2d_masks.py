"""The masks of A2D-Sentences: HDF5 files that MATLAB wrote, one per annotated frame.

`instance` holds the ids of the N instances of the frame, flat or as a row or column. `reMask` holds 0 and 1
in MATLAB's order of axes, (N, W, H), and (W, H) if N is 1. Boxes and classes in the file are not needed.
A frame may have no instance: MATLAB writes an empty array as its shape, with the attribute MATLAB_empty.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from tqdm.auto import tqdm

from rvos_edu.data.centre_windows import InstanceMasks
from rvos_edu.data.index import index_key, kept, last_look
from rvos_edu.errors import DataError

Instances = dict[str, dict[str, list[int]]]  # by video and file name
LARGEST = 1 << 28  # values of one array; a damaged or malicious header could ask for any number
_NUMBERS = "biuf"
_FILE = re.compile(r"(\d{5,})\.h5")


@dataclass(frozen=True)
class FrameMasks:
    """One file as it is.

    Args:
        ids: [N] in the order of the file, the same one twice perhaps.
        masks: bool [N, H, W].
        extra: masks without an id, which are left out.
    """

    path: Path
    ids: tuple[int, ...]
    masks: np.ndarray
    extra: int

    @property
    def repeated(self) -> list[int]:
        """Ids that stand in the file more than once."""
        return sorted({i for i in self.ids if self.ids.count(i) > 1})

    def unique(self) -> InstanceMasks:
        """By ascending id; of an id that stands there twice, the first mask, as published loaders take it."""
        ids = tuple(sorted(set(self.ids)))
        return InstanceMasks(self.path, ids, self.masks[[self.ids.index(i) for i in ids]])


def masks_folder(root: Path, video: str) -> Path:
    """Where the masks of a video are."""
    return root / "text_annotations" / "a2d_annotation_with_instances" / video


def mask_file(root: Path, video: str, number: int) -> Path:
    """The masks of a frame, by its number in the video from 1 on."""
    return masks_folder(root, video) / f"{number:05d}.h5"


def frame_key(video: str, number: int) -> str:
    """What an annotated frame is called where it is left out; no sentence has such a key."""
    return f"{video}/frame {number:05d}"


def mask_numbers(root: Path, video: str) -> list[int]:
    """Numbers of the annotated frames of a video, ascending, by the names of its files.

    Raises:
        DataError: if there are none, or a file is not named by a frame.
    """
    folder = masks_folder(root, video)
    try:
        names = [name for name in os.listdir(folder) if name[0] != "." and name.endswith(".h5")]
    except OSError as error:
        raise DataError(f"{folder} is missing") from error
    if not names:
        raise DataError(f"{folder} holds no masks (*.h5)")
    for name in sorted(names):
        match = _FILE.fullmatch(name)
        if not match or int(match[1]) < 1 or name != f"{int(match[1]):05d}.h5":
            raise DataError(f"{folder / name} is not named by the number of a frame, such as 00021.h5")
    return sorted(int(name.removesuffix(".h5")) for name in names)


def read_instances(path: Path) -> list[int]:
    """Ids of the instances of a frame, in the order of the file; perhaps none.

    Raises:
        DataError: if the file is missing, damaged or holds something else.
    """
    with _opened(path) as file:
        return _ids(file, path)


def read_frame_masks(path: Path) -> FrameMasks:
    """All instances of a frame; without any, the masks are [0, 0, 0] and those in the file not looked at.

    Raises:
        DataError: if the file is missing, damaged or holds something else.
    """
    with _opened(path) as file:
        ids = _ids(file, path)
        if not ids:
            return FrameMasks(path, (), np.zeros((0, 0, 0), bool), 0)
        stored = _numbers(file, "reMask", path)
    if stored.ndim == 2 and len(ids) == 1:
        stored = stored[None]
    if stored.ndim != 3 or len(stored) < len(ids):
        raise DataError(f"{path}: reMask has the shape {stored.shape}, which does not hold {len(ids)} masks")
    masks = np.ascontiguousarray(stored[: len(ids)].transpose(0, 2, 1) != 0)
    return FrameMasks(path, tuple(ids), masks, len(stored) - len(ids))


def instance_index(root: Path, numbers: dict[str, list[int]]) -> Instances:
    """Which instances are in which annotated frame; read once, then kept in the index until `look_anew`.

    Args:
        numbers: of the annotated frames, by video.

    Raises:
        DataError: if a file is damaged.
    """

    def build() -> Instances:
        bar = tqdm(numbers.items(), desc=f"Reading masks of {root}", unit="video", delay=2.0)
        return {video: {str(n): read_instances(mask_file(root, video, n)) for n in own} for video, own in bar}

    parts = [f"{v} {masks_folder(root, v).stat().st_mtime_ns} {own}" for v, own in numbers.items()]
    found: Instances = kept(
        index_key("a2d instances", root.resolve(), *parts, *last_look(root)),
        build,
        valid=lambda content: isinstance(content, dict) and content.keys() == numbers.keys(),
    )
    return found


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file; whatever is wrong with it is a DataError that names it."""
    if not path.is_file():
        raise DataError(f"{path} is missing")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except DataError:
        raise
    except (OSError, TypeError, ValueError, KeyError, RuntimeError) as error:
        raise DataError(f"{path} cannot be read as HDF5: {error}") from error


def _ids(file: h5py.File, path: Path) -> list[int]:
    values = _numbers(file, "instance", path)
    if not values.size:
        return []
    if max(values.shape, default=1) != values.size:
        raise DataError(f"{path}: instance has the shape {values.shape}, expected a row of ids")
    if (values < 0).any() or (values != np.floor(values)).any():
        raise DataError(f"{path}: instance holds {values.ravel().tolist()}, expected whole numbers from 0 on")
    return [int(value) for value in values.ravel()]


def _numbers(file: h5py.File, name: str, path: Path) -> np.ndarray:
    """An array that lies in the file itself: no links or data that lead to other files."""
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise DataError(f"{path} has no {name!r}")
    data = file[name]
    if not isinstance(data, h5py.Dataset) or data.dtype.kind not in _NUMBERS or data.shape is None:
        raise DataError(f"{path}: {name!r} is no array of numbers")
    if data.external or data.is_virtual or data.size > LARGEST:
        raise DataError(f"{path}: {name!r} of shape {data.shape} is too large or not in this file")
    empty = np.asarray(data.attrs.get("MATLAB_empty", 0))
    if empty.dtype.kind in _NUMBERS and empty.any():
        return np.zeros(0)
    return np.asarray(data[()])
