"""Moving Shapes as the pieces of Ref-DAVIS17 that its owners publish, and converted into its layout.

Frames are numbered from 0, every object has a sentence per annotator slot (those of the first frame
say nothing about time where they can), a rim of void pixels surrounds the objects, three sequences are
misspelt in the texts, and the files of the second annotator are Latin-1.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rvos_edu.data.images import read_mask
from rvos_edu.data.moving_shapes.truth import MovingShapesTruth, check_moving_shapes
from rvos_edu.data.palette import write_ids
from rvos_edu.data.ref_davis_raw import (
    ANNOTATORS,
    FRAMES,
    MASKS,
    SEMANTICS,
    SETS,
    TEXT_FOLDER,
    convert_ref_davis,
)
from rvos_edu.data.refer_youtube_vos import ExpressionRecord, VideoRecord, expressions_file, read_split
from rvos_edu.errors import DataError
from rvos_edu.files import atomic_dir
from rvos_edu.metrics.contour import dilate
from rvos_edu.metrics.davis import VOID

RAW = "raw"  # folder of the pieces within the export
RENAMED = {"valid": {0: "motorbike"}, "train": {0: "classic-car", 1: "dogs-scale"}}
WRITTEN = {"motorbike": "motor-bike", "classic-car": "clasic-car", "dogs-scale": "dog-scale"}
IN_TIME = ("motion", "late entry")  # categories that the first frame does not tell


def make_ref_davis(source: Path, root: Path) -> Path:
    """Moving Shapes below `root` in the layout that is read, the pieces it is made of in root/raw.

    Raises:
        DataError: as `export_davis`.
    """
    _check(source, root)
    with atomic_dir(root, durable=False) as temporary:
        raw = export_davis(source, temporary / RAW)
        made = convert_ref_davis(raw, raw, temporary / "made")
        for item in sorted(made.iterdir()):
            item.rename(temporary / item.name)
        made.rmdir()
    return root


def export_davis(source: str | Path, root: str | Path) -> Path:
    """Write the train and valid videos as DAVIS and four text files; the same source gives the same bytes.

    Objects that no sentence describes are void, as nobody has annotated them.

    Args:
        source: folder of a dataset that `make` wrote.
        root: is made; holds `DAVIS` and `davis_text_annotations`.

    Raises:
        DataError: if `source` is not Moving Shapes with these splits, or `root` already holds something.
    """
    source, root = Path(source), Path(root)
    _check(source, root)
    with atomic_dir(root, durable=False) as temporary:
        davis, texts = temporary / "DAVIS", temporary / TEXT_FOLDER
        lines: list[list[str]] = [[] for _ in ANNOTATORS]
        semantics: dict[str, dict[str, str]] = {}
        for split, listed in SETS.items():
            truth, names = MovingShapesTruth(source, split), []
            for number, record in enumerate(read_split(source, split)):
                name = RENAMED[split].get(number, record.video)
                shapes = {facts.identity: facts.shape for facts in truth.facts(record.video)}
                objects = sorted({e.object_id for e in record.expressions if e.object_id is not None})
                _write_frames(source / split, record, objects, davis, name)
                semantics[name] = {str(k + 1): shapes[o] for k, o in enumerate(objects)}
                _say(record, objects, name, lines)
                names.append(name)
            path = davis / "ImageSets" / "2017" / listed
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(sorted(names)) + "\n", encoding="utf-8")
        (davis / SEMANTICS).write_text(json.dumps(semantics) + "\n", encoding="utf-8")
        texts.mkdir()
        for name, said in zip(ANNOTATORS, lines, strict=True):
            code = "latin-1" if "annot2" in name else "utf-8"
            (texts / f"{name}.txt").write_bytes(("\n".join(said) + "\n").encode(code))
    return root


def _check(source: Path, root: Path) -> None:
    check_moving_shapes(source)
    for split in SETS:
        if not expressions_file(source, split).is_file():
            raise DataError(
                f"Ref-DAVIS17 is made of train and valid videos, at least one each: there is no {split} video"
            )
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise DataError(f"{root} exists and is not empty; choose another folder or remove it")


def _write_frames(folder: Path, record: VideoRecord, objects: list[int], davis: Path, name: str) -> None:
    """Frames as they are; masks with ids 1, 2, ... of the described objects, a void rim around them."""
    renumber = np.full(256, VOID, np.uint8)
    renumber[0] = 0
    renumber[objects] = np.arange(len(objects)) + 1
    frames, masks = davis / FRAMES / name, davis / MASKS / name
    frames.mkdir(parents=True)
    masks.mkdir(parents=True)
    for index, frame in enumerate(record.frames):
        shutil.copyfile(folder / "JPEGImages" / record.video / f"{frame}.jpg", frames / f"{index:05d}.jpg")
        ids = renumber[read_mask(folder / "Annotations" / record.video / f"{frame}.png")]
        ids[dilate(ids[None] > 0, 1)[0] & (ids == 0)] = VOID
        write_ids(masks / f"{index:05d}.png", ids)


def _say(record: VideoRecord, objects: list[int], name: str, lines: list[list[str]]) -> None:
    """Add a line per object to each of the four files; sentences are repeated where there are too few."""
    for k, number in enumerate(objects):
        own = [e for e in record.expressions if e.object_id == number]
        still = [e for e in own if e.category not in IN_TIME] or own
        moving = [e for e in own if e.category in IN_TIME] or own
        for slot, said in enumerate(lines):
            text = _pick(moving if slot % 2 else still, slot // 2)
            written = name
            if slot // 2 == 0:
                written = WRITTEN.get(name, name)
            elif k == 0:
                text = text.replace(" ", "\xa0", 1)  # not UTF-8; white space to whoever reads Latin-1
            said.append(f'{written} {k + 1} "{text}"')


def _pick(sentences: Sequence[ExpressionRecord], number: int) -> str:
    return sentences[number % len(sentences)].raw
