"""The colours of PASCAL VOC."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from rvos_edu.data.palette import voc_colours, write_ids


def test_published_colours() -> None:
    first = [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128)]
    assert [tuple(c) for c in voc_colours()[:6].tolist()] == first
    assert voc_colours()[8].tolist() == [64, 0, 0] and voc_colours()[255].tolist() == [224, 224, 192]


def test_ids_come_back(tmp_path: Path) -> None:
    ids = np.arange(256, dtype=np.uint8).reshape(16, 16)
    write_ids(tmp_path / "a.png", ids)
    image = Image.open(tmp_path / "a.png")
    assert image.mode == "P"
    np.testing.assert_array_equal(np.asarray(image), ids)
    np.testing.assert_array_equal(np.asarray(image.convert("RGB"))[0, 3], [128, 128, 0])
