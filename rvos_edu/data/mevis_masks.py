"""`mask_dict.json` of MeViS: run-length masks by annotation, found once, decoded one at a time.

The file is one object {"12": [null, {"size": [H, W], "counts": "..."}, ...], ...}, one entry per frame, null
where the object is absent. It is too large to be parsed at every start: the index keeps where each mask lies.
"""

from __future__ import annotations

import json
import mmap
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco
from tqdm.auto import tqdm

from rvos_edu.data.index import index_key, kept
from rvos_edu.data.segmentations import decode_segmentation
from rvos_edu.errors import DataError

_KEY = re.compile(rb'\s*"([^"]*)"\s*:\s*\[')
_ITEM = re.compile(rb"\s*(null|\{[^{}]*\})\s*([,\]])")  # run lengths hold no braces
_OPEN, _CLOSE, _EMPTY, _NEXT, _END = (
    re.compile(rb"\s*" + rest) for rest in (rb"\{", rb"\}", rb"\]", rb"([,}])", rb"$")
)
_COUNTS = re.compile(r"[0-o]*[0-O]")  # COCO's characters; the last one ends its number


@dataclass(frozen=True)
class _Places:
    """Masks of one annotation; `starts`, `lengths` int64 [T]: bytes in the file, 0 where there is no mask."""

    size: tuple[int, int]
    starts: np.ndarray
    lengths: np.ndarray


class MaskDictionary:
    """The masks of one split.

    Args:
        path: its `mask_dict.json`; read through on first use, later only where masks lie.

    Attributes:
        faults: what is wrong with an annotation, by its id as the file has it.

    Raises:
        DataError: if the file is missing, cannot be read or is not of this form.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            about = self.path.stat()
        except OSError as error:
            raise DataError(f"{self.path} is missing") from error
        key = index_key("masks of MeViS", self.path.resolve(), about.st_mtime_ns, about.st_size)
        try:
            found = kept(key, lambda: _scan(self.path), valid=lambda f: isinstance(f, dict) and "faults" in f)
        except OSError as error:
            raise DataError(f"{self.path} cannot be read as a file of masks: {error}") from error
        self.faults: dict[str, str] = found["faults"]
        self._places = {
            int(name): _Places((height, width), np.array(starts, np.int64), np.array(lengths, np.int64))
            for name, (height, width, starts, lengths) in found["annotations"].items()
        }

    def fault(self, annotation: int, frames: int) -> str | None:
        """What keeps an annotation of a video of `frames` frames from being used; None: nothing."""
        if str(annotation) in self.faults:
            return f"{self.path}: annotation {annotation} {self.faults[str(annotation)]}"
        if annotation not in self._places:
            return f"{self.path} has no annotation {annotation}"
        length = len(self._places[annotation].starts)
        if length != frames:
            return f"{self.path}: annotation {annotation} has {length} entries, its video {frames} frames"
        return None

    def visible(self, annotation: int) -> np.ndarray:
        """bool [T]: frames that show the annotated object."""
        return self._places[annotation].starts > 0

    def read(self, annotation: int, frames: Sequence[int], size: tuple[int, int]) -> np.ndarray:
        """bool [len(frames), H, W].

        Args:
            annotation: its id.
            frames: indices, any of them may repeat.
            size: (H, W) of the frames.

        Raises:
            DataError: if a mask is damaged or of another size.
        """
        places = self._places[annotation]
        masks = np.zeros((len(frames), *size), bool)
        with self.path.open("rb") as file:
            for place, frame in enumerate(frames):
                if place and frame == frames[place - 1]:
                    masks[place] = masks[place - 1]
                elif places.starts[frame]:
                    file.seek(int(places.starts[frame]))
                    item = json.loads(file.read(int(places.lengths[frame])))
                    where = f"{self.path}: annotation {annotation}, frame number {frame},"
                    masks[place] = decode_segmentation(item, size, where=where)
        return masks


def _scan(path: Path) -> dict[str, Any]:
    """Where each mask of each annotation lies, and what is wrong with annotations."""
    annotations: dict[str, Any] = {}
    faults: dict[str, str] = {}
    if not path.stat().st_size:
        raise DataError(f"{path} is empty")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for name, spans in _entries(path, data):
            try:
                if name in annotations or name in faults:
                    raise DataError("is listed twice")
                annotations[name] = _places(name, data, spans)
            except DataError as error:
                annotations.pop(name, None)
                faults[name] = str(error)
    return {"annotations": annotations, "faults": faults}


@dataclass
class _Cursor:
    """A place in the file."""

    path: Path
    data: mmap.mmap
    position: int = 0

    def take(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """What is here, if it is that; moves behind it."""
        found = pattern.match(self.data, self.position)
        self.position = found.end() if found else self.position
        return found

    def expect(self, pattern: re.Pattern[bytes]) -> re.Match[bytes]:
        """The same, but it must be."""
        if (found := self.take(pattern)) is None:
            raise DataError(
                f"{self.path} is damaged or no mask dictionary at byte {self.position}: expected "
                '{"annotation": [null or {"size", "counts"}, ...]}'
            )
        return found


def _entries(path: Path, data: mmap.mmap) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """Id and the spans of the entries of each annotation."""
    cursor = _Cursor(path, data)
    cursor.expect(_OPEN)
    more = cursor.take(_CLOSE) is None
    with tqdm(total=len(data), desc=f"Indexing {path}", unit="B", unit_scale=True, delay=2.0) as bar:
        while more:
            name = cursor.expect(_KEY)[1].decode("latin-1")
            spans = []
            if cursor.take(_EMPTY) is None:
                while True:
                    item = cursor.expect(_ITEM)
                    spans.append(item.span(1))
                    if item[2] == b"]":
                        break
            yield name, spans
            bar.update(cursor.position - bar.n)
            more = cursor.expect(_NEXT)[1] == b","
    cursor.expect(_END)


def _places(name: str, data: mmap.mmap, spans: list[tuple[int, int]]) -> list[Any]:
    """[H, W, starts, lengths] of one annotation; empty masks count as none.

    Raises:
        DataError: what is wrong, without the name of file and annotation.
    """
    if not name.isdecimal():
        raise DataError("has no number as its id")
    starts, lengths = [0] * len(spans), [0] * len(spans)
    size: list[int] | None = None
    for frame, (start, end) in enumerate(spans):
        text = data[start:end]
        if text == b"null":
            continue
        try:
            item = json.loads(text)
        except ValueError as error:
            raise DataError(f"has no mask at frame number {frame}: {error}") from error
        own, counts = item.get("size"), item.get("counts")
        if not (isinstance(own, list) and len(own) == 2 and all(isinstance(v, int) and v > 0 for v in own)):
            raise DataError(f"has the size {own!r} at frame number {frame}")
        if size not in (None, own):
            raise DataError(f"has masks of {size} and, at frame number {frame}, of {own} (height x width)")
        size = own
        if not isinstance(counts, str) or not _COUNTS.fullmatch(counts):
            raise DataError(f"has damaged run lengths at frame number {frame}")
        if coco.area({"size": own, "counts": counts}):
            starts[frame], lengths[frame] = start, end - start
        else:
            decode_segmentation(item, (own[0], own[1]), where=f"at frame number {frame}")
    return [*(size or [0, 0]), starts, lengths]
