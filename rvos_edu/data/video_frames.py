"""A few frames of a video file by their numbers, without decoding the rest.

Numbers count frames in the order in which they are shown: frame k is what `read_video` gives as its k-th.
Nothing is computed from a rate: the list of time stamps says which frame is which, where the rate varies too.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import av
import numpy as np

from rvos_edu.data.video import check_whole, open_stream, picture, read_video
from rvos_edu.errors import DataError


@dataclass(frozen=True)
class _Times:
    """Time stamps of a file, in its own units.

    Args:
        shown: of all frames, ascending: that of frame k at place k.
        keys: (shown, place to jump to) of the frames that need no other, ascending.
        exact: whether every frame has a time stamp of its own; else frames can be counted only.
    """

    shown: tuple[int, ...]
    keys: tuple[tuple[int, int], ...]
    exact: bool


def frame_count(path: str | Path) -> int:
    """Number of frames of a video file; nothing is decoded, and a file is looked through once per process.

    Raises:
        DataError: if it is missing, no video, cut short or empty.
    """
    times = _times(path)
    return len(times.shown) if times.exact else sum(1 for _ in read_video(path))


def read_frames(path: str | Path, indices: Sequence[int]) -> np.ndarray:
    """Frames uint8 [T, H, W, 3] RGB of a video file by their numbers from 0, in any order, also repeated.

    Decoding begins at the last key frame before the first of them and ends with the last of them.

    Raises:
        DataError: if the file is missing, no video, damaged, has no such frame, or changes its size.
        ValueError: if `indices` is empty.
    """
    if not indices:
        raise ValueError("read_frames needs at least one frame number, got none")
    times = _times(path)
    count = len(times.shown) if times.exact else None
    if min(indices) < 0 or (count is not None and max(indices) >= count):
        held = "frames" if count is None else f"{count} frames"
        raise DataError(f"{path} has {held} from number 0 on, asked for {min(indices)} to {max(indices)}")
    wanted = sorted(set(indices))
    found = _decode(path, times, wanted) if times.exact else _count(path, wanted)
    if missing := [index for index in wanted if index not in found]:
        raise DataError(f"{path}: frame {missing[0]} cannot be decoded")
    shapes = {frame.shape[:2] for frame in found.values()}
    if len(shapes) > 1:
        sizes = " and ".join(f"{height}x{width}" for height, width in sorted(shapes))
        raise DataError(f"{path} changes its size: frames of {sizes} (height x width)")
    return np.stack([found[index] for index in indices])


def decoded(packet: av.Packet, path: str | Path) -> list[av.VideoFrame]:
    """The frames that a packet completes.

    Raises:
        DataError: if it is not all there.
    """
    check_whole(packet, path)
    return list(packet.decode())


def _decode(path: str | Path, times: _Times, wanted: list[int]) -> dict[int, np.ndarray]:
    """From the key frame on until all are found; a key frame's own followers may be shown before it."""
    numbers = {times.shown[index]: index for index in wanted}
    key, place = max((k for k in times.keys if k[0] <= times.shown[wanted[0]]), default=times.keys[0])
    found: dict[int, np.ndarray] = {}
    for jump in (True, False):  # a file whose index is wrong is looked through from its beginning
        with open_stream(path) as (container, stream):
            if jump:
                container.seek(place, stream=stream)
            begun = False
            for packet in container.demux(stream):
                begun = begun or packet.pts == key
                if not begun:
                    continue
                for frame in decoded(packet, path):
                    if frame.pts in numbers:
                        found.setdefault(numbers[frame.pts], picture(frame))
                if len(found) == len(numbers):
                    return found
        if begun:
            break
    return found


def _count(path: str | Path, wanted: list[int]) -> dict[int, np.ndarray]:
    """Decode from the beginning: for the few formats that do not say when a frame is shown."""
    found: dict[int, np.ndarray] = {}
    for index, frame in enumerate(read_video(path)):
        if index in wanted:
            found[index] = frame
        if index >= wanted[-1]:
            break
    return found


def _times(path: str | Path) -> _Times:
    try:
        about = os.stat(path)
    except OSError as error:
        raise DataError(f"{path} is missing") from error
    return _look_through(str(path), about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=8192)  # more than A2D-Sentences has videos
def _look_through(path: str, changed: int, size: int) -> _Times:
    """Read the file's packets without decoding them; a file that has changed is another one."""
    shown: list[int | None] = []
    keys: list[tuple[int, int]] = []
    read = 0
    with open_stream(path) as (container, stream):
        for packet in container.demux(stream):
            check_whole(packet, path)
            if not packet.size:
                continue  # the end of the file
            read += 1
            if not packet.is_discard:  # else it is decoded for others' sake, and never shown
                shown.append(packet.pts)
            if packet.is_keyframe and packet.pts is not None:
                keys.append((packet.pts, packet.pts if packet.dts is None else packet.dts))
        listed = len(stream.index_entries) if "mp4" in container.format.name else 0
    if read < listed:
        raise DataError(f"{path} is cut short: it lists {listed} frames and holds {read}")
    if not shown:
        raise DataError(f"{path} holds no frames")
    times = {time for time in shown if time is not None}
    return _Times(tuple(sorted(times)), tuple(sorted(keys)), len(times) == len(shown) and bool(keys))
