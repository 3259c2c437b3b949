"""RefCOCO, RefCOCO+ (Yu et al., ECCV 2016) and RefCOCOg (Mao et al., CVPR 2016) on disk.

root/<name>/instances.json is COCO; root/<name>/refs(<by>).p lists the referred objects, their sentences and
splits, by the division "unc" (RefCOCO, RefCOCO+), "umd" (RefCOCOg) or "google" (RefCOCO, RefCOCOg).
The images are those of COCO train2014, in one of IMAGE_FOLDERS.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rvos_edu.data.dataset import ClipDataset, ClipKey, Transformation
from rvos_edu.data.images import read_frame
from rvos_edu.data.plain_pickle import read_plain_pickle
from rvos_edu.data.reading import check_plain_name, read_json
from rvos_edu.data.segmentations import decode_segmentation
from rvos_edu.errors import DataError, SplitError
from rvos_edu.structures import Target, VideoSample

REFERENCES = {"refcoco": ("unc", "google"), "refcoco+": ("unc",), "refcocog": ("umd", "google")}
IMAGE_FOLDERS = ("images/mscoco/images/train2014", "images/train2014", "coco/train2014", "train2014")


@dataclass(frozen=True)
class ReferringSentence:
    """One sentence; `annotation` is the id of the object that it refers to, the rest as in VideoSample."""

    id: str
    raw: str
    text: str
    annotation: int


@dataclass(frozen=True)
class ReferredImage:
    """One image: its file, (H, W), the objects that the split refers to, and its sentences."""

    id: int
    file_name: str
    size: tuple[int, int]
    annotations: tuple[int, ...]
    sentences: tuple[ReferringSentence, ...]


def references_file(root: str | Path, name: str, split: str) -> tuple[Path, str]:
    """The file of referred objects that decides about a split, and what the split is called there.

    Args:
        split: "val", of the default division; or "google-val".

    Raises:
        DataError: for an unknown dataset, or one without a division by that name.
    """
    if name not in REFERENCES:
        raise DataError(f"unknown dataset {name!r}; expected one of {', '.join(REFERENCES)}")
    by, part = REFERENCES[name][0], split
    if split.startswith("google-"):
        by, part = split.split("-", 1)
        if by not in REFERENCES[name]:
            raise DataError(f"{name} has no Google splits, only those of {', '.join(REFERENCES[name])}")
    return Path(root) / name / f"refs({by}).p", part


def referred_images(root: str | Path, name: str, *, without: str) -> set[int]:
    """Ids of the images of all splits of a dataset (default division) but one.

    Raises:
        DataError: as `RefCOCO`.
    """
    path, part = references_file(root, name, without)
    return {int(ref["image_id"]) for ref in _references(path) if ref["split"] != part}


class RefCOCO(ClipDataset):
    """One item per (image, sentence), as clips of one frame; the clip of an image holds all its sentences.

    A target's instances are the objects of the image that the split refers to, by id. `video` of an item is
    the id of the image, `expression_id` that of the sentence.

    Args:
        root: the folder that holds `refcoco`, `refcoco+`, `refcocog` and the images.
        name: which of the three.
        split: train, val, testA, testB (RefCOCOg: test); "google-train", ... for Google's division.
        transform: as in `ClipDataset`.

    Raises:
        DataError: if a file is missing, damaged or unsafe to read, an id or a split is unknown, or a sentence
            is empty; damaged images, and masks of another size, when they are read.
    """

    def __init__(
        self, root: str | Path, *, name: str, split: str, transform: Transformation | None = None
    ) -> None:
        path, part = references_file(root, name, split)
        instances = Path(root) / name / "instances.json"
        images, self._segmentations = _read(path, part, instances)
        self._images, self._source = images, instances
        self._folder = _image_folder(Path(root), images)
        super().__init__(
            root,
            split=split,
            clips=[ClipKey(str(image.id), 0) for image in images],
            sentences=[len(image.sentences) for image in images],
            transform=transform,
        )

    @property
    def images(self) -> list[ReferredImage]:
        """The images of the split, by id."""
        return list(self._images)

    def load_places(self, clip: int, places: Sequence[int]) -> list[VideoSample]:
        image = self._images[clip]
        frame = read_frame(self._folder / image.file_name)
        if frame.shape[:2] != image.size:
            raise DataError(
                f"{self._folder / image.file_name} is {frame.shape[0]}x{frame.shape[1]} (height x width), "
                f"{self._source} says {image.size[0]}x{image.size[1]}"
            )
        frames = torch.from_numpy(np.ascontiguousarray(frame.transpose(2, 0, 1)))[None]  # [1, 3, H, W]
        masks = self._masks(image)
        sentences = [image.sentences[place] for place in places]
        return [
            VideoSample(
                frames=frames,
                expression=sentence.text,
                target=Target(masks, image.annotations.index(sentence.annotation)),
                annotated=(0,),
                video=str(image.id),
                expression_id=sentence.id,
                frame_names=(Path(image.file_name).stem,),
                original_size=image.size,
                raw_expression=sentence.raw,
            )
            for sentence in sentences
        ]

    def _masks(self, image: ReferredImage) -> Tensor:
        """bool [I, 1, H, W]."""
        masks = [
            decode_segmentation(self._segmentations[a], image.size, where=f"{self._source}: annotation {a}")
            for a in image.annotations
        ]
        return torch.from_numpy(np.stack(masks)[:, None])


def _read(path: Path, part: str, instances: Path) -> tuple[list[ReferredImage], dict[int, Any]]:
    """The images of a split by id, and the segmentations of the objects that it refers to."""
    if not path.parent.is_dir():
        raise DataError(f"the dataset folder {path.parent} does not exist; expected {path.name} in it")
    references = _references(path)
    known = sorted({ref["split"] for ref in references})
    if part not in known:
        raise SplitError(f"unknown split {part!r} of {path}; expected one of {', '.join(known) or 'none'}")
    references = [ref for ref in references if ref["split"] == part]
    content = read_json(instances)
    sizes = _by_id(instances, content, "images", {int(ref["image_id"]) for ref in references})
    objects = _by_id(instances, content, "annotations", {int(ref["ann_id"]) for ref in references})
    annotations: dict[int, set[int]] = {}
    sentences: dict[int, list[ReferringSentence]] = {}
    for ref in references:
        image, annotation = int(ref["image_id"]), int(ref["ann_id"])
        if objects[annotation].get("image_id") != image:
            raise DataError(
                f"{path}: ref {ref['ref_id']} puts annotation {annotation} into image {image}, "
                f"{instances} into {objects[annotation].get('image_id')!r}"
            )
        annotations.setdefault(image, set()).add(annotation)
        sentences.setdefault(image, []).extend(_sentences(path, ref, annotation))
    return [
        _image(instances, sizes[image], tuple(sorted(annotations[image])), tuple(sentences[image]))
        for image in sorted(sentences)
        if sentences[image]
    ], {annotation: about.get("segmentation") for annotation, about in objects.items()}


def _references(path: Path) -> list[dict[str, Any]]:
    """The referred objects of all splits."""
    content = read_plain_pickle(path)
    if not isinstance(content, list) or not all(isinstance(ref, dict) for ref in content):
        raise DataError(f"{path} must hold a list of referred objects, got {type(content).__name__}")
    for place, ref in enumerate(content):
        for key in ("ref_id", "image_id", "ann_id"):
            if isinstance(ref.get(key), bool) or not isinstance(ref.get(key), int):
                raise DataError(f"{path}: entry {place} has {key} {ref.get(key)!r}, expected a whole number")
        if not isinstance(ref.get("split"), str) or not isinstance(ref.get("sentences"), list):
            raise DataError(f"{path}: ref {ref['ref_id']} needs a split and a list of sentences")
    return content


def _by_id(path: Path, content: Any, key: str, wanted: set[int]) -> dict[int, dict[str, Any]]:
    """The entries of a COCO list with the `wanted` ids."""
    entries = content.get(key) if isinstance(content, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DataError(f'{path} must hold a list "{key}", as COCO does')
    found = {entry["id"]: entry for entry in entries if entry.get("id") in wanted}
    if missing := sorted(wanted - found.keys()):
        raise DataError(f"{path} has no id {missing[0]} among its {key} ({len(missing)} missing in all)")
    return found


def _sentences(path: Path, ref: dict[str, Any], annotation: int) -> list[ReferringSentence]:
    found = []
    for about in ref["sentences"]:
        where = f"{path}: a sentence of ref {ref['ref_id']}"
        if not isinstance(about, dict) or not isinstance(about.get("sent"), str) or "sent_id" not in about:
            raise DataError(f'{where} must have its words in "sent" and a "sent_id"')
        text = " ".join(about["sent"].lower().split())
        if not text:
            raise DataError(f"{where} is empty (sent_id {about['sent_id']})")
        raw = about.get("raw")
        raw = raw if isinstance(raw, str) else about["sent"]
        found.append(ReferringSentence(str(about["sent_id"]), raw, text, annotation))
    return found


def _image(
    path: Path, about: dict[str, Any], annotations: tuple[int, ...], sentences: tuple[ReferringSentence, ...]
) -> ReferredImage:
    check_plain_name(path, f"file_name of image {about['id']}", about.get("file_name"))
    height, width = about.get("height"), about.get("width")
    if not isinstance(height, int) or not isinstance(width, int) or min(height, width) < 1:
        raise DataError(f"{path}: image {about['id']} has height {height!r} and width {width!r}")
    return ReferredImage(about["id"], about["file_name"], (height, width), annotations, sentences)


def _image_folder(root: Path, images: list[ReferredImage]) -> Path:
    """The folder that holds all images."""
    folder = next((root / f for f in IMAGE_FOLDERS if (root / f).is_dir()), None)
    if folder is None:
        raise DataError(
            f"{root} holds no images of COCO train2014; expected one of {', '.join(IMAGE_FOLDERS)}"
        )
    there = set(os.listdir(folder))
    missing = [image.file_name for image in images if image.file_name not in there]
    if missing:
        raise DataError(f"{folder / missing[0]} is missing ({len(missing)} of {len(images)} images in all)")
    return folder
