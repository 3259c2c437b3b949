"""A tiny MeViS: sentences about one and two objects, null frames, a one-frame video; valid without masks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco

BIRDS, STILL, OPEN, HIDDEN = "aa11bb22cc33", "dd44ee55ff66", "112233445566", "665544332211"
SIZE = (20, 30)
FRAMES = 5
SEEN = {
    12: (0, 1, 2, 3, 4),
    13: (2, 3),
    14: (),
    20: (0,),
    30: (0, 1, 2, 3, 4),
}  # frames that show an annotation


def write_mevis(root: Path) -> Path:
    """Write the tree below `root` and return it."""
    birds = {
        "0": {"exp": "The two  birds flying away", "obj_id": [0, 1], "anno_id": [12, 13]},
        "1": {"exp": "the bird that enters", "obj_id": [1], "anno_id": [13]},
        "2": {"exp": "what is never there", "obj_id": [2], "anno_id": [14]},
    }
    one = {"0": {"exp": "a stone", "obj_id": [0], "anno_id": [20]}}
    train = {BIRDS: (birds, FRAMES), STILL: (one, 1)}
    valid_u = {OPEN: ({"0": {"exp": "a bird", "obj_id": [0], "anno_id": [30]}}, FRAMES)}
    valid = {HIDDEN: ({"0": {"exp": "a bird"}, "1": {"exp": "another"}}, FRAMES)}
    for split, videos in (("train", train), ("valid_u", valid_u), ("valid", valid)):
        about = {}
        for number, (video, (expressions, count)) in enumerate(videos.items()):
            names = [f"{t:05d}" for t in range(count)]
            about[video] = {"expressions": expressions, "frames": names, "vid_id": number}
            for t, name in enumerate(names):
                path = root / split / "JPEGImages" / video / f"{name}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(np.full((*SIZE, 3), 20 * t, np.uint8)).save(path)
        (root / split / "meta_expressions.json").write_text(json.dumps({"videos": about}))
    write_masks(root, "train", {"12": entry(12), "13": entry(13), "14": entry(14), "20": entry(20)[:1]})
    write_masks(root, "valid_u", {"30": entry(30)})
    return root


def write_masks(root: Path, split: str, content: Any) -> Path:
    path = root / split / "mask_dict.json"
    path.write_text(json.dumps(content, indent=1))
    return path


def mask_of(annotation: int, frame: int) -> np.ndarray:
    """bool [H, W]: a bar whose column and height tell annotation and frame."""
    mask = np.zeros(SIZE, bool)
    if frame in SEEN[annotation]:
        mask[2 : 6 + frame, annotation - 10 : annotation - 5] = True
    return mask


def entry(annotation: int) -> list[dict[str, Any] | None]:
    """What mask_dict.json has of an annotation; the last frame of 13 is an empty mask instead of null."""
    found: list[dict[str, Any] | None] = []
    for frame in range(FRAMES):
        mask = mask_of(annotation, frame)
        code = coco.encode(np.asfortranarray(mask, np.uint8))
        runs = {"size": list(SIZE), "counts": code["counts"].decode()}
        found.append(runs if mask.any() or (annotation, frame) == (13, 4) else None)
    return found


def edit_json(path: Path, change: Callable[[Any], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
