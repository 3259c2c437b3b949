"""What every dataset brings: how to open, check and make it, and what its papers say is in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rvos_edu.data.check_report import SplitReport
from rvos_edu.data.dataset import ClipDataset, Transformation

Check = Callable[[Path, str], SplitReport]
Make = Callable[[Path, Path], Path]


@dataclass(frozen=True)
class Ask:
    """Which part of a dataset to open, and how.

    Args:
        split: one of `Layout.splits`.
        window: frames of a clip; None: whole videos, if the dataset has them.
        seed: of whatever is drawn (samples of JHMDB-Sentences, pairs of R2-Youtube-VOS).
        transform: applied to every item.
        skip: keys "video" and "video/expression", as `SplitReport.bad` has them, that are left out unread.
    """

    split: str
    window: int | None = None
    seed: int = 0
    transform: Transformation | None = None
    skip: frozenset[str] = frozenset()


Open = Callable[[Path, Ask], ClipDataset]


@dataclass(frozen=True)
class Source:
    """One thing to fetch by hand.

    Args:
        what: "frames", "sentences", ...
        address: where its owners publish it.
        terms: licence or conditions, in a few words.
        checksums: SHA-256 of files by their path below the dataset's folder, where its owners publish them.
    """

    what: str
    address: str
    terms: str
    checksums: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Layout:
    """A dataset by name.

    Args:
        name: as `rvos_edu.data.load` knows it.
        title: as the papers write it.
        splits: those that can be asked for.
        open: a split; raises DataError for the first thing that is missing or wrong.
        check: decodes everything of a split (root, split) and reports; raises DataError only where there is
            nothing to look at.
        make: writes Moving Shapes (its folder) in this layout (a new folder) and returns that; None: this is
            the layout of Moving Shapes.
        expected: what the papers have, per split: {"train": {"videos": 3471, "expressions": 12913}}.
        windowed: clips are windows around one annotated frame, in evaluation too.
        images: clips are images.
        sources: where to get it; empty if it is made here.
        places: what archives put at the top of the folder, and where below it that belongs.
    """

    name: str
    title: str
    splits: tuple[str, ...]
    open: Open
    check: Check
    make: Make | None = None
    expected: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    windowed: bool = False
    images: bool = False
    sources: tuple[Source, ...] = ()
    places: Mapping[str, str] = field(default_factory=dict)
