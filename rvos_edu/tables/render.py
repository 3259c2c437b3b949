"""A reproduced table as text, Markdown, JSON and a figure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rvos_edu.data.r2_layout import R2_YOUTUBE_VOS
from rvos_edu.data.registry import MOVING_SHAPES, layout_of
from rvos_edu.files import atomic_write
from rvos_edu.tables.paper import COLUMNS, Table, shown, tables
from rvos_edu.tables.plan import STEPS, Options, Plan
from rvos_edu.tables.reproduce import DONE, HIDDEN, Outcome
from rvos_edu.viz.comparison import comparison_chart

DOUBTS = {"medium": "seen second-hand", "low": "from memory"}
SIDE_BY_SIDE = 3  # figures per block of the text


def text(table: Table, outcomes: Sequence[Outcome], options: Options) -> str:
    """Paper, measured, difference side by side; then what each row is, and what to know."""
    lines = [*_head(table, options), ""]
    width = max(len(outcome.row.name) for outcome in outcomes) + 2
    for start in range(0, len(table.columns), SIDE_BY_SIDE):
        columns = table.columns[start : start + SIDE_BY_SIDE]
        lines.append(" " * width + "".join(f"{COLUMNS[c].heading:^27}" for c in columns).rstrip())
        lines.append(" " * width + f"{'paper':>8}{'measured':>10}{'diff':>7}  " * len(columns))
        lines[-1] = lines[-1].rstrip()
        for outcome in outcomes:
            cells = "".join(
                f"{paper:>8}{measured:>10}{difference:>7}  "
                for paper, measured, difference in (_cells(outcome, c) for c in columns)
            )
            lines.append(f"{outcome.row.name:<{width}}{cells}".rstrip())
        lines.append("")
    for outcome in outcomes:
        lines += [f"{outcome.row.name}: {_state(outcome)}", *(f"  {line}" for line in _details(outcome.plan))]
    notes = _notes(table, outcomes)
    return "\n".join([*lines, *([""] if notes else []), *notes])


def markdown(table: Table, outcomes: Sequence[Outcome], options: Options) -> str:
    """The same as Markdown."""
    title, *about = _head(table, options)
    kinds = ("paper", "measured", "difference")
    heads = ["", *(f"{COLUMNS[c].heading}, {kind}" for c in table.columns for kind in kinds), "state"]
    lines = [f"# {title}", "", *about, "", f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for outcome in outcomes:
        cells = [cell for column in table.columns for cell in _cells(outcome, column)]
        lines.append(f"| {' | '.join([outcome.row.name, *cells, _state(outcome)])} |")
    lines += ["", "| row | configuration | needs | training |", "|---|---|---|---|"]
    for outcome in outcomes:
        one = outcome.plan
        preset = f"`{one.preset}`" if one.preset else "-"
        lines.append(f"| {outcome.row.name} | {preset} | {one.needs} | {one.hours or '-'} |")
    notes = [f"- {note}" for note in _notes(table, outcomes)]
    picture = f"![{table.title}]({table.name}.png)"
    return "\n".join([*lines, "", *notes, *([""] if notes else []), picture]) + "\n"


def as_json(table: Table, outcomes: Sequence[Outcome], options: Options) -> str:
    """The same as JSON; all figures in percent, null where there is none."""
    rows = [
        {
            "row": outcome.row.name,
            "status": outcome.status,
            "why": outcome.why,
            "paper": dict(outcome.row.paper),
            "measured": {column: outcome.measured.get(column) for column in table.columns},
            "difference": {column: outcome.difference(column) for column in table.columns},
            "confidence": outcome.row.confidence,
            "checks": outcome.row.checks(),
            "flag": outcome.row.flag,
            "notes": list(outcome.notes),
            "configuration": outcome.plan.preset or None,
            "model": outcome.plan.key or None,
            "needs": outcome.plan.needs,
            "gpu_hours": _hours(outcome.plan),
            "gpu_hours_how": outcome.plan.hours.how if outcome.plan.hours else None,
            "clips": outcome.clips,
            "expressions": outcome.expressions,
        }
        for outcome in outcomes
    ]
    about = {"table": table.name, "title": table.title, "source": table.source, "unit": "percent"}
    used = {"data": options.data, "steps": options.steps, "limit": options.limit, "level": options.level}
    return json.dumps(
        {**about, "data": table.data, "split": table.split, "run": used, "rows": rows}, indent=1
    )


def write(folder: Path, table: Table, outcomes: Sequence[Outcome], options: Options) -> list[Path]:
    """Write `<name>.txt`, `.md`, `.json` and `.png` into a folder; each is whole or as before."""
    printed = {COLUMNS[c].heading: [o.row.paper[c] for o in outcomes] for c in table.columns}
    found = {COLUMNS[c].heading: [o.measured.get(c) for o in outcomes] for c in table.columns}
    names = [outcome.row.name for outcome in outcomes]
    title, *about = _head(table, options)
    figure = comparison_chart(names, printed, found, title=title, note="percent\n" + "\n".join(about))
    contents = {
        "txt": (text(table, outcomes, options) + "\n").encode(),
        "md": markdown(table, outcomes, options).encode(),
        "json": as_json(table, outcomes, options).encode(),
        "png": figure.to_png(),
    }
    paths = [folder / f"{table.name}.{suffix}" for suffix in contents]
    for path, content in zip(paths, contents.values(), strict=True):
        with atomic_write(path) as temporary:
            temporary.write_bytes(content)
    return paths


def overview() -> str:
    """All tables, one line each."""
    width = max(map(len, tables())) + 2
    return "\n".join(
        f"{t.name:<{width}}{t.title} ({t.source}), {len(t.rows)} rows" for t in tables().values()
    )


def rows_of(table: Table, plans: Sequence[Plan], options: Options) -> str:
    """What each row of a table takes, without running it."""
    lines = [*_head(table, options), ""]
    for one in plans:
        state = f"cannot be run: {one.why}" if one.why else f"can be run: {one.model or one.key}"
        lines += [f"{one.row.name}: {state}", *(f"  {line}" for line in _details(one))]
    return "\n".join(lines)


def _head(table: Table, options: Options) -> list[str]:
    setting = "".join(f", {part}" for part in (table.filter, table.setting) if part)
    lines = [
        table.title,
        f"Paper: {table.source}; {table.data} {table.split}{setting}; {table.confidence} confidence",
    ]
    limit = "" if options.limit is None else f", {options.limit} videos"
    if options.data == MOVING_SHAPES:
        trained = any(row.nano is not None and row.nano.preset for row in table.rows)
        length = f" trained for {options.steps or STEPS} steps" if trained else ""
        lines.append(f"Measured: nano models{length} on Moving Shapes{limit}: other data, other sizes.")
        lines.append("Compare how rows differ, not the figures.")
    else:
        pairs = ", rebuilt pairs, seed 0" if table.data == R2_YOUTUBE_VOS else ""
        title = layout_of(table.data).title
        lines.append(f"Measured: {title} {table.split}{pairs}{limit}; the notes say what else differs")
    return lines


def _cells(outcome: Outcome, column: str) -> tuple[str, str, str]:
    paper, difference = outcome.row.paper[column], outcome.difference(column)
    if outcome.status not in (DONE, HIDDEN):
        measured = outcome.status
    else:
        value = outcome.measured[column]
        measured = "-" if value is None else f"{value:.1f}"
    return (
        "-" if paper is None else shown(paper),
        measured,
        "" if difference is None else f"{difference:+.1f}",
    )


def _state(outcome: Outcome) -> str:
    if outcome.status != DONE:
        return f"{outcome.status}: {outcome.why}"
    model = outcome.plan.model or outcome.plan.key
    return f"done: {model}, {outcome.clips} clips, {outcome.expressions} sentences"


def _hours(one: Plan) -> list[float] | None:
    """Low and high; None where nothing is known."""
    if one.hours is None or one.hours.low is None or one.hours.high is None:
        return None
    return [round(one.hours.low, 1), round(one.hours.high, 1)]


def _details(one: Plan) -> list[str]:
    if not one.preset:
        return []
    return [f"config {one.preset}", f"needs  {one.needs}", f"train  {one.hours}"]


def _notes(table: Table, outcomes: Sequence[Outcome]) -> list[str]:
    notes = []
    for outcome in outcomes:
        notes += [f"{outcome.row.name}: measured on {note}" for note in outcome.notes]
        notes += [f"{outcome.row.name}: {check}; kept as printed" for check in outcome.row.checks()]
        if outcome.row.flag:
            notes.append(f"{outcome.row.name}: {outcome.row.flag}")
        if outcome.row.confidence in DOUBTS and outcome.row.confidence != table.confidence:
            notes.append(f"{outcome.row.name}: the paper's figures are {DOUBTS[outcome.row.confidence]}")
    return notes
