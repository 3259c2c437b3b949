"""Read the published files of RefCOCO, RefCOCO+ and RefCOCOg: refs(<by>).p and instances.json."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rvos_edu.data.plain_pickle import read_plain_pickle
from rvos_edu.data.reading import check_plain_name, read_json
from rvos_edu.data.refcoco_records import Faults, ReferredImage, ReferringSentence, SplitTable
from rvos_edu.errors import DataError, SplitError


@dataclass(frozen=True)
class _Ref:
    """A referred object as the file has it; `sentences` are not looked at yet."""

    place: int
    id: int
    image: int
    annotation: int
    sentences: list[Any]


def read_table(path: Path, part: str, instances: Path, *, faults: Faults) -> SplitTable:
    """One split of the two files.

    Raises:
        SplitError: if there is no such split.
        DataError: if a file is missing, damaged or unsafe to read; for the first fault, if those are not
            collected.
    """
    refs = list(_refs(path, part, faults))
    content = read_json(instances)
    pictures = _by_id(instances, content, "images", {ref.image for ref in refs}, faults)
    objects = _by_id(instances, content, "annotations", {ref.annotation for ref in refs}, faults)
    sizes = _sizes(instances, pictures, faults)
    annotations: dict[int, set[int]] = {}
    sentences: dict[int, list[ReferringSentence]] = {}
    seen: set[str] = set()
    count = 0
    for ref in refs:
        if not _belongs(path, instances, ref, sizes, objects, faults):
            continue
        said = list(_sentences(path, ref, seen, faults))
        if said:
            count += 1
            annotations.setdefault(ref.image, set()).add(ref.annotation)
            sentences.setdefault(ref.image, []).extend(said)
    images = [
        ReferredImage(
            image,
            pictures[image]["file_name"],
            sizes[image],
            tuple(sorted(annotations[image])),
            tuple(sentences[image]),
        )
        for image in sorted(sentences)
    ]
    used = sorted({annotation for image in images for annotation in image.annotations})
    return SplitTable(instances, images, {a: json.dumps(objects[a].get("segmentation")) for a in used}, count)


def entries_of(path: Path) -> list[Any]:
    """What a file of referred objects lists, not looked at yet.

    Raises:
        SplitError: if the file is missing.
        DataError: if the folder is, or the file is damaged or unsafe to read.
    """
    if not path.parent.is_dir():
        raise DataError(f"the dataset folder {path.parent} does not exist; expected {path.name} in it")
    if not path.is_file():
        raise SplitError(f"{path} cannot be read: there is no such file")
    content = read_plain_pickle(path)
    if not isinstance(content, list):
        raise DataError(f"{path} must hold a list of referred objects, got {type(content).__name__}")
    return content


def _refs(path: Path, part: str, faults: Faults) -> Iterator[_Ref]:
    """Those of a split, and what is wrong with them; entries without a split are told with the first one."""
    entries = entries_of(path)
    splits = {e["split"] for e in entries if isinstance(e, dict) and isinstance(e.get("split"), str)}
    if not splits:
        seen_there = f"{len(entries)} entries, none of them with a split" if entries else "no refs"
        raise SplitError(f"{path} holds {seen_there}: expected those of the split {part!r}")
    if part not in splits:
        raise SplitError(f"unknown split {part!r} of {path}; expected one of {', '.join(sorted(splits))}")
    seen: set[int] = set()
    for place, about in enumerate(entries):
        own = about.get("split") if isinstance(about, dict) else None
        wrong = _fault_of(path, place, about, seen)
        if wrong is None:
            seen.add(about["ref_id"])
        if f"entry {place}" in faults.skip or own not in (part, None) or (own is None and part != "train"):
            continue
        if wrong is not None:
            faults.report(f"entry {place}", wrong)
        elif not {str(about["image_id"]), f"annotation {about['ann_id']}"} & faults.skip:
            yield _Ref(place, about["ref_id"], about["image_id"], about["ann_id"], about["sentences"])


def _fault_of(path: Path, place: int, about: Any, seen: set[int]) -> str | None:
    """What is wrong with an entry itself."""
    if not isinstance(about, dict):
        return f"{path}: entry {place} must be a referred object, got {type(about).__name__}"
    for key in ("ref_id", "image_id", "ann_id"):
        if not _is_id(about.get(key)):
            return f"{path}: entry {place} has {key} {about.get(key)!r}, expected a whole number"
    if not isinstance(about.get("split"), str) or not isinstance(about.get("sentences"), list):
        return f"{path}: ref {about['ref_id']} needs a split and a list of sentences"
    if about["ref_id"] in seen:
        return f"{path}: entry {place} repeats the ref_id {about['ref_id']}"
    return None


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _by_id(
    path: Path, content: Any, what: str, wanted: set[int], faults: Faults
) -> dict[int, dict[str, Any]]:
    """The entries of a COCO list with the `wanted` ids; one that stands there twice is told and left out."""
    entries = content.get(what) if isinstance(content, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DataError(f'{path} must hold a list "{what}", as COCO does')
    found: dict[int, dict[str, Any]] = {}
    twice: set[int] = set()
    for entry in entries:
        number = entry.get("id")
        if _is_id(number) and number in wanted:
            if number in found:
                twice.add(number)
            found[number] = entry
    for number in sorted(twice):
        key = str(number) if what == "images" else f"annotation {number}"
        faults.report(key, f"{path} has the id {number} among its {what} more than once")
        del found[number]
    for number in sorted(wanted - found.keys() - twice):
        key = str(number) if what == "images" else f"annotation {number}"
        faults.report(key, f"{path} has no id {number} among its {what}, though a ref names it")
    return found


def image_size(path: Path, about: dict[str, Any]) -> tuple[int, int]:
    """(H, W) of an entry among COCO's images.

    Raises:
        DataError: if it has none, or its file name is not a plain one.
    """
    check_plain_name(path, f"file_name of image {about['id']}", about.get("file_name"))
    height, width = about.get("height"), about.get("width")
    if not isinstance(height, int) or not isinstance(width, int) or min(height, width) < 1:
        raise DataError(f"{path}: image {about['id']} has height {height!r} and width {width!r}")
    return height, width


def _sizes(path: Path, pictures: dict[int, dict[str, Any]], faults: Faults) -> dict[int, tuple[int, int]]:
    sizes = {}
    for image, about in pictures.items():
        try:
            sizes[image] = image_size(path, about)
        except DataError as error:
            faults.report(str(image), str(error))
    return sizes


def _belongs(
    path: Path,
    instances: Path,
    ref: _Ref,
    sizes: dict[int, tuple[int, int]],
    objects: dict[int, dict[str, Any]],
    faults: Faults,
) -> bool:
    """Whether image and object of a ref are known and belong together."""
    if ref.image not in sizes or ref.annotation not in objects:
        return False  # told already
    other = objects[ref.annotation].get("image_id")
    if other != ref.image:
        faults.report(
            f"entry {ref.place}",
            f"{path}: ref {ref.id} puts annotation {ref.annotation} into image {ref.image}, "
            f"{instances} into {other!r}",
        )
    return bool(other == ref.image)


def _sentences(path: Path, ref: _Ref, seen: set[str], faults: Faults) -> Iterator[ReferringSentence]:
    for number, about in enumerate(ref.sentences):
        key = f"entry {ref.place}/{number}"
        if key in faults.skip:
            continue
        where = f"{path}: a sentence of ref {ref.id}"
        if not isinstance(about, dict) or not isinstance(about.get("sent"), str) or "sent_id" not in about:
            faults.report(key, f'{where} must have its words in "sent" and a "sent_id"')
            continue
        text, sentence = " ".join(about["sent"].lower().split()), str(about["sent_id"])
        if not text:
            faults.report(key, f"{where} is empty (sent_id {sentence})")
        elif sentence in seen:
            faults.report(key, f"{where} repeats the sent_id {sentence}")
        else:
            seen.add(sentence)
            raw = about.get("raw")
            yield ReferringSentence(
                sentence, raw if isinstance(raw, str) else about["sent"], text, ref.annotation
            )
