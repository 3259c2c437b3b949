"""Read and write videos one frame at a time, so that length costs no memory."""

from __future__ import annotations

import re
import struct
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from PIL import Image

from rvos_edu.data.images import read_frame
from rvos_edu.errors import DataError
from rvos_edu.files import atomic_write

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
FOLDER_FPS = Fraction(6)  # that of Refer-YouTube-VOS: every fifth frame of 30 per second
GIF_DELAY = 100  # milliseconds, what browsers use where a GIF gives none


class VideoReader(ABC):
    """Frames uint8 [H, W, 3] RGB, decoded as they are asked for; every iteration starts anew.

    Attributes:
        path: file or folder.
        size: (H, W).
        fps: frames per second.
        frame_count: number of frames, None where the file does not say.
    """

    path: Path
    size: tuple[int, int]
    fps: Fraction
    frame_count: int | None

    def __iter__(self) -> Iterator[np.ndarray]:
        for index, frame in enumerate(self._decode()):
            if frame.shape[:2] != self.size:
                raise DataError(
                    f"{self.path}: frame {index} is {frame.shape[0]}x{frame.shape[1]} (height x width), "
                    f"the first one {self.size[0]}x{self.size[1]}"
                )
            yield frame

    @abstractmethod
    def _decode(self) -> Iterator[np.ndarray]:
        """The frames as the file gives them."""

    def _first_size(self) -> tuple[int, int]:
        first = next(self._decode(), None)
        if first is None:
            raise DataError(f"{self.path} holds no frames")
        return (int(first.shape[0]), int(first.shape[1]))


def read_video(path: str | Path, *, fps: float | Fraction | None = None) -> VideoReader:
    """Open a video file (mp4 and whatever FFmpeg reads), a GIF, a folder of images or one image.

    Args:
        fps: replaces the rate that the file gives; a folder without it counts as 6 frames per second.

    Raises:
        DataError: if nothing is there or it holds no frames; while iterating, if it is damaged.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path} does not exist")
    if path.is_dir():
        reader: VideoReader = _FolderReader(path, _images_in(path))
    elif path.suffix.lower() in IMAGE_SUFFIXES:
        reader = _FolderReader(path, [path])
    elif path.suffix.lower() == ".gif":
        reader = _GifReader(path)
    else:
        reader = _FileReader(path)
    if fps is not None:
        reader.fps = _rate(fps)
    return reader


class _FileReader(VideoReader):
    def __init__(self, path: Path) -> None:
        self.path = path
        with open_stream(self.path) as (_, stream):
            rate = stream.average_rate or stream.guessed_rate or stream.base_rate
            self.fps = Fraction(rate) if rate else FOLDER_FPS
            self.frame_count = stream.frames or None
        self.size = self._first_size()

    def _decode(self) -> Iterator[np.ndarray]:
        with open_stream(self.path) as (container, stream):
            for packet in container.demux(stream):  # no frame threads: they hide damage
                check_whole(packet, self.path)
                for frame in packet.decode():
                    yield picture(frame)


@contextmanager
def open_stream(path: str | Path) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """A video file and its first video stream; what FFmpeg objects to inside of the `with` is a DataError.

    Raises:
        DataError: if it is no video, or damaged.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise DataError(f"{path} holds no video, only {len(container.streams)} other streams")
            yield container, container.streams.video[0]
    except av.FFmpegError as error:
        raise DataError(
            f"{path} cannot be read as a video; it is damaged, cut short or something else: {error}"
        ) from error


def check_whole(packet: av.Packet, path: str | Path) -> None:
    """Raise DataError if a packet of the file `path` is not all there."""
    if packet.is_corrupt:
        raise DataError(f"{path} is cut short or damaged at {_seconds(packet)}")


def picture(frame: av.VideoFrame) -> np.ndarray:
    """uint8 [H, W, 3] RGB, the way up that the camera was held: phones store that beside the pixels."""
    image = frame.to_ndarray(format="rgb24")
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def _seconds(packet: av.Packet) -> str:
    if packet.pts is None or packet.time_base is None:
        return "an unknown time"
    return f"{float(packet.pts * packet.time_base):.2f} s"


class _GifReader(VideoReader):
    def __init__(self, path: Path) -> None:
        self.path = path
        delays = []
        with self._opened() as image:
            for index in range(getattr(image, "n_frames", 1)):
                image.seek(index)
                delays.append(image.info.get("duration") or GIF_DELAY)
        self.frame_count = len(delays)
        self.fps = Fraction(1000 * len(delays)) / Fraction(sum(delays)).limit_denominator(1000)
        self.size = self._first_size()

    def _decode(self) -> Iterator[np.ndarray]:
        with self._opened() as image:
            for index in range(self.frame_count or 0):
                image.seek(index)
                yield np.asarray(image.convert("RGB"))

    @contextmanager
    def _opened(self) -> Iterator[Image.Image]:
        try:
            with Image.open(self.path) as image:
                yield image
        except (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{self.path} cannot be read as a GIF: {error}") from error


class _FolderReader(VideoReader):
    def __init__(self, path: Path, images: list[Path]) -> None:
        self.path, self._images = path, images
        self.frame_count, self.fps = len(images), FOLDER_FPS
        self.size = self._first_size()

    def _decode(self) -> Iterator[np.ndarray]:
        return map(read_frame, self._images)


def _images_in(folder: Path) -> list[Path]:
    """In the order of their names, with numbers compared as numbers: frame9 before frame10."""
    images = [p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and p.name[0] != "."]
    return sorted(images, key=lambda p: [(len(d), d) if d.isdecimal() else (0, d) for d in _parts(p.name)])


def _parts(name: str) -> list[str]:
    return [part for part in re.split(r"0*(\d+)", name)] + [name]


def _rate(fps: float | Fraction) -> Fraction:
    if not 0 < fps < 100_000:
        raise ValueError(f"fps must be a number above 0, got {fps}")
    return Fraction(fps).limit_denominator(1001)


class VideoWriter:
    """Write an mp4 (H.264) frame by frame; the file appears under its name only when it is whole.

        with VideoWriter("out.mp4", fps=reader.fps, size=reader.size) as writer:
            writer.write(frame)

    H.264 with the colours that every player knows needs even sides: an odd side gets one more row or
    column, a copy of the last.

    Args:
        path: the file, replaced at the end of the `with` block, left alone after an error.
        fps: frames per second.
        size: (H, W) of the frames.

    Raises:
        ValueError: for a frame of another size or type, or if no frame was written.
        StorageError: if the disk is full.
    """

    def __init__(self, path: str | Path, *, fps: float | Fraction, size: tuple[int, int]) -> None:
        height, width = size
        if min(height, width) < 1:
            raise ValueError(f"a video needs a size of at least 1x1, got {height}x{width}")
        self.path, self.size, self.fps, self.written = Path(path), (height, width), _rate(fps), 0
        self._open = ExitStack()

    def __enter__(self) -> VideoWriter:
        with ExitStack() as opening:
            temporary = opening.enter_context(atomic_write(self.path, durable=False))
            options = {"movflags": "faststart"}
            self._container = opening.enter_context(
                av.open(str(temporary), "w", format="mp4", options=options)
            )
            self._stream = self._container.add_stream("libx264", rate=self.fps)
            self._stream.height, self._stream.width = (side + side % 2 for side in self.size)
            self._stream.pix_fmt = "yuv420p"
            # With x264's "mbtree" the same small frames do not give the same bytes every time.
            self._stream.options = {"crf": "18", "preset": "veryfast", "mbtree": "0"}
            self._open = opening.pop_all()
        return self

    def write(self, frame: np.ndarray) -> None:
        """Append one frame, uint8 [H, W, 3] RGB."""
        if frame.dtype != np.uint8 or frame.shape != (*self.size, 3):
            raise ValueError(
                f"frames must be uint8 {self.size[0]}x{self.size[1]}x3, got {frame.dtype} "
                + "x".join(map(str, frame.shape))
            )
        if any(side % 2 for side in self.size):
            frame = np.pad(frame, [(0, self.size[0] % 2), (0, self.size[1] % 2), (0, 0)], mode="edge")
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        self._container.mux(self._stream.encode(picture))
        self.written += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._open as opened:
            if error is not None:
                opened.__exit__(kind, error, trace)
                return
            if not self.written:
                raise ValueError(f"{self.path} was not written: no frame came")
            self._container.mux(self._stream.encode())
