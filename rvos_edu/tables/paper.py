"""The papers' tables: what `paper.yaml` says, as dataclasses, and where the figures contradict each other."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from rvos_edu.errors import ConfigError

DAVIS = "ref-davis17"
FILE = Path(__file__).with_name("paper.yaml")
_ROUNDING = 0.051  # percent: what rounding to one digit explains


@dataclass(frozen=True)
class Column:
    """A figure: its heading, and its names in `evaluation.json`: plain, with the filter 1(A), of DAVIS.

    That of DAVIS is with the filter if the settings of the model want it.
    """

    heading: str
    figure: str
    filtered: tuple[str, ...] = ()
    davis: str | None = None


def _filtered(key: str) -> tuple[str, ...]:
    """Of J, F or J&F: the second is the same figure, in evaluations with false pairs that lack the first."""
    return f"overall_filtered.{key}", f"robust.random.{key}_filtered"


COLUMNS = {
    "iou_overall": Column("overall IoU", "images.overall_iou"),
    "iou_mean": Column("mean IoU", "images.mean_iou"),
    **{f"P{k}0": Column(f"P@0.{k}", f"images.P@0.{k}") for k in range(5, 10)},
    "mAP": Column("mAP", "images.mean_average_precision"),
    "JFR": Column("J&F&R", "robust.random.jfr"),
    "JF": Column("J&F", "overall.jf", _filtered("jf"), "davis.hungarian.mean.jf"),
    "J": Column("J", "overall.j", _filtered("j"), "davis.hungarian.mean.j"),
    "F": Column("F", "overall.f", _filtered("f"), "davis.hungarian.mean.f"),
    "R": Column("R", "robust.random.r"),
}


@dataclass(frozen=True)
class Nano:
    """What stands in for a row on Moving Shapes: a preset to train, with changes, or a shipped model."""

    preset: str | None = None
    set: Mapping[str, Any] = field(default_factory=dict)
    shipped: str | None = None


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Args:
        name: as printed, with what tells it from others.
        paper: column -> figure in percent, as printed; None where there is none.
        confidence: "high", "medium" or "low".
        preset, set: the full-size configuration and what it changes; None: it cannot be run.
        published: the name of a checkpoint in `rvos_edu.checkpoints.published` that needs no training.
        nano: what stands in for it on Moving Shapes.
        why, nano_why: why it cannot be run.
        flag: what to know about its figures.
    """

    name: str
    paper: Mapping[str, float | None]
    confidence: str
    preset: str | None = None
    set: Mapping[str, Any] = field(default_factory=dict)
    published: str | None = None
    nano: Nano | None = None
    why: str = ""
    nano_why: str = ""
    flag: str = ""

    def checks(self) -> list[str]:
        """Figures that are not the means that they should be, beyond rounding."""
        found = []
        for mean, parts in (("JF", ("J", "F")), ("JFR", ("J", "F", "R"))):
            values = [self.paper.get(part) for part in parts]
            printed, known = self.paper.get(mean), [value for value in values if value is not None]
            if printed is None or len(known) < len(parts):
                continue
            computed = sum(known) / len(known)
            if abs(computed - printed) > _ROUNDING:
                names = f"{', '.join(parts[:-1])} and {parts[-1]}"
                heading = COLUMNS[mean].heading
                found.append(
                    f"{heading} is printed as {shown(printed)}, the mean of {names} is {computed:.2f}"
                )
        return found


@dataclass(frozen=True)
class Table:
    """One table of a paper; see `paper.yaml`."""

    name: str
    title: str
    source: str
    confidence: str
    data: str
    split: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    setting: str = ""
    filtered: bool = False

    def figures(self, column: str, *, real: bool) -> tuple[str, ...]:
        """Names in `evaluation.json` that a column is read from; the first that is there counts.

        With the filter 1(A) where the table is; models that do not judge sentences have no such figure.

        Args:
            real: whether they were measured by the protocol of the paper's own data.
        """
        known = COLUMNS[column]
        if real and self.data == DAVIS and known.davis:
            return (known.davis,)
        return (*known.filtered, known.figure) if self.filtered else (known.figure,)

    @property
    def filter(self) -> str:
        """Whether its figures are with the filter 1(A), in words; empty where no model has it."""
        if not any((row.preset or "").startswith("r2vos-") for row in self.rows):
            return ""
        return f"{'with' if self.filtered else 'without'} the filter 1(A)"

    @property
    def false_sentences(self) -> bool:
        """Whether it takes sentences that fit nothing to measure it."""
        return any(COLUMNS[column].figure.startswith("robust.") for column in self.columns)

    def row(self, name: str) -> Row:
        """The row of that name, whatever its case.

        Raises:
            ConfigError: if there is none; names the nearest.
        """
        names = {row.name.lower(): row for row in self.rows}
        if name.lower() not in names:
            near = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.4)
            hint = f"; did you mean {names[near[0]].name!r}?" if near else ""
            known = ", ".join(repr(row.name) for row in self.rows)
            raise ConfigError(f"table {self.name} has no row {name!r}{hint} Rows: {known}")
        return names[name.lower()]


def shown(printed: float) -> str:
    """A figure with the digits that it is printed with: one, or two."""
    return f"{printed:.1f}" if printed == round(printed, 1) else f"{printed:.2f}"


@cache
def tables() -> dict[str, Table]:
    """All tables by name, in the order of the file."""
    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return {name: _table(name, values) for name, values in content.items()}


def find_table(name: str) -> Table:
    """The table of that name.

    Raises:
        ConfigError: if there is none; names the nearest.
    """
    if name not in tables():
        near = difflib.get_close_matches(name, tables(), n=1, cutoff=0.4)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ConfigError(f"unknown table {name!r}{hint} Tables: {', '.join(tables())}")
    return tables()[name]


def _table(name: str, values: dict[str, Any]) -> Table:
    columns = tuple(values["columns"])
    rows = []
    for row, given in values.pop("rows").items():
        paper = dict(zip(columns, given.pop("paper"), strict=True))
        nano = Nano(**given.pop("nano")) if "nano" in given else None
        rows.append(Row(row, paper, given.pop("confidence", values["confidence"]), nano=nano, **given))
    return Table(name, **{**values, "columns": columns, "rows": tuple(rows)})
