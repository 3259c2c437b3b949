"""Pickles that hold nothing but data, and masks of COCO."""

from __future__ import annotations

import collections
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco

from rvos_edu.data.plain_pickle import read_plain_pickle
from rvos_edu.data.segmentations import decode_segmentation, encode_segmentation
from rvos_edu.errors import DataError

PLAIN = [{"a": [1, 2.5, None, True], "b": ("x", b"y"), "c": {1, 2}, "d": frozenset([3]), "e": 2**70}]


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


# ------------------------------------------------------------------------------------------------- pickles


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_data_come_back(tmp_path: Path, protocol: int) -> None:
    data = [{**PLAIN[0], "c": [1], "d": [3], "b": ("x", "y")}] if protocol < 4 else PLAIN
    assert read_plain_pickle(write(tmp_path / "p", pickle.dumps(data, protocol))) == data


def test_text_of_python_2(tmp_path: Path) -> None:
    """Protocol 0: (dp1\\nS'key'\\n... with bytes that are UTF-8, and with bytes that are not."""
    head = b"(lp0\n(dp1\nS'sent'\np2\nS'"
    assert read_plain_pickle(write(tmp_path / "a", head + b"caf\\xc3\\xa9'\np3\nsa.")) == [{"sent": "café"}]
    assert read_plain_pickle(write(tmp_path / "b", head + b"caf\\xe9'\np3\nsa.")) == [{"sent": "café"}]
    unicode = b"(lp0\n(dp1\nVsent\np2\nVcaf\\u00e9\np3\nsa."
    assert read_plain_pickle(write(tmp_path / "c", unicode)) == [{"sent": "café"}]


class Evil:
    def __reduce__(self) -> tuple:
        return os.system, ("touch evil",)


@pytest.mark.parametrize(
    "content, name",
    [
        (pickle.dumps([Evil()]), r"(posix|nt)\.system"),
        (pickle.dumps([Evil()], protocol=0), r"(posix|nt)\.system"),
        (pickle.dumps(collections.OrderedDict()), r"collections\.OrderedDict"),
        (pickle.dumps(np.float64(1)), "numpy"),
        (pickle.dumps(len), r"builtins\.len"),
        (b"cos\nsystem\n(S'touch evil'\ntR.", r"os\.system"),
        (b"(S'touch evil'\nios\nsystem\n.", r"os\.system"),
        (b"Pid\n.", "an object outside of it"),
    ],
)
def test_what_would_run_code_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        DataError, match=f"p is not safe to read: it refers to .*{name}.*, expected plain data"
    ):
        read_plain_pickle(write(tmp_path / "p", content))
    assert os.listdir(tmp_path) == ["p"]


@pytest.mark.parametrize(
    "content", [b"", b"no pickle", b"(lp0\n", b"\x80\x05.", b"\x80\xff.", b"\x82\x01.", b"0."]
)
def test_damaged_pickles(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match="p is damaged"):
        read_plain_pickle(write(tmp_path / "p", content))


def test_a_missing_pickle(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing cannot be read"):
        read_plain_pickle(tmp_path / "nothing")


# --------------------------------------------------------------------------------------------------- masks


def test_a_polygon_and_several() -> None:
    square = [1.0, 1.0, 4.0, 1.0, 4.0, 3.0, 1.0, 3.0]
    mask = decode_segmentation([square], (5, 6), where="it")
    expected = np.zeros((5, 6), bool)
    expected[1:3, 1:4] = True
    assert mask.dtype == bool and np.array_equal(mask, expected)
    expected[4, 5] = True
    corner, line = [5, 4, 6, 4, 6, 5, 5, 5], [0, 0, 1, 1]
    assert np.array_equal(decode_segmentation([square, corner, line], (5, 6), where="it"), expected)


def test_run_lengths_go_down_the_columns() -> None:
    expected = np.zeros((2, 3), bool)
    expected[1, 0] = expected[0, 1] = expected[1, 2] = True
    plain = {"size": [2, 3], "counts": [1, 2, 2, 1]}
    assert np.array_equal(decode_segmentation(plain, (2, 3), where="it"), expected)
    text = coco.encode(np.asfortranarray(expected.astype(np.uint8)))["counts"].decode()
    packed = {"size": [2, 3], "counts": text}
    assert np.array_equal(decode_segmentation(packed, (2, 3), where="it"), expected)


MASKS = arrays(bool, st.tuples(st.integers(1, 14), st.integers(1, 14))).filter(lambda mask: mask.any())


@settings(max_examples=80, deadline=None)
@given(MASKS)
def test_any_mask_survives_both_ways(mask: np.ndarray) -> None:
    segmentation, crowd = encode_segmentation(mask)
    assert crowd == isinstance(segmentation, dict)
    assert np.array_equal(decode_segmentation(segmentation, mask.shape, where="it"), mask)
    text = coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    packed = {"size": list(mask.shape), "counts": text}
    assert np.array_equal(decode_segmentation(packed, mask.shape, where="it"), mask)


def test_outlines_have_corners_only_and_holes_need_run_lengths() -> None:
    ring = np.zeros((7, 8), bool)
    ring[1:6, 2:7] = True
    assert encode_segmentation(ring) == ([[2.0, 1.0, 7.0, 1.0, 7.0, 6.0, 2.0, 6.0]], 0)
    ring[3, 4] = False
    segmentation, crowd = encode_segmentation(ring)
    assert crowd == 1 and isinstance(segmentation, dict) and sum(segmentation["counts"]) == 56
    with pytest.raises(ValueError, match="empty mask"):
        encode_segmentation(np.zeros((3, 3), bool))


@pytest.mark.parametrize(
    "segmentation, message",
    [
        (None, "it has no segmentation"),
        ([], "it has no polygon with three corners"),
        ([[1, 1, 2, 2]], "it has no polygon with three corners"),
        ([[1, 1, 2, 2, 3]], "no list of x and y"),
        ([["1", 1, 2, 2, 3, 3]], "no list of x and y"),
        ([1, 1, 2, 2, 3, 3], "no list of x and y"),
        ([[0, 0, float("nan"), 1, 2, 2]], "far outside of its image of 4x5"),
        ([[0, 0, 1e9, 1, 2, 2]], "far outside"),
        ({"size": [5, 4], "counts": [20]}, r"mask of size \[5, 4\], its image is 4x5"),
        ({"counts": [20]}, "mask of size None"),
        ({"size": [4, 5], "counts": [3, 4]}, "run lengths of 7 pixels, its image has 4x5"),
        ({"size": [4, 5], "counts": [30, -10]}, "no run lengths"),
        ({"size": [4, 5], "counts": None}, "no run lengths"),
        ({"size": [4, 5], "counts": "00"}, "run lengths of 0 pixels"),
        ({"size": [4, 5], "counts": "\x00~"}, "run lengths"),
    ],
)
def test_damaged_masks(segmentation: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        decode_segmentation(segmentation, (4, 5), where="it")
