"""Moving Shapes as images with sentences, in the layout of RefCOCO, RefCOCO+ and RefCOCOg.

One frame of each video, with sentences that are true of that frame: nothing about motion or time, places as
they are in it. RefCOCO+ names no places, RefCOCOg says more than one thing of an object, as the real ones do;
so an image whose objects differ in their places only is not in RefCOCO+.
"""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from rvos_edu.data.images import read_mask
from rvos_edu.data.moving_shapes.annotated_frames import new_folder
from rvos_edu.data.moving_shapes.language import Expression, Facts, say, write_expressions
from rvos_edu.data.moving_shapes.scene import SHAPES
from rvos_edu.data.moving_shapes.truth import MovingShapesTruth, check_moving_shapes, level_and_seed
from rvos_edu.data.refcoco_images import IMAGE_FOLDERS
from rvos_edu.data.refcoco_records import REFERENCES
from rvos_edu.data.refer_youtube_vos import VideoRecord, read_split
from rvos_edu.data.segmentations import encode_segmentation

SMALLEST = 30  # pixels; a frame that shows less of an object is not used if another does not
SPLITS = ("train", "valid", "test")
TRUTH_FOLDER, TRUTH_SPLIT = "truth", "all"


@dataclass(frozen=True)
class _Image:
    """One exported frame; `annotations` of COCO by identity of the object."""

    id: int
    split: str
    video: str
    source: Path
    size: tuple[int, int]
    facts: list[Facts]
    annotations: dict[int, dict[str, Any]]

    @property
    def file_name(self) -> str:
        return f"COCO_train2014_{self.id:012d}.jpg"


def export_refcoco(source: str | Path, root: str | Path) -> Path:
    """Write the images and sentences of Moving Shapes below `root`; the same source gives the same bytes.

    Besides the layout, root/<name>/truth holds meanings and facts, so that `export_truth` can tell which
    sentence is true of which image.

    Args:
        source: folder of a dataset that `make` wrote.
        root: is made; `RefCOCO(root, name=...)` reads it.

    Raises:
        DataError: if `source` is not Moving Shapes, or `root` already holds something.
    """
    source, root = Path(source), Path(root)
    check_moving_shapes(source)
    level, _ = level_and_seed(source)
    with new_folder(root) as temporary:
        folder = temporary / IMAGE_FOLDERS[0]
        folder.mkdir(parents=True)
        images = []
        for image in _images(source):
            shutil.copyfile(image.source, folder / image.file_name)
            images.append(image)
        instances = _instances(images)
        for name in REFERENCES:
            _write_json(temporary / name / "instances.json", instances)
            _write_references(temporary / name, name, images, level)
    return root


def export_truth(root: str | Path, name: str) -> MovingShapesTruth:
    """What is true of which image of an export; videos are ids of images.

    Raises:
        DataError: if `root` is no export.
    """
    return MovingShapesTruth(Path(root) / name / TRUTH_FOLDER, TRUTH_SPLIT)


def is_export(root: str | Path, name: str) -> bool:
    """Whether a folder was written by `export_refcoco`."""
    return (Path(root) / name / TRUTH_FOLDER).is_dir()


def _images(source: Path) -> Iterator[_Image]:
    """The chosen frame of every video, numbered from 1."""
    found = 0
    present = [s for s in SPLITS if (source / "meta_expressions" / s / "meta_expressions.json").is_file()]
    for split in present:
        truth, records = MovingShapesTruth(source, split), read_split(source, split)
        for record in tqdm(records, desc=f"Frames of {split}", unit="video", delay=2.0):
            found += 1
            yield _image(source / split, found, split, record, truth.facts(record.video))


def _image(folder: Path, index: int, split: str, record: VideoRecord, facts: list[Facts]) -> _Image:
    """The frame that shows the most objects, and of these the one that shows most of the least."""
    masks = [read_mask(folder / "Annotations" / record.video / f"{name}.png") for name in record.frames]

    def shown(t: int) -> tuple[bool, int, int]:
        areas = np.bincount(masks[t].ravel(), minlength=256)[1:]
        areas = areas[areas > 0]
        least = int(areas.min(initial=10**6))
        return least >= SMALLEST, len(areas), least

    best = max(range(len(masks)), key=shown)
    height, width = masks[best].shape
    seen, annotations = [], {}
    for fact in facts:
        mask = masks[best] == fact.identity
        if mask.any():
            y, x = np.argwhere(mask).mean(0) + 0.5
            still = replace(fact, direction="still", entry="always", visible=(True,))
            seen.append(replace(still, place=(float(x) / width, float(y) / height)))
            annotations[fact.identity] = _annotation(index, fact, mask)
    image = folder / "JPEGImages" / record.video / f"{record.frames[best]}.jpg"
    return _Image(index, split, record.video, image, (height, width), seen, annotations)


def _annotation(image: int, facts: Facts, mask: np.ndarray) -> dict[str, Any]:
    """COCO's entry of an object."""
    segmentation, crowd = encode_segmentation(mask)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = [columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1]
    return {
        "id": 10 * image + facts.identity,
        "image_id": image,
        "category_id": SHAPES.index(facts.shape) + 1,
        "segmentation": segmentation,
        "iscrowd": crowd,
        "bbox": [float(value) for value in box],
        "area": int(mask.sum()),
    }


def _sentences(image: _Image, name: str, level: str) -> list[Expression]:
    """What is said of an image in one of the three datasets."""
    rng = np.random.default_rng([ord(c) for c in f"{name} {image.video}"])
    found = write_expressions(image.facts, rng, level)
    if name == "refcoco+":
        return [e for e in found if not any(a in ("side", "extreme") for a, _ in e.predicates)]
    if name == "refcocog":
        return [e for e in found if len(e.predicates) > 1] or _longer(image.facts, found, rng)
    return found


def _longer(facts: list[Facts], short: list[Expression], rng: np.random.Generator) -> list[Expression]:
    """The same sentences with colour and shape named as well: still true of one object and of no other."""
    looks = {f.identity: (("colour", f.colour), ("shape", f.shape)) for f in facts}
    found: dict[str, Expression] = {}
    for expression in short:
        predicates = tuple(dict.fromkeys((*looks[expression.identity], *expression.predicates)))
        text = say(predicates, rng)
        found.setdefault(text, replace(expression, text=text, predicates=predicates))
    return list(found.values())


def _write_references(folder: Path, name: str, images: list[_Image], level: str) -> None:
    """The referred objects by each division, and the truth."""
    refs: dict[str, list[dict[str, Any]]] = {by: [] for by in REFERENCES[name]}
    truth: dict[str, dict[str, Any]] = {"expressions": {}, "objects": {}}
    sentence_id = ref_id = 0
    position = {split: 0 for split in SPLITS}  # among the images of a split that something is said of
    for image in images:
        said: dict[int, list[tuple[int, Expression]]] = {}
        for expression in _sentences(image, name, level):
            sentence_id += 1
            said.setdefault(expression.identity, []).append((sentence_id, expression))
        for identity, own in said.items():
            ref_id += 1
            for by, entries in refs.items():
                if (part := _part(by, name, image.split, position[image.split])) is not None:
                    entries.append(_reference(image, identity, own, ref_id, part))
        position[image.split] += bool(said)
        meanings = {str(i): {"predicates": e.predicates} for own in said.values() for i, e in own}
        truth["expressions"][str(image.id)] = {"expressions": meanings}
        truth["objects"][str(image.id)] = {
            "objects": {str(f.identity): {"facts": asdict(f)} for f in image.facts}
        }
    for by, entries in refs.items():
        (folder / f"refs({by}).p").write_bytes(pickle.dumps(entries, protocol=0))
    place = folder / TRUTH_FOLDER
    sentences = place / "meta_expressions" / TRUTH_SPLIT / "meta_expressions.json"
    _write_json(sentences, {"videos": truth["expressions"]})
    _write_json(place / TRUTH_SPLIT / "meta.json", {"videos": truth["objects"]})


def _part(by: str, name: str, split: str, position: int) -> str | None:
    """The split of an image: testA and testB are halves of the test videos; Google's RefCOCOg has neither."""
    if split == "test":
        if by == "unc":
            return "testA" if position % 2 == 0 else "testB"
        return None if (by, name) == ("google", "refcocog") else "test"
    return {"train": "train", "valid": "val"}[split]


def _reference(
    image: _Image, identity: int, said: list[tuple[int, Expression]], ref_id: int, split: str
) -> dict[str, Any]:
    sentences = [
        {"tokens": e.text.split(), "raw": e.text.capitalize(), "sent": e.text, "sent_id": number}
        for number, e in said
    ]
    return {
        "ref_id": ref_id,
        "ann_id": image.annotations[identity]["id"],
        "category_id": image.annotations[identity]["category_id"],
        "image_id": image.id,
        "file_name": f"{Path(image.file_name).stem}_{identity}.jpg",
        "split": split,
        "sent_ids": [number for number, _ in said],
        "sentences": sentences,
    }


def _instances(images: list[_Image]) -> dict[str, Any]:
    """COCO's tables."""
    pictures = [
        {"id": image.id, "file_name": image.file_name, "height": image.size[0], "width": image.size[1]}
        for image in images
    ]
    categories = [{"id": i + 1, "name": s, "supercategory": "shape"} for i, s in enumerate(SHAPES)]
    annotations = [annotation for image in images for annotation in image.annotations.values()]
    return {"images": pictures, "annotations": annotations, "categories": categories}


def _write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")
