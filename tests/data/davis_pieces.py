"""Ref-DAVIS17 as it is published, tiny: a misspelt name, Latin-1, void rims, an object number above 9."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from rvos_edu.data.palette import write_ids

TRAIN, VALID, LATER = "classic-car", "dogs-jump", "motorbike"
OBJECTS = {TRAIN: [2, 10], VALID: [1, 2], LATER: [1]}
SPLITS = {"train": [TRAIN], "val": [LATER, VALID]}
SIZE = (24, 40)
TEXTS = ("Davis17_annot1", "Davis17_annot1_full_video", "Davis17_annot2", "Davis17_annot2_full_video")
MISSPELT = {TRAIN: "clasic-car", LATER: "motor-bike"}


def write_pieces(root: Path) -> Path:
    """Write DAVIS and the four texts below `root` and return it."""
    davis, texts = root / "DAVIS", root / "davis_text_annotations"
    for name, sequences in SPLITS.items():
        path = davis / "ImageSets" / "2017" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(sequences) + "\n")
    for sequence, objects in OBJECTS.items():
        for frame in range(3):
            _write_frame(davis, sequence, f"{frame:05d}", frame, objects)
    texts.mkdir()
    for slot, text in enumerate(TEXTS):
        lines = [
            f'{MISSPELT.get(s, s) if slot == 0 else s} {o} "slot {slot} of {o}"'
            for s, objects in OBJECTS.items()
            for o in reversed(objects)
        ]
        if slot == 2:
            lines = [line.replace("slot 2 of 2", "Caf\xe9  2") for line in lines]
        (texts / f"{text}.txt").write_bytes(("\n".join(lines) + "\n").encode("latin-1"))
    (davis / "davis_semantics.json").write_text(json.dumps({VALID: {"1": "dog", "2": "person"}}))
    return root


def _write_frame(davis: Path, sequence: str, name: str, index: int, objects: list[int]) -> None:
    """Object number k covers 8x8 pixels in row 2 + 10 k, from column 4 + frame; void above object 0."""
    image = davis / "JPEGImages" / "480p" / sequence / f"{name}.jpg"
    mask = davis / "Annotations_unsupervised" / "480p" / sequence / f"{name}.png"
    for path in (image, mask):
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*SIZE, 3), 40 * index, np.uint8)).save(image)
    write_ids(mask, ids_of(objects, index))


def ids_of(objects: list[int], index: int) -> np.ndarray:
    """The mask of frame `index`."""
    ids = np.zeros(SIZE, np.uint8)
    ids[1, :] = 255
    for k, number in enumerate(objects):
        ids[2 + 10 * k : 10 + 10 * k, 4 + index : 12 + index] = number
    return ids
