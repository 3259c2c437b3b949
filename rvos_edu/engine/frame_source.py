"""One way to read frames, whether they are an array in memory or a video on disk."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np
from torch import Tensor

from rvos_edu.data.video import FOLDER_FPS, read_video
from rvos_edu.errors import DataError


class FrameSource(Protocol):
    """Frames uint8 [H, W, 3] that can be read several times.

    `size` is (H, W), `frame_count` None where it is not known before reading.
    """

    size: tuple[int, int]
    fps: Fraction
    frame_count: int | None

    def __iter__(self) -> Iterator[np.ndarray]: ...


class ArrayFrames:
    """The frames of an array.

    Args:
        frames: uint8 [T, H, W, C] or [T, C, H, W] with C = 1, 3 or 4 (the fourth channel is ignored), or
            [T, H, W] for grey frames.

    Raises:
        DataError: for another type or shape, or without frames.
    """

    def __init__(self, frames: np.ndarray | Tensor) -> None:
        array = frames.detach().cpu().numpy() if isinstance(frames, Tensor) else frames
        if array.dtype != np.uint8:
            raise DataError(f"frames must be uint8 with values 0..255, got {array.dtype}")
        self._frames = _channels_last(array)
        if 0 in self._frames.shape[:3]:
            raise DataError(f"the video has no frames or no pixels: shape {tuple(array.shape)}")
        self.size = (int(self._frames.shape[1]), int(self._frames.shape[2]))
        self.fps = FOLDER_FPS
        self.frame_count: int | None = len(self._frames)

    def __iter__(self) -> Iterator[np.ndarray]:
        for frame in self._frames:
            rgb = np.repeat(frame, 3, axis=-1) if frame.shape[-1] == 1 else frame[..., :3]
            yield np.ascontiguousarray(rgb)


def open_frames(frames: np.ndarray | Tensor | str | Path) -> FrameSource:
    """An array, or the path of a video, GIF, image or folder of images, as a source of frames.

    Raises:
        DataError: if there is no such video, it is damaged, or the array is no video.
    """
    if isinstance(frames, str | Path):
        return read_video(frames)
    if isinstance(frames, np.ndarray | Tensor):
        return ArrayFrames(frames)
    raise DataError(f"expected the path of a video or an array of frames, got {type(frames).__name__}")


def _channels_last(array: np.ndarray) -> np.ndarray:
    if array.ndim == 3:
        return array[..., None]
    if array.ndim == 4 and array.shape[3] in (1, 3, 4):
        return array
    if array.ndim == 4 and array.shape[1] in (1, 3, 4):
        return np.moveaxis(array, 1, 3)
    raise DataError(
        "frames must be [T, H, W, 3] (or 1 or 4 channels), [T, 3, H, W] or [T, H, W], "
        f"got shape {tuple(array.shape)}"
    )
