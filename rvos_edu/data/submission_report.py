"""What a look at a submission found, in the words that the command line prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

SHOWN = 3  # names of each kind of problem

# Kind of problem: (one of it, many of it, what it means), in the order of the report.
KINDS = {
    "not a zip": ("file", "files", "that is no zip"),
    "truncated zip": ("file", "files", "cut off: its table of contents, at its end, is missing"),
    "name climbs out": ("name", "names", "leading out of the folder that the zip is unpacked in"),
    "backslash": ("name", "names", "with \\ between folders, expected /"),
    "nested zip": ("zip", "zips", "inside the zip, which the server does not open"),
    "wrong root": ("PNG", "PNG", "in the wrong folder"),
    "duplicate": ("name", "names", "standing in the zip more than once"),
    "test video": ("video", "videos", "of the test split, not part of this submission"),
    "surplus video": ("video", "videos", "that the split does not have"),
    "surplus expression": ("expression", "expressions", "that the split does not ask"),
    "surplus frame": ("frame", "frames", "that the split does not list"),
    "surplus file": ("file", "files", "not belonging there"),
    "missing video": ("video", "videos", "without a single PNG"),
    "missing expression": ("expression", "expressions", "without a single PNG, of videos that have others"),
    "missing frame": ("PNG", "PNG", "not there, of expressions that have others; empty ones count too"),
    "damaged PNG": ("file", "files", "unreadable as PNG"),
    "wrong mode": ("PNG", "PNG", "not of mode L (8-bit grey)"),
    "wrong size": ("PNG", "PNG", "not as large as the frame"),
    "0/1 mask": ("PNG", "PNG", "with the values 0 and 1 instead of 0 and 255: multiply by 255"),
    "wrong value": ("PNG", "PNG", "with values other than 0 and 255"),
}


@dataclass(frozen=True)
class SubmissionProblem:
    """One kind of problem: a key of `KINDS`, how often, and a sentence with the first places."""

    kind: str
    count: int
    message: str


@dataclass
class Findings:
    """Counts places by kind of problem."""

    places: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, kind: str, place: str, count: int = 1) -> None:
        """`count` more problems of this kind at a place."""
        if kind not in KINDS:
            raise ValueError(f"unknown kind of problem {kind!r}")
        self.places.setdefault(kind, Counter())[place] += count

    def update(self, found: Iterable[tuple[str, str]]) -> None:
        """More (kind, place)."""
        for kind, place in found:
            self.add(kind, place)

    def problems(self) -> list[SubmissionProblem]:
        """One per kind, in the order of `KINDS`."""
        return [_problem(kind, self.places[kind]) for kind in KINDS if kind in self.places]


def _problem(kind: str, places: Counter[str]) -> SubmissionProblem:
    one, many, meaning = KINDS[kind]
    more = len(places) - SHOWN
    named = ", ".join(list(places)[:SHOWN]) + (f", ... and {more} more" if more > 0 else "")
    count = places.total()
    what = one if count == 1 else many
    return SubmissionProblem(kind, count, f"{kind}: {count} {what} {meaning}: {named}")


@dataclass(frozen=True)
class SubmissionReport:
    """What `validate_submission` found; `str()` gives the table that the command line prints.

    Args:
        path: the zip.
        data, split: what it was compared with.
        expected, found: "videos", "expressions", "PNG" that are asked for, and those of them that are there
            (a video or an expression counts with its first PNG).
        problems: what the server would reject or score as nothing.
        notes: what is only worth knowing.
    """

    path: Path
    data: str
    split: str
    expected: dict[str, int]
    found: dict[str, int]
    problems: list[SubmissionProblem]
    notes: list[str]

    @property
    def ok(self) -> bool:
        """Whether it can be handed in."""
        return not self.problems

    def __str__(self) -> str:
        lines = [f"{self.path}: submission to {self.data}, {self.split}", ""]
        lines.append(f"{'':<14}{'expected':>10}{'found':>10}")
        lines += [f"{what:<14}{n:>10}{self.found.get(what, 0):>10}" for what, n in self.expected.items()]
        if self.notes:
            lines += ["", "Notes", *(f"  {note}" for note in self.notes)]
        if self.problems:
            many = (
                "1 kind of problem" if len(self.problems) == 1 else f"{len(self.problems)} kinds of problems"
            )
            lines += ["", f"{many}, do not hand it in", *(f"  {p.message}" for p in self.problems)]
        else:
            lines += ["", "No problems found: it can be handed in."]
        return "\n".join(lines)
