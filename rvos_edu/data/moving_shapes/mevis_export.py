"""Moving Shapes in the layout of MeViS: train, valid_u (its valid), and valid (its test) without masks.

Besides the sentences of Moving Shapes there are some about several objects, written from the facts.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco

from rvos_edu.data.images import read_mask
from rvos_edu.data.mevis_dataset import MASKED, masks_file, sentences_file
from rvos_edu.data.moving_shapes.annotated_frames import new_folder
from rvos_edu.data.moving_shapes.language import MOTION_WORDS, Facts
from rvos_edu.data.moving_shapes.truth import MovingShapesTruth, check_moving_shapes
from rvos_edu.data.reading import read_json
from rvos_edu.data.refer_youtube_vos import VideoRecord, read_split

FROM = {"train": "train", "valid_u": "valid", "valid": "test"}  # splits of Moving Shapes
NUMBERS = ("no", "one", "two", "three", "four", "five", "six")
PLURALS = {"cross": "crosses"}


def export_mevis(source: str | Path, root: str | Path) -> Path:
    """Write Moving Shapes below `root` as MeViS; the same source gives the same bytes.

    Args:
        source: folder of a dataset that `make` wrote.
        root: is made.

    Raises:
        DataError: if `source` is not Moving Shapes, or `root` already holds something.
    """
    source, root = Path(source), Path(root)
    check_moving_shapes(source)
    sizes = read_json(source / "moving_shapes.json")
    with new_folder(root) as temporary:
        for split, origin in FROM.items():
            if sizes.get(origin):
                _write_split(source, origin, temporary, split)
    return root


def plural_sentences(facts: Sequence[Facts]) -> Iterator[tuple[str, list[int]]]:
    """Sentences about two objects or more, but not all, and their identities."""
    groups: dict[str, list[int]] = {}
    for attribute in ("colour", "shape", "size", "direction"):
        for value in sorted({str(getattr(f, attribute)) for f in facts}):
            alike = [f for f in facts if getattr(f, attribute) == value and any(f.visible)]
            moves = attribute == "direction"
            if moves and (value == "still" or any(f.entry != "always" for f in facts)):
                continue
            if 2 <= len(alike) < len(facts):
                noun = PLURALS.get(value, f"{value}s") if attribute == "shape" else "objects"
                adjective = "" if attribute == "shape" or moves else f"{value} "
                after = f" {MOTION_WORDS[value][0]}" if moves else ""
                sentence = f"the {NUMBERS[len(alike)]} {adjective}{noun}{after}"
                groups[sentence] = [f.identity for f in alike]
    yield from groups.items()


def _write_split(source: Path, origin: str, root: Path, split: str) -> None:
    truth, public = MovingShapesTruth(source, origin), split in MASKED
    videos: dict[str, Any] = {}
    masks: dict[str, list[dict[str, Any] | None]] = {}
    for number, record in enumerate(read_split(source, origin)):
        frames = root / split / "JPEGImages" / record.video
        frames.mkdir(parents=True)
        names = [f"{index:05d}" for index in range(len(record.frames))]
        for name, old in zip(names, record.frames, strict=True):
            picture = source / origin / "JPEGImages" / record.video / f"{old}.jpg"
            shutil.copyfile(picture, frames / f"{name}.jpg")
        facts = truth.facts(record.video)
        ids = {f.identity: len(masks) + k for k, f in enumerate(facts)}
        if public:
            of_objects = _run_lengths(source / origin / "Annotations", record, list(ids))
            masks |= {str(ids[identity]): runs for identity, runs in of_objects.items()}
        said = [(e.raw, [e.object_id]) for e in record.expressions if e.object_id is not None]
        expressions = {}
        for key, (text, objects) in enumerate([*said, *plural_sentences(facts)]):
            about: dict[str, Any] = {"exp": text.capitalize()}
            if public:
                about |= {"obj_id": [o - 1 for o in objects], "anno_id": [ids[o] for o in objects]}
            expressions[str(key)] = about
        videos[record.video] = {"expressions": expressions, "frames": names, "vid_id": number}
    _write_json(sentences_file(root, split), {"videos": videos})
    if public:
        _write_json(masks_file(root, split), masks)


def _run_lengths(
    folder: Path, record: VideoRecord, objects: list[int]
) -> dict[int, list[dict[str, Any] | None]]:
    """Compressed run lengths per object and frame, None where it does not show."""
    found: dict[int, list[dict[str, Any] | None]] = {identity: [] for identity in objects}
    for name in record.frames:
        ids = read_mask(folder / record.video / f"{name}.png")
        for identity, runs in found.items():
            mask = np.asfortranarray(ids == identity, np.uint8)
            code = coco.encode(mask)
            counts = code["counts"].decode("ascii")
            runs.append({"size": list(mask.shape), "counts": counts} if mask.any() else None)
    return found


def _write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content) + "\n", encoding="utf-8")
