"""RefCOCO, RefCOCO+ and RefCOCOg as COCO files with one image and one annotation per sentence.

MDETR published them in this form, ReferFormer and others read it: root/<name>/instances_<name>_<split>.json.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from rvos_edu.data.reading import read_json
from rvos_edu.data.refcoco_images import object_mask
from rvos_edu.data.refcoco_records import Faults, ReferredImage, ReferringSentence, SplitTable
from rvos_edu.data.refcoco_tables import image_size
from rvos_edu.errors import DataError, SplitError
from rvos_edu.files import atomic_write


def json_file(root: str | Path, name: str, split: str) -> Path:
    """Where the split is stored in this form."""
    return Path(root) / name / f"instances_{name}_{split}.json"


def write_json_table(path: str | Path, name: str, table: SplitTable) -> None:
    """Write a split in this form, whole or not at all; images and annotations are numbered by sentence.

    Raises:
        DataError: if a segmentation is damaged.
    """
    pictures: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image in table.images:
        about = {"file_name": image.file_name, "height": image.size[0], "width": image.size[1]}
        about |= {"original_id": image.id, "dataset_name": name}
        objects = {a: _object(table, image, a) for a in image.annotations}
        for sentence in image.sentences:
            number = len(pictures)
            said = {"caption": sentence.text, "raw": sentence.raw, "sent_id": sentence.id}
            pictures.append(about | {"id": number} | said)
            annotations.append(
                {"id": number, "image_id": number, "original_id": sentence.annotation, "category_id": 1}
                | objects[sentence.annotation]
            )
    content = {
        "images": pictures,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "object", "supercategory": "object"}],
    }
    with atomic_write(path, durable=False) as temporary:
        temporary.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")


def _object(table: SplitTable, image: ReferredImage, annotation: int) -> dict[str, Any]:
    """Segmentation, box (x, y, width, height) and area."""
    mask = object_mask(table, image, annotation)
    segmentation = json.loads(table.segmentations[annotation])
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = (
        [columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1] if mask.any() else [0] * 4
    )
    return {
        "segmentation": segmentation,
        "bbox": [float(value) for value in box],
        "area": int(mask.sum()),
        "iscrowd": int(isinstance(segmentation, dict)),
    }


def read_json_table(path: Path, *, faults: Faults) -> SplitTable:
    """Read such a file; the sentences about one image of COCO come together again.

    Raises:
        SplitError: if the file is missing.
        DataError: if it is damaged; for the first fault, if those are not collected.
    """
    if not path.is_file():
        raise SplitError(f"{path} is missing")
    content = read_json(path)
    pictures, annotations = (_list(path, content, key) for key in ("images", "annotations"))
    of_image: dict[Any, list[dict[str, Any]]] = {}
    for annotation in annotations:
        of_image.setdefault(annotation.get("image_id"), []).append(annotation)
    found: dict[int, ReferredImage] = {}
    segmentations: dict[int, str] = {}
    seen: set[int] = set()
    for place, about in enumerate(pictures):
        key = f"entry {place}"
        if key in faults.skip:
            continue
        try:
            sentence, image = _entry(path, place, about, of_image, seen)
            if {str(image.id), f"annotation {sentence.annotation}"} & faults.skip:
                continue
            found[image.id] = _joined(path, found.get(image.id), image)
        except DataError as error:
            faults.report(key, str(error))
            continue
        segmentations[sentence.annotation] = json.dumps(of_image[about["id"]][0].get("segmentation"))
    images = [found[image] for image in sorted(found)]
    return SplitTable(path, images, segmentations, len(segmentations))


def pictures_of(path: Path) -> list[dict[str, Any]]:
    """The entries of the images of such a file, one per sentence, not looked at yet.

    Raises:
        DataError: if the file is missing or damaged.
    """
    return _list(path, read_json(path), "images")


def _list(path: Path, content: Any, key: str) -> list[dict[str, Any]]:
    entries = content.get(key) if isinstance(content, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DataError(f'{path} must hold a list "{key}", as COCO does')
    return entries


def _entry(
    path: Path, place: int, about: dict[str, Any], of_image: dict[Any, list[dict[str, Any]]], seen: set[int]
) -> tuple[ReferringSentence, ReferredImage]:
    """One sentence, and its image as if it had no other."""
    for key in ("id", "original_id"):
        if isinstance(about.get(key), bool) or not isinstance(about.get(key), int):
            raise DataError(
                f"{path}: image number {place} has {key} {about.get(key)!r}, expected a whole number"
            )
    number, size = about["id"], image_size(path, about)
    if number in seen:
        raise DataError(f"{path} has the id {number} among its images more than once")
    seen.add(number)
    own = of_image.get(number, [])
    if len(own) != 1 or not isinstance(own[0].get("original_id"), int):
        raise DataError(
            f"{path}: image {number} has {len(own)} annotations with the id of an object, expected one"
        )
    caption, raw = about.get("caption"), about.get("raw")
    text = " ".join(caption.lower().split()) if isinstance(caption, str) else ""
    if not text:
        raise DataError(f"{path}: the caption of image {number} is empty")
    annotation = own[0]["original_id"]
    sentence = ReferringSentence(
        str(about.get("sent_id", number)), raw if isinstance(raw, str) else str(caption), text, annotation
    )
    return sentence, ReferredImage(about["original_id"], about["file_name"], size, (annotation,), (sentence,))


def _joined(path: Path, earlier: ReferredImage | None, image: ReferredImage) -> ReferredImage:
    if earlier is None:
        return image
    if (earlier.file_name, earlier.size) != (image.file_name, image.size):
        raise DataError(f"{path} gives the image {image.id} of COCO two file names or sizes")
    return ReferredImage(
        image.id,
        image.file_name,
        image.size,
        tuple(sorted({*earlier.annotations, *image.annotations})),
        (*earlier.sentences, *image.sentences),
    )
