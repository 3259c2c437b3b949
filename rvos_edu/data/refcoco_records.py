"""What RefCOCO, RefCOCO+ and RefCOCOg hold, whatever files it was read from.

What is wrong is told by keys, so that it can be left out: an image by its id, an object as "annotation 21", a
ref by its place in the file, "entry 17", and a sentence by its place in that, "entry 17/2".
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rvos_edu.errors import DataError

REFERENCES = {"refcoco": ("unc", "google"), "refcoco+": ("unc",), "refcocog": ("umd", "google")}


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


@dataclass(frozen=True)
class SplitTable:
    """One split.

    Args:
        source: the file that holds its segmentations, for messages.
        images: by id, those with sentences only.
        segmentations: of each object, COCO's entry as JSON text: it is parsed when the object is asked for.
        refs: number of entries that refer to an object.
    """

    source: Path
    images: list[ReferredImage]
    segmentations: dict[int, str]
    refs: int


@dataclass(frozen=True)
class Faults:
    """What is left out, and where faults go: into `bad`, or without it the first one is raised."""

    skip: frozenset[str] = frozenset()
    bad: dict[str, str] | None = None

    def report(self, key: str, message: str) -> None:
        """Note a fault; the first about a key counts."""
        if self.bad is None:
            raise DataError(message)
        self.bad.setdefault(key, message)


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
