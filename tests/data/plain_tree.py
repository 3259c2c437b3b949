"""Refer-YouTube-VOS with frames of any size."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from rvos_edu.data.palette import write_ids
from rvos_edu.data.refer_youtube_vos import expressions_file


def write_plain(root: Path, videos: dict[str, tuple[int, int]]) -> Path:
    """Two frames, two objects and two sentences per video, of some (H, W); noise."""
    noise = np.random.default_rng(7)
    sentences = {str(key): {"exp": f"object {key + 1}", "obj_id": str(key + 1)} for key in (0, 1)}
    for video, size in videos.items():
        for name in ("00000", "00005"):
            frame = root / "train" / "JPEGImages" / video / f"{name}.jpg"
            frame.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(noise.integers(256, size=(*size, 3), dtype=np.uint8)).save(frame)
            mask = root / "train" / "Annotations" / video / f"{name}.png"
            mask.parent.mkdir(parents=True, exist_ok=True)
            write_ids(mask, noise.integers(3, size=size, dtype=np.uint8))
    file = expressions_file(root, "train")
    file.parent.mkdir(parents=True)
    about = {video: {"frames": ["00000", "00005"], "expressions": sentences} for video in videos}
    file.write_text(json.dumps({"videos": about}))
    return root
