"""The comma-separated sentence files of A2D-Sentences and JHMDB-Sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rvos_edu.errors import DataError


@dataclass(frozen=True)
class Row:
    """One line of a table: its number in the file, and its fields."""

    line: int
    fields: list[str]


def read_rows(path: Path, *, header: str | None = None, fields: int) -> Iterator[Row]:
    """The lines of a table that are not blank; a comma in the last field belongs to it.

    Nothing is quoted in these files. A line may have fewer fields than asked for.

    Args:
        header: what the first line must say, None if there is none.
        fields: number of fields.

    Raises:
        DataError: if the file is missing, no text, empty or has another header.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as text: {error}") from error
    if header is not None and (not lines or lines[0].strip() != header):
        raise DataError(f"{path} must begin with the line {header!r}, got {lines[0] if lines else ''!r}")
    rows = [
        Row(number, line.split(",", fields - 1))
        for number, line in enumerate(lines, 1)
        if line.strip() and (header is None or number > 1)
    ]
    if not rows:
        raise DataError(f"{path} holds no entries")
    yield from rows


def unfinished(path: Path) -> list[str]:
    """A note if the last line of a table does not end: it may have been cut there."""
    if path.read_bytes()[-1:] in (b"\n", b"\r", b""):
        return []
    return [f"{path} does not end with the end of a line: see whether the file is whole"]


def plain_text(raw: str) -> str:
    """Lower case, single spaces."""
    return " ".join(raw.lower().split())


@dataclass(frozen=True)
class Faults:
    """What is wrong: collected by key where `bad` is a dictionary, raised where it is None.

    Args:
        bad: messages by "video" or "video/expression"; of one key the first is kept.
        notes: what is only worth knowing.
        gaps: what a table should have and does not have: nothing has to be left out for it.
    """

    bad: dict[str, str] | None
    notes: list[str]
    gaps: list[str] = field(default_factory=list)

    def add(self, key: str, message: str) -> None:
        """One thing that is wrong with a video or a sentence.

        Raises:
            DataError: if faults are not collected.
        """
        if self.bad is None:
            raise DataError(message)
        self.bad.setdefault(key, message)
