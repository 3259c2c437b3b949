"""Read the frames and masks of a dataset; whatever is wrong with a file is a DataError that names it."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from rvos_edu.errors import DataError

MASK_MODES = ("P", "L")  # any other mode would need re-quantising, which silently renumbers objects
FRAME_MODES = ("RGB", "RGBA", "RGBX", "RGBa", "L", "LA", "La", "P", "PA", "1", "CMYK", "YCbCr", "HSV", "LAB")
# What Pillow raises for damaged files
DAMAGE = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, Image.DecompressionBombError)


def read_frame(path: str | Path) -> np.ndarray:
    """uint8 [H, W, 3] RGB; grey-scale is repeated, transparency dropped.

    Raises:
        DataError: if the file is missing, damaged, or has more than 8 bits per channel.
    """
    return _read(path, FRAME_MODES, "RGB")


def read_mask(path: str | Path, size: tuple[int, int] | None = None) -> np.ndarray:
    """uint8 [H, W] object ids, 0 = background, from a PNG with a palette or in grey.

    Args:
        size: (H, W) of the frame that the mask belongs to, checked if given.

    Raises:
        DataError: if the file is missing, damaged, of another mode or of another size.
    """
    ids = _read(path, MASK_MODES, None)
    if size is not None and ids.shape != tuple(size):
        raise DataError(
            f"{path} is {ids.shape[0]}x{ids.shape[1]} (height x width), its frame is {size[0]}x{size[1]}"
        )
    return ids


def image_size(path: str | Path) -> tuple[int, int]:
    """(H, W) from the header of a file; no pixel is decoded.

    Raises:
        DataError: if the file is missing or has no readable header.
    """
    try:
        with Image.open(path) as image:
            return image.height, image.width
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing") from error
    except DAMAGE as error:
        raise DataError(f"{path} cannot be read as an image: {error}") from error


def common_size(paths: Iterable[Path]) -> tuple[int, int]:
    """(H, W) of the frames of a video, one or more, from their headers.

    Raises:
        DataError: if one is missing, has no readable header or is of another size than the first.
    """
    first, *others = paths
    size = image_size(first)
    for path in others:
        if (own := image_size(path)) != size:
            raise DataError(
                f"{path} is {own[0]}x{own[1]} (height x width), {first.name} of the same video is "
                f"{size[0]}x{size[1]}"
            )
    return size


def _read(path: str | Path, modes: tuple[str, ...], convert: str | None) -> np.ndarray:
    try:
        with Image.open(path) as image:
            mode = image.mode
            if mode in modes:
                return np.asarray(image if convert in (None, mode) else image.convert(convert))
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing") from error
    except DAMAGE as error:
        raise DataError(f"{path} cannot be read as an image: {error}") from error
    raise DataError(f"{path} has the image mode {mode}, expected one of {', '.join(modes)}")
