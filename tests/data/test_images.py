"""Frames and masks of every kind, and files that are not whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rvos_edu.data.images import read_frame, read_mask
from rvos_edu.errors import DataError


def test_grey_and_rgba_frames_become_rgb(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    Image.fromarray(np.full((33, 57), 9, np.uint8)).save(path)
    assert read_frame(path).shape == (33, 57, 3) and (read_frame(path) == 9).all()
    Image.fromarray(np.full((1, 1, 4), (1, 2, 3, 0), np.uint8)).save(path)
    assert read_frame(path).tolist() == [[[1, 2, 3]]]


def test_palette_and_grey_masks_keep_their_numbers(tmp_path: Path) -> None:
    ids = np.array([[0, 7], [200, 255]], np.uint8)
    image = Image.fromarray(ids)
    image.save(tmp_path / "grey.png")
    image.putpalette([value for k in range(256) for value in (255 - k, k, k)])
    image.save(tmp_path / "palette.png")
    for name in ("grey.png", "palette.png"):
        assert np.array_equal(read_mask(tmp_path / name, (2, 2)), ids)


def test_mask_of_another_mode(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(tmp_path / "x.png")
    with pytest.raises(DataError, match=r"x\.png has the image mode RGB, expected one of P, L"):
        read_mask(tmp_path / "x.png")


def test_frame_of_sixteen_bits(tmp_path: Path) -> None:
    Image.fromarray(np.full((2, 2), 40_000, np.uint16)).save(tmp_path / "x.png")
    with pytest.raises(DataError, match=r"x\.png has the image mode I;16"):
        read_frame(tmp_path / "x.png")


def test_mask_of_another_size(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((2, 3), np.uint8)).save(tmp_path / "x.png")
    with pytest.raises(DataError, match=r"x\.png is 2x3 \(height x width\), its frame is 3x2"):
        read_mask(tmp_path / "x.png", (3, 2))


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.6, 0.9])
def test_truncated_images(tmp_path: Path, suffix: str, share: float) -> None:
    path = tmp_path / f"x{suffix}"
    noise = np.random.default_rng(0).integers(0, 255, (40, 40), np.uint8)
    Image.fromarray(noise).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    for read in (read_frame, read_mask):
        with pytest.raises(DataError, match=rf"x\{suffix} cannot be read as an image"):
            read(path)


def test_missing_image(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x\.jpg is missing"):
        read_frame(tmp_path / "x.jpg")
