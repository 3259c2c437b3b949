"""Masks on disk: run-length codes of all query sequences while a video is read, the chosen one afterwards."""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np
import torch
from pycocotools import mask as coco_mask
from torch.nn import functional

IN_MEMORY_BYTES = 1 << 28  # results larger than this stay on disk


class MaskSpool:
    """Run-length codes of N masks per frame in a temporary file that vanishes with the object.

    Args:
        size: (height, width) of the masks.
        queries: N.
    """

    def __init__(self, *, size: tuple[int, int], queries: int) -> None:
        self.size = size
        self.queries = queries
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._offsets = array("Q", [0])

    def __enter__(self) -> MaskSpool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return (len(self._offsets) - 1) // self.queries

    def append(self, codes: list[dict]) -> None:
        """Add one frame: the codes of its N masks."""
        if len(codes) != self.queries:
            raise ValueError(f"expected the codes of {self.queries} masks, got {len(codes)}")
        self._file.seek(self._offsets[-1])
        for code in codes:
            self._file.write(code["counts"])
            self._offsets.append(self._offsets[-1] + len(code["counts"]))

    def read(self, frame: int, query: int) -> np.ndarray:
        """bool [H, W], the mask of `query` in `frame`."""
        place = frame * self.queries + query
        start, end = self._offsets[place], self._offsets[place + 1]
        self._file.seek(start)
        code = {"size": list(self.size), "counts": self._file.read(end - start)}
        return coco_mask.decode(code).astype(bool)


def encode(masks: np.ndarray) -> list[dict]:
    """COCO run-length codes of bool [N, H, W]."""
    return coco_mask.encode(np.asfortranarray(masks.transpose(1, 2, 0), np.uint8))


def nearest(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """bool [h, w] enlarged or reduced to `size` without smoothing."""
    if mask.shape == size:
        return mask
    pixels = torch.from_numpy(mask.view(np.uint8))[None, None]
    return functional.interpolate(pixels, size=size, mode="nearest")[0, 0].numpy().astype(bool)


def collect(masks: Iterator[np.ndarray], *, frames: int, size: tuple[int, int]) -> np.ndarray:
    """bool [frames, H, W] from a stream of bool [H, W].

    Large results are a read-only memory map of a temporary file that vanishes with the array; they are
    written as a stream and so take no memory until they are looked at.
    """
    if frames * size[0] * size[1] <= IN_MEMORY_BYTES:
        return np.stack(list(masks))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "masks.bool"
        with path.open("wb") as file:
            for mask in masks:
                file.write(np.ascontiguousarray(mask).data)
        return np.memmap(path, dtype=bool, mode="r", shape=(frames, *size))  # stays readable when unlinked
