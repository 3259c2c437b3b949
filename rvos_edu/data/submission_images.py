"""One PNG of a submission: mode, size and values."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from rvos_edu.data.images import DAMAGE, image_size
from rvos_edu.data.submission_format import frame_file
from rvos_edu.errors import DataError


class FrameSizes:
    """Sizes of the stored frames of a split, from their headers, each read once."""

    def __init__(self, root: Path, split: str) -> None:
        self.root, self.split = root, split
        self._sizes: dict[tuple[str, str], tuple[int, int] | None] = {}
        self._unread: dict[tuple[str, str], str] = {}

    def of(self, video: str, frame: str) -> tuple[int, int] | None:
        """(H, W), None if the frame cannot be read."""
        key = (video, frame)
        if key not in self._sizes:
            try:
                self._sizes[key] = image_size(frame_file(self.root, self.split, video, frame))
            except DataError as error:
                self._sizes[key] = None
                self._unread[key] = str(error)
        return self._sizes[key]

    def notes(self) -> list[str]:
        """What could not be compared."""
        if not self._unread:
            return []
        return [f"sizes not checked for {len(self._unread)} frames: {min(self._unread.values())}"]


def look_at_png(
    content: bytes, name: str, size: tuple[int, int] | None
) -> tuple[list[tuple[str, str]], bool]:
    """Problems of one mask as (kind, place), and whether it is empty.

    Args:
        content: the file.
        name: for messages.
        size: (H, W) that it should have, None if unknown. A mask of another size is not decoded, so that a
            small file cannot fill the memory.
    """
    problems = []
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            found = (image.height, image.width)
            if size is not None and found != size:
                height, width = size
                problems.append(
                    ("wrong size", f"{name} ({found[0]}x{found[1]}, its frame is {height}x{width})")
                )
            if image.mode != "L":
                problems.append(("wrong mode", f"{name} ({image.mode})"))
            if problems:
                return problems, False
            histogram = image.histogram()
    except DAMAGE as error:
        return [("damaged PNG", f"{name} ({_reason(error)})")], False
    values = [value for value, count in enumerate(histogram) if count]
    if values in ([1], [0, 1]):
        return [("0/1 mask", name)], False
    if odd := [value for value in values if value not in (0, 255)]:
        return [("wrong value", f"{name} ({odd[0]})")], False
    return [], values == [0]


def _reason(error: Exception) -> str:
    """Pillow names the object in memory, which says nothing."""
    text = str(error)
    return "no PNG" if "cannot identify" in text else text
