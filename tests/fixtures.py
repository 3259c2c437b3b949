"""A tiny Refer-YouTube-VOS tree with what breaks careless loaders.

Irregular frame steps, a start other than 00000, a video shorter than the window, an object absent from a
window, one that is in no mask, a valid JSON that lists a test video, no masks for valid, no meta.json.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

LONG, SHORT, VALID, TEST = "0a0a0a0a0a", "1b1b1b1b1b", "2c2c2c2c2c", "4e4e4e4e4e"
LONG_FRAMES = [f"{n:05d}" for n in (15, 20, 25, 35, 40, 45, 65, 70, 75, 80)]
SIZES = {LONG: (33, 57), SHORT: (20, 30), VALID: (24, 18), TEST: (24, 18)}
PALETTE = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0] + [64] * 756


def expressions_of_long() -> dict[str, dict[str, Any]]:
    """Object 1 is in all frames, 2 in the first four, 3 in none; ids are not in the order of the file."""
    return {
        "10": {"exp": "the bright square that is never there", "obj_id": "3"},
        "0": {"exp": "A  bright square\ton the LEFT ", "obj_id": "1", "category": "place", "candidates": 2},
        "2": {"exp": "the square that leaves", "obj_id": "2", "category": "motion"},
    }


def write_tree(root: Path) -> Path:
    """Write the tree below `root` and return it."""
    train = {
        LONG: {"expressions": expressions_of_long(), "frames": LONG_FRAMES},
        SHORT: {"expressions": {"0": {"exp": "one", "obj_id": "1"}}, "frames": ["00000", "00005"]},
    }
    two = {"expressions": {"0": {"exp": "x"}, "1": {"exp": "y"}}, "frames": ["00005", "00010", "00020"]}
    write_expressions(root, "train", train)
    write_expressions(root, "valid", {VALID: two, TEST: two})
    write_expressions(root, "test", {TEST: two})
    for index, name in enumerate(LONG_FRAMES):
        write_frame(root, "train", LONG, name, index)
        write_mask(root, LONG, name, [1, 2] if index < 4 else [1])
    for index, name in enumerate(["00000", "00005"]):
        write_frame(root, "train", SHORT, name, index)
        write_mask(root, SHORT, name, [1])
    for split, video in (("valid", VALID), ("test", TEST)):
        for index, name in enumerate(two["frames"]):
            write_frame(root, split, video, name, index)
    return root


def write_expressions(root: Path, split: str, videos: dict[str, Any]) -> Path:
    """Write meta_expressions.json of a split."""
    path = root / "meta_expressions" / split / "meta_expressions.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"videos": videos}))
    return path


def edit_expressions(root: Path, split: str, change: Any) -> Path:
    """Let `change` alter the videos of a split in place."""
    path = root / "meta_expressions" / split / "meta_expressions.json"
    content = json.loads(path.read_text())
    change(content["videos"])
    path.write_text(json.dumps(content))
    return path


def write_frame(root: Path, split: str, video: str, name: str, index: int) -> Path:
    """A frame whose grey value tells its place in the video: 20 * index."""
    path = root / split / "JPEGImages" / video / f"{name}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*SIZES[video], 3), 20 * index, np.uint8)).save(path, quality=95)
    return path


def write_mask(root: Path, video: str, name: str, objects: list[int]) -> Path:
    """A palette PNG in which object k covers rows 1..5 of columns 6k-5..6k-2."""
    ids = np.zeros(SIZES[video], np.uint8)
    for k in objects:
        ids[1:6, 6 * k - 5 : 6 * k - 1] = k
    path = root / "train" / "Annotations" / video / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(ids)
    image.putpalette(PALETTE)
    image.save(path)
    return path
