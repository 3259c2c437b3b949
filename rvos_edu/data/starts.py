"""Open the splits of a dataset so that what is kept in the index is there, and say how long it takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from rvos_edu.data.index import USE
from rvos_edu.data.layout import Layout
from rvos_edu.data.registry import layout_of, load
from rvos_edu.data.registry import logger as warnings
from rvos_edu.errors import DataError, SplitError

WINDOW = 12  # frames of a training window; what is kept depends on no window


@dataclass(frozen=True)
class SplitStart:
    """One split.

    Args:
        first, second: seconds of the first and second opening.
        built: how many parts of the index the first one made.
        skipped: faulty entries that are left out.
    """

    split: str
    clips: int
    items: int
    first: float
    second: float
    built: int
    skipped: int

    def __str__(self) -> str:
        parts = "1 part" if self.built == 1 else f"{self.built} parts"
        made = "read from the index" if self.built == 0 else f"{parts} of the index made"
        left = f", faulty entries left out: {self.skipped}" if self.skipped else ""
        return (
            f"{self.split}: {self.clips} clips, {self.items} items{left}; first opening {self.first:.2f} s "
            f"({made}), second {self.second:.2f} s"
        )


def open_splits(name: str, root: str | Path | None, *, skip_bad: bool = False) -> list[SplitStart]:
    """Open every split that is there, twice.

    Args:
        name, root, skip_bad: as in `load`.

    Raises:
        DataError: for an unknown name, if no split is there, or as `load` for the first thing that is wrong.
    """
    layout = layout_of(name)
    found = []
    missing: SplitError | None = None
    for split in layout.splits:
        try:
            found.append(_open(layout, root, split, skip_bad=skip_bad))
        except SplitError as error:
            missing = missing or error
    if not found:
        raise missing or DataError(f"{name} has no splits")
    return found


@contextmanager
def _silent() -> Iterator[None]:
    """No warnings of `load`: those of the first opening are the same."""
    warnings.disabled = True
    try:
        yield
    finally:
        warnings.disabled = False


def _open(layout: Layout, root: str | Path | None, split: str, *, skip_bad: bool) -> SplitStart:
    """Training windows of the train split, which need the masks; whole videos else."""
    window = WINDOW if layout.windowed or (split == "train" and not layout.images) else None
    built, seconds = USE.built, []
    for again in (False, True):
        started = time.perf_counter()
        with _silent() if again else nullcontext():
            dataset = load(layout.name, split=split, root=root, window=window, skip_bad=skip_bad)
        seconds.append(time.perf_counter() - started)
    return SplitStart(
        split=split,
        clips=len(dataset.clips),
        items=len(dataset),
        first=seconds[0],
        second=seconds[1],
        built=USE.built - built,
        skipped=dataset.skipped,
    )
