"""Arrays that SciPy writes are read alike; damaged files are errors and nothing worse."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from rvos_edu.data.mat_array import mat_shape, read_mat
from rvos_edu.errors import DataError

RNG = np.random.default_rng(0)


def write(path: Path, compress: bool = True, **arrays: object) -> Path:
    scipy.io.savemat(path, arrays, do_compression=compress)
    return path


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8", "u8", "i8", "?"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (7, 5), (3, 4, 5), (2, 3, 1, 2)])
def test_what_scipy_writes(tmp_path: Path, shape: tuple[int, ...], kind: str, compress: bool) -> None:
    array = RNG.integers(0, 2 if kind == "?" else 100, shape).astype(kind)
    path = write(tmp_path / "x.mat", compress, other="text", part_mask=array, last=np.ones(9))
    assert mat_shape(path, "part_mask") == shape
    np.testing.assert_array_equal(read_mat(path, "part_mask"), array)
    np.testing.assert_array_equal(read_mat(path, "part_mask"), scipy.io.loadmat(path)["part_mask"])


def test_the_bytes_of_the_other_order(tmp_path: Path) -> None:
    """As big-endian machines wrote it, by hand: flags, sizes, a name of four letters in its tag, values."""
    array = np.arange(6, dtype=">u2").reshape(2, 3)
    body = struct.pack(">IIII", 6, 8, 11, 0) + struct.pack(">IIii", 5, 8, 2, 3)
    body += struct.pack(">HH4s", 4, 1, b"mask") + struct.pack(">II", 4, 12) + array.tobytes("F") + bytes(4)
    head = b"MATLAB 5.0".ljust(124) + struct.pack(">H2s", 0x0100, b"MI")
    (tmp_path / "x.mat").write_bytes(head + struct.pack(">II", 14, len(body)) + body)
    np.testing.assert_array_equal(read_mat(tmp_path / "x.mat", "mask"), array)
    np.testing.assert_array_equal(scipy.io.loadmat(tmp_path / "x.mat")["mask"], array)


@pytest.mark.parametrize(
    "content", ["text", {"a": 1}, np.array([1, "a"], object), np.ones((2, 2)) * 1j, np.zeros((0, 4))]
)
def test_what_is_no_array_of_real_numbers(tmp_path: Path, content: object) -> None:
    path = write(tmp_path / "x.mat", part_mask=content)
    with pytest.raises(DataError, match=r"x\.mat has no array of numbers 'part_mask'; it holds part_mask \("):
        read_mat(path, "part_mask")


def test_other_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x\.mat is missing"):
        mat_shape(tmp_path / "x.mat", "part_mask")
    scipy.io.savemat(tmp_path / "4.mat", {"part_mask": np.ones((2, 2))}, format="4")
    (tmp_path / "text.mat").write_bytes(b"no array" * 99)
    (tmp_path / "hdf5.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    for name in ("4.mat", "text.mat", "hdf5.mat"):
        with pytest.raises(
            DataError, match=rf"{name} cannot be read as MAT \(version 5\): it does not begin"
        ):
            read_mat(tmp_path / name, "part_mask")


def test_announced_sizes_are_not_believed(tmp_path: Path) -> None:
    path = write(tmp_path / "x.mat", False, part_mask=np.ones((3, 4), np.uint8))
    content = path.read_bytes()
    place = content.index(struct.pack("<II", 5, 8)) + 8
    for shape, words in (
        ((3, 5), "is damaged"),
        ((1 << 20, 1 << 20), "no array of"),
        ((-3, 4), r"\(-3, 4\)"),
    ):
        path.write_bytes(content[:place] + struct.pack("<ii", *shape) + content[place + 8 :])
        with pytest.raises(DataError, match=words):
            read_mat(path, "part_mask")


@pytest.mark.parametrize("compress", [False, True])
def test_every_truncation_is_an_error(tmp_path: Path, compress: bool) -> None:
    path = write(tmp_path / "x.mat", compress, part_mask=RNG.integers(0, 9, (4, 5, 6)).astype(np.uint8))
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match=r"x\.mat"):
            read_mat(path, "part_mask")


@pytest.mark.parametrize("compress", [False, True])
def test_damaged_bytes_do_nothing_worse(tmp_path: Path, compress: bool) -> None:
    path = write(tmp_path / "x.mat", compress, part_mask=RNG.integers(0, 9, (4, 5, 6)).astype(np.uint8))
    whole = bytearray(path.read_bytes())
    for _ in range(500):
        damaged = whole.copy()
        for place in RNG.integers(0, len(whole), 3):
            damaged[place] = RNG.integers(256)
        path.write_bytes(damaged)
        try:
            assert read_mat(path, "part_mask").ndim >= 2
        except DataError as error:
            assert str(path) in str(error)
