"""One array of numbers from a MAT file of version 5 (MathWorks, "MAT-File Format", Level 5).

Written by hand because of damaged files: one wrong byte makes SciPy's reader end the process.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rvos_edu.errors import DataError

LARGEST = 1 << 28  # values of an array; a damaged or malicious header could ask for any number
_HEAD = 4096  # bytes that hold everything but the values
_HEADER = 128  # bytes of the file before its first element
_COMPRESSED, _MATRIX, _FLAGS, _SIZES, _NAME = 15, 14, 6, 5, 1  # kinds of elements
_NUMERIC = range(6, 16)  # classes of arrays: double, single, and whole numbers of 8 to 64 bits
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}


@dataclass(frozen=True)
class _Element:
    """A piece of a file: its kind, where its content begins and ends, and where the next one begins."""

    kind: int
    start: int
    end: int
    following: int


@dataclass(frozen=True)
class _Array:
    """One variable: whether it holds real numbers, its shape, and where its values are in `content`."""

    name: str
    numeric: bool
    shape: tuple[int, ...]
    content: bytes
    values: int
    order: str


def mat_shape(path: Path, name: str) -> tuple[int, ...]:
    """Shape of the array `name` of a file; its values are not read.

    Raises:
        DataError: if the file is missing, damaged, of another version, or has no such array of numbers.
    """
    return _find(path, name, most=_HEAD).shape


def read_mat(path: Path, name: str) -> np.ndarray:
    """The array `name` of a file, in the type that it is stored in.

    Raises:
        DataError: as `mat_shape`.
    """
    found = _find(path, name, most=_HEAD + 8 * LARGEST)
    try:
        element = _element(found.content, found.values, found.order)
        dtype = np.dtype(found.order + _STORED[element.kind])
        raw = found.content[element.start : element.end]
        return np.frombuffer(raw, dtype, math.prod(found.shape)).reshape(found.shape, order="F")
    except (struct.error, KeyError, ValueError) as error:
        raise DataError(f"{path} cannot be read as MAT (version 5): {name} is damaged: {error}") from error


def _find(path: Path, name: str, *, most: int) -> _Array:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    held = []
    try:
        for array in _arrays(content, most):
            if array.name == name and array.numeric and 0 < math.prod(array.shape) <= LARGEST:
                return array
            held.append(f"{array.name} {array.shape}" + ("" if array.numeric else ", no numbers"))
    except (struct.error, zlib.error, ValueError) as error:
        raise DataError(f"{path} cannot be read as MAT (version 5): {error}") from error
    raise DataError(f"{path} has no array of numbers {name!r}; it holds {'; '.join(held) or 'nothing'}")


def _arrays(content: bytes, most: int) -> Iterator[_Array]:
    """The variables of a file; of compressed ones no more than `most` bytes are expanded."""
    order = {b"IM": "<", b"MI": ">"}.get(content[_HEADER - 2 : _HEADER])
    if order is None or struct.unpack_from(f"{order}H", content, _HEADER - 4)[0] != 0x0100:
        raise ValueError("it does not begin as such a file does")
    place = _HEADER
    while place < len(content):
        element = _element(content, place, order)
        if element.end > len(content):
            raise ValueError(f"it is cut short: {element.end} bytes are announced, {len(content)} are there")
        if element.kind == _COMPRESSED:
            inner = zlib.decompressobj().decompress(content[element.start : element.end], most)
            yield _array(inner, _element(inner, 0, order), order)
            place = element.end
        else:
            yield _array(content, element, order)
            place = element.following


def _array(content: bytes, whole: _Element, order: str) -> _Array:
    """The head of a variable: flags, sizes and name."""
    if whole.kind != _MATRIX:
        raise ValueError(f"an element of kind {whole.kind} stands in the place of an array")
    flags = _expect(_element(content, whole.start, order), _FLAGS)
    sizes = _expect(_element(content, flags.following, order), _SIZES)
    name = _expect(_element(content, sizes.following, order), _NAME)
    (word,) = struct.unpack_from(f"{order}I", content, flags.start)
    shape = struct.unpack_from(f"{order}{(sizes.end - sizes.start) // 4}i", content, sizes.start)
    if min(shape, default=-1) < 0 or len(shape) < 2:
        raise ValueError(f"an array has the shape {shape}")
    is_complex = bool(word & 0x0800)
    return _Array(
        name=content[name.start : name.end].decode("latin-1"),
        numeric=word & 0xFF in _NUMERIC and not is_complex,
        shape=shape,
        content=content,
        values=name.following,
        order=order,
    )


def _element(content: bytes, place: int, order: str) -> _Element:
    """The tag at `place`; content of up to four bytes shares the eight bytes of its tag."""
    word, length = struct.unpack_from(f"{order}II", content, place)
    if word >> 16:
        return _Element(word & 0xFFFF, place + 4, place + 4 + min(word >> 16, 4), place + 8)
    start = place + 8
    return _Element(word, start, start + length, start + length + -length % 8)


def _expect(element: _Element, kind: int) -> _Element:
    if element.kind != kind or element.end - element.start > _HEAD:
        raise ValueError(f"an element of kind {element.kind} stands in the place of one of kind {kind}")
    return element
