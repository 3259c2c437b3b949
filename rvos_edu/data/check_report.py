"""What a look at every file of a dataset found, and the table of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_SHOWN = 20  # problems printed in full


@dataclass(frozen=True)
class SplitReport:
    """What one split holds.

    Args:
        videos: number of videos, or images.
        expressions: number of sentences.
        frames: mean number of frames per video.
        objects: mean number of objects per video, None without masks.
        late: share of videos with an object that is absent from the first frame and present later.
        categories: expressions per category; empty where unknown.
        ceiling: J&F of the truth averaged to the mask grid and enlarged again, see `mask_grid_score`.
        problems: what would stop training or evaluation.
        notes: what is only worth knowing.
        samples: (frame, sentence) items, where they are neither videos nor expressions.
        bad: what has to be left out for training to run, "video" or "video/expression", and why.
        refs: number of objects that sentences refer to, where the papers count them.
    """

    split: str
    videos: int
    expressions: int
    frames: float
    objects: float | None
    late: float | None
    categories: dict[str, int]
    ceiling: float | None
    problems: list[str]
    notes: list[str]
    samples: int | None = None
    bad: dict[str, str] = field(default_factory=dict)
    refs: int | None = None

    def surprises(self, expected: Mapping[str, int], *, images: bool = False) -> list[str]:
        """A sentence if the counts are not the published ones; `images`: its clips are single images."""
        found = {what: getattr(self, what) for what in expected}
        if found == dict(expected):
            return []
        names = {"videos": "images"} if images else {}
        ours = " and ".join(f"{number} {names.get(what, what)}" for what, number in found.items())
        theirs = " and ".join(str(number) for number in expected.values())
        return [f"found {ours}, the published split has {theirs}"]


@dataclass(frozen=True)
class CheckReport:
    """What `check` found; `str()` gives the table that the command line prints.

    Args:
        expected: published counts per split.
        images: its clips are single images, not videos.
    """

    name: str
    root: Path
    splits: list[SplitReport]
    problems: list[str]
    notes: list[str] = field(default_factory=list)
    expected: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    images: bool = False

    @property
    def ok(self) -> bool:
        """Whether nothing would stop training."""
        return not self.problems

    def __str__(self) -> str:
        lines = [f"{self.name} at {self.root}", "", *_table(self)]
        if self.notes:
            lines += ["", "Notes", *_listed(self.notes)]
        if self.problems:
            many = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
            lines += ["", f"{many}, training or evaluation would fail", *_listed(self.problems)]
        else:
            lines += ["", "No problems found."]
        return "\n".join(lines)


def _table(report: CheckReport) -> list[str]:
    splits = report.splits
    rows: list[list[str]] = [["", *(s.split for s in splits)]]
    clip = "image" if report.images else "video"
    rows.append([f"{clip}s", *(str(s.videos) for s in splits)])
    if any(s.refs is not None for s in splits):
        rows.append(["refs", *("-" if s.refs is None else str(s.refs) for s in splits)])
    rows.append(["expressions", *(str(s.expressions) for s in splits)])
    if any(s.samples is not None for s in splits):
        rows.append(["samples", *("-" if s.samples is None else str(s.samples) for s in splits)])
    for what in dict.fromkeys(what for counts in report.expected.values() for what in counts):
        published = (report.expected.get(s.split, {}).get(what) for s in splits)
        shown = f"{clip}s" if what == "videos" else what
        rows.append([f"expected {shown}", *("-" if n is None else str(n) for n in published)])
    if not report.images:
        rows.append(["frames per video", *(f"{s.frames:.1f}" for s in splits)])
    rows.append([f"objects per {clip}", *(_number(s.objects, "{:.2f}") for s in splits)])
    if any(s.late is not None for s in splits):
        rows.append(["videos with a late entry", *(_number(s.late, "{:.1%}") for s in splits)])
    for category in sorted({c for s in splits for c in s.categories}):
        counts = [(s.categories.get(category, 0), s.expressions) for s in splits]
        rows.append([f"category {category}", *(f"{n} ({n / max(1, total):.1%})" for n, total in counts)])
    if any(s.ceiling is not None for s in splits):
        rows.append(["J&F of the truth at stride 4", *(_number(s.ceiling, "{:.1f}") for s in splits)])
    rows.append(["problems", *(str(len(s.problems)) for s in splits)])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        (row[0].ljust(widths[0]) + "".join(t.rjust(w + 3) for t, w in zip(row[1:], widths[1:], strict=True)))
        for row in rows
    ]


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def _listed(texts: list[str]) -> list[str]:
    more = len(texts) - _SHOWN
    return [f"  {t}" for t in texts[:_SHOWN]] + ([f"  ... and {more} more"] if more > 0 else [])
