"""Masks of COCO: polygons, and run lengths with or without compression."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from pycocotools import mask as coco

from rvos_edu.errors import DataError


def decode_segmentation(segmentation: Any, size: tuple[int, int], *, where: str) -> np.ndarray:
    """bool [H, W] from the "segmentation" of a COCO annotation; several polygons are merged.

    Polygons of fewer than three corners are dropped, as COCO has a few.

    Args:
        size: (H, W) of the image.
        where: names the annotation in messages.

    Raises:
        DataError: if it is damaged, empty or of another size.
    """
    height, width = size
    if isinstance(segmentation, list):
        runs = coco.frPyObjects(_polygons(segmentation, size, where), height, width)
    elif isinstance(segmentation, dict):
        runs = [_runs(segmentation, size, where)]
    else:
        raise DataError(f"{where} has no segmentation, expected polygons or run lengths")
    return coco.decode(coco.merge(runs)).astype(bool)


def _polygons(polygons: list[Any], size: tuple[int, int], where: str) -> list[list[float]]:
    """Those with at least three corners; x and y may lie a little outside of the image."""
    kept = []
    reach = 2 * max(size)
    for polygon in polygons:
        numbers = isinstance(polygon, list) and all(isinstance(v, int | float) for v in polygon)
        if not numbers or len(polygon) % 2:
            raise DataError(f"{where} has a polygon that is no list of x and y")
        if not all(math.isfinite(v) and -reach <= v <= reach for v in polygon):
            raise DataError(f"{where} has a polygon far outside of its image of {size[0]}x{size[1]} pixels")
        if len(polygon) >= 6:
            kept.append([float(v) for v in polygon])
    if not kept:
        raise DataError(f"{where} has no polygon with three corners")
    return kept


def _runs(segmentation: dict[str, Any], size: tuple[int, int], where: str) -> dict[str, Any]:
    """Compressed run lengths."""
    height, width = size
    if segmentation.get("size") != [height, width]:
        raise DataError(
            f"{where} has a mask of size {segmentation.get('size')!r}, its image is {height}x{width} "
            "(height x width)"
        )
    counts = segmentation.get("counts")
    if isinstance(counts, str):
        counts = _lengths(counts)
    if not isinstance(counts, list) or not all(isinstance(c, int) and c >= 0 for c in counts):
        raise DataError(f"{where} has no run lengths")
    if sum(counts) != height * width:  # pycocotools would leave the rest as the memory was
        raise DataError(f"{where} has run lengths of {sum(counts)} pixels, its image has {height}x{width}")
    return coco.frPyObjects({"size": [height, width], "counts": counts}, height, width)


def _lengths(text: str) -> list[int]:
    """Run lengths from COCO's text: five bits per character, lowest first, relative to the last but one."""
    lengths: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:  # the last character of a number; bit 16 is its sign
            value -= (bits & 16) << (shift - 4)
            lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
            value = shift = 0
    return lengths


def encode_segmentation(mask: np.ndarray) -> tuple[list[list[float]] | dict[str, Any], int]:
    """The "segmentation" and "iscrowd" of a COCO annotation with this mask, which decodes to the same pixels.

    Polygons along the edges of the pixels, or, where a mask has holes, run lengths (iscrowd 1).

    Args:
        mask: bool [H, W].

    Raises:
        ValueError: if it is empty.
    """
    if not mask.any():
        raise ValueError("an empty mask has no segmentation")
    height, width = mask.shape
    polygons = _outlines(mask)
    if np.array_equal(coco.decode(coco.merge(coco.frPyObjects(polygons, height, width))), mask):
        return polygons, 0
    edges = np.flatnonzero(np.diff(mask.ravel(order="F"), prepend=False, append=not mask[-1, -1]))
    lengths = np.diff(edges, prepend=0)  # of background, object, background, ...
    return {"size": [height, width], "counts": [int(length) for length in lengths]}, 1


def _outlines(mask: np.ndarray) -> list[list[float]]:
    """Closed paths x, y, x, y, ... between pixels inside and outside, corners only."""
    inside = np.pad(mask.astype(bool), 1)
    following: dict[tuple[int, int], list[tuple[int, int]]] = {}
    within = inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
    for y, x in np.argwhere(mask & ~within).tolist():
        corners = [(x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1)]
        beyond = [inside[y, x + 1], inside[y + 1, x + 2], inside[y + 2, x + 1], inside[y + 1, x]]
        for side in range(4):
            if not beyond[side]:
                following.setdefault(corners[side], []).append(corners[(side + 1) % 4])
    paths = []
    while following:
        path = [next(iter(following))]
        while len(path) == 1 or path[-1] != path[0]:
            ends = following[path[-1]]
            path.append(ends.pop())
            if not ends:
                del following[path[-2]]
        paths.append(_corners(path[:-1]))
    return paths


def _corners(path: list[tuple[int, int]]) -> list[float]:
    """Where a closed path of unit steps turns."""
    turns = [
        here
        for before, here, after in zip(path[-1:] + path[:-1], path, path[1:] + path[:1], strict=True)
        if (here[0] - before[0], here[1] - before[1]) != (after[0] - here[0], after[1] - here[1])
    ]
    return [float(value) for corner in turns for value in corner]
