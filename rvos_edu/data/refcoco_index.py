"""The records of RefCOCO, RefCOCO+ and RefCOCOg, kept so that the large tables are read once."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rvos_edu.data.index import file_stamp, index_key, kept
from rvos_edu.data.refcoco_json import json_file, pictures_of, read_json_table
from rvos_edu.data.refcoco_records import (
    Faults,
    ReferredImage,
    ReferringSentence,
    SplitTable,
    references_file,
)
from rvos_edu.data.refcoco_tables import entries_of, read_table
from rvos_edu.errors import DataError

logger = logging.getLogger(__name__)


def split_table(root: str | Path, name: str, split: str, *, faults: Faults) -> SplitTable:
    """A split from the published files, or where there are none from the JSON of `refcoco_json`.

    Args:
        root, name, split: as in `RefCOCO`.

    Raises:
        SplitError: if there is no such split.
        DataError: if a file is missing, damaged or unsafe to read; for the first fault, if those are not
            collected.
    """
    path, part = references_file(root, name, split)
    converted = json_file(root, name, split)
    if not path.is_file() and converted.is_file():
        return read_json_table(converted, faults=faults)
    return read_table(path, part, path.with_name("instances.json"), faults=faults)


def kept_table(root: str | Path, name: str, split: str, *, skip: frozenset[str] = frozenset()) -> SplitTable:
    """The same, kept in the index until one of the files changes; the first fault is raised.

    Args:
        skip: keys of what is left out.
    """
    path, _ = references_file(root, name, split)
    files = (path, path.with_name("instances.json"), json_file(root, name, split))

    def build() -> dict[str, Any]:
        table = asdict(split_table(root, name, split, faults=Faults(skip)))
        return table | {"source": str(table["source"])}

    key = index_key("refcoco 1", split, *(file_stamp(file) for file in files), *sorted(skip))
    found = kept(key, build, valid=lambda content: isinstance(content, dict) and "segmentations" in content)
    return SplitTable(
        source=Path(found["source"]),
        images=[_image(about) for about in found["images"]],
        segmentations={int(annotation): text for annotation, text in found["segmentations"].items()},
        refs=found["refs"],
    )


def _image(about: dict[str, Any]) -> ReferredImage:
    return ReferredImage(
        id=about["id"],
        file_name=about["file_name"],
        size=(about["size"][0], about["size"][1]),
        annotations=tuple(about["annotations"]),
        sentences=tuple(ReferringSentence(**sentence) for sentence in about["sentences"]),
    )


def referred_images(root: str | Path, name: str, *, without: str) -> set[int]:
    """Ids of the images of all splits of a dataset (default division) but one; kept in the index.

    Without the published file: of the splits that are there in the form of `refcoco_json`.

    Raises:
        DataError: if there is neither, or one is damaged; entries without an image or a split do not count.
    """
    path, part = references_file(root, name, without)
    converted = [] if path.is_file() else _other_files(json_file(root, name, without))
    if not path.is_file() and not converted:
        raise DataError(
            f"{path} is missing, and so are {json_file(root, name, '*').name} of other splits: which images "
            "those use cannot be told"
        )

    def build() -> list[int]:
        if converted:
            found = [about.get("original_id") for file in converted for about in pictures_of(file)]
        else:
            entries = [e for e in entries_of(path) if isinstance(e, dict) and e.get("split") != part]
            found = [entry.get("image_id") for entry in entries]
        return sorted({image for image in found if isinstance(image, int)})

    key = index_key("images of other splits", *(file_stamp(file) for file in [path, *converted]), part)
    images = set(kept(key, build, valid=lambda found: isinstance(found, list)))
    if converted:
        names = ", ".join(file.name for file in converted)
        logger.info("%s: images of other splits are those of %s (%d)", name, names, len(images))
    return images


def _other_files(own: Path) -> list[Path]:
    prefix = own.stem.rpartition("_")[0]
    return [file for file in sorted(own.parent.glob(f"{prefix}_*.json")) if file != own]
