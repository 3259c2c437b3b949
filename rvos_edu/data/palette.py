"""Masks of several objects as PNG with the colours of PASCAL VOC, which DAVIS uses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def voc_colours() -> np.ndarray:
    """uint8 [256, 3]: the bits of an id, three at a time, are the upper bits of red, green and blue."""
    ids = np.arange(256)
    colours = np.zeros((256, 3), np.uint8)
    for shift in range(8):
        bits = ids >> (3 * shift)
        colours |= (np.stack([bits, bits >> 1, bits >> 2], 1) & 1).astype(np.uint8) << (7 - shift)
    return colours


def write_ids(path: Path, ids: np.ndarray) -> None:
    """Write ids, uint8 [H, W], as PNG with a palette."""
    image = Image.fromarray(ids)
    image.putpalette(voc_colours().ravel().tolist())
    image.save(path)
