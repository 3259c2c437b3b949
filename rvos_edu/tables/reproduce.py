"""Run a table row by row: train or find its model, evaluate it, keep what is finished."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from rvos_edu.data.refer_youtube_vos_layout import MOVING_SHAPES
from rvos_edu.engine.checkpoint import complete_checkpoints
from rvos_edu.engine.evaluate import run as evaluate
from rvos_edu.engine.hidden_report import SUBMISSION
from rvos_edu.engine.phases import PRETRAIN
from rvos_edu.engine.train import train
from rvos_edu.errors import ConfigError, RVOSError
from rvos_edu.files import atomic_write
from rvos_edu.presets import load_config
from rvos_edu.tables.paper import COLUMNS, Row, Table
from rvos_edu.tables.plan import Options, Plan, plan
from rvos_edu.tables.settings import compare, differing_settings, settings
from rvos_edu.tables.stand_in import STAND_INS, stand_in

RESULT = "result.json"
FINISHED = "finished"  # in the folder of a training
DONE, NOT_RUN, FAILED = "done", "not run", "failed"
HIDDEN = "not measured here"


@dataclass(frozen=True)
class Outcome:
    """What became of one row.

    Args:
        plan: what it takes.
        status: "done", "not run", "failed" or "not measured here".
        why: of a row that is not done.
        measured: column -> percent, None where the evaluation has no such figure (J and F of hidden masks).
        clips, expressions: how many were evaluated.
        notes: what sets its data apart from those of the paper.
    """

    plan: Plan
    status: str
    why: str = ""
    measured: Mapping[str, float | None] = field(default_factory=dict)
    clips: int = 0
    expressions: int = 0
    notes: Sequence[str] = ()

    @property
    def row(self) -> Row:
        """The row of the paper's table."""
        return self.plan.row

    def difference(self, column: str) -> float | None:
        """Measured minus paper, in percent points; None where one of them is missing."""
        measured, paper = self.measured.get(column), self.row.paper.get(column)
        return None if measured is None or paper is None else measured - paper


def reproduce(table: Table, options: Options, *, only: Sequence[str] = ()) -> list[Outcome]:
    """Run the rows that can be run; those that an earlier call has finished are read.

    Args:
        table: of a paper.
        options: how.
        only: names of rows; empty: all.

    Returns:
        one outcome per row, in the table's order.

    Raises:
        ConfigError: for an unknown row, impossible options, several processes, or a folder that holds results
            of other options for a row that is asked for.
        KeyboardInterrupt: after Ctrl-C, when a training has written its checkpoint.
    """
    options.check()
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ConfigError(
            "a table is made by one process: train its rows with `accelerate launch ... train --config "
            "PRESET` and give the folder of the runs as --models"
        )
    wanted = {table.row(name).name for name in only} or {row.name for row in table.rows}
    plans = [plan(table, row, options) for row in table.rows]
    kept = [compare(_folder(table, one, options) / RESULT, one, options) for one in plans]
    for one, differing in zip(plans, kept, strict=True):
        if differing and one.row.name in wanted:
            raise ConfigError(
                f"{_folder(table, one, options)} holds a row made with other options ({differing}): choose "
                "another --out"
            )
    return [
        _run(table, one, options, asked=one.row.name in wanted, differing=differing)
        for one, differing in zip(plans, kept, strict=True)
    ]


def _run(table: Table, one: Plan, options: Options, *, asked: bool, differing: str) -> Outcome:
    folder = _folder(table, one, options)
    if differing:
        return Outcome(one, NOT_RUN, f"not asked for (--only), made with other options ({differing})")
    if (folder / RESULT).is_file():
        return _read(folder, table, one, real=one.data != MOVING_SHAPES)
    if one.why or not asked:
        return Outcome(one, NOT_RUN, one.why or "not asked for (--only)")
    print(f"{table.name}, {one.row.name}: {one.key}")
    try:
        model = one.model or _trained(one, options)
        _evaluate(table, one, options, model=model, folder=folder)
        with atomic_write(folder / RESULT) as temporary:
            temporary.write_text(json.dumps(settings(one, options), indent=1), encoding="utf-8")
        return _read(folder, table, one, real=one.data != MOVING_SHAPES)
    except (RVOSError, OSError) as error:
        why = " ".join(str(error).split())
        print(f"{table.name}, {one.row.name} failed: {why}")
        return Outcome(one, FAILED, why)


def _trained(one: Plan, options: Options) -> str:
    """The folder of a training, which begins, goes on, or is finished.

    Raises:
        ConfigError: if the folder holds another training.
    """
    assert one.config is not None
    out = options.out / "models" / one.key
    if (out / "config.yaml").is_file():
        was = asdict(load_config(out / "config.yaml"))
        if differing := differing_settings(was, asdict(one.config)):
            raise ConfigError(
                f"{out} holds a model that was trained with other options ({differing}): choose another --out"
            )
    if not (out / FINISHED).is_file():
        begun = any(complete_checkpoints(folder) for folder in (out, out / PRETRAIN))
        train(one.config, out=out, resume=begun)
        (out / FINISHED).touch()
    return str(out)


def _evaluate(table: Table, one: Plan, options: Options, *, model: str, folder: Path) -> None:
    root, level = one.root, options.level if one.data == MOVING_SHAPES else None
    true_only = one.data != MOVING_SHAPES and not table.data.startswith("r2-")
    if options.data == MOVING_SHAPES and one.data in STAND_INS:
        root = stand_in(one.data, level=one.level, root=one.root, out=options.out)
    with redirect_stdout(io.StringIO()):  # its table lies in the folder
        evaluate(
            model,
            data=one.data,
            root=None if root is None else str(root),
            split=one.split,
            level=one.level if root is None else level,  # None: the folder's own
            align_filter=table.filtered if one.preset.startswith("r2vos-") else None,  # of a submission
            limit=options.limit,
            out=str(folder / "evaluation"),
            shuffle_frames=False,
            swap_sentences=False,
            false_sentences=not true_only and table.false_sentences,
        )


def _read(folder: Path, table: Table, one: Plan, *, real: bool) -> Outcome:
    path = folder / "evaluation" / "evaluation.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        figures = {name: float(value["mean"]) for name, value in content["figures"].items()}
        clips, notes = sum(content["clips"]), [str(note) for note in content.get("notes", [])]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path} is missing or damaged ({error}): delete {folder} to run the row anew"
        ) from error
    measured = {}
    for column in table.columns:
        there = [figures[name] for name in table.figures(column, real=real) if name in figures]
        measured[column] = there[0] if there else None
    done = Outcome(one, DONE, "", measured, clips, int(figures.get("overall.count", 0)), notes)
    if not one.hidden:
        return done
    archive, missing = folder / "evaluation" / SUBMISSION, [c for c in measured if measured[c] is None]
    what = "" if len(missing) == len(measured) else ", ".join(COLUMNS[c].heading for c in missing) + "; "
    wrong = (content.get("submission") or {}).get("problems")
    then = f"NOT to be handed in: {wrong[0]}" if wrong else "hand it in"
    return replace(done, status=HIDDEN, why=f"{what}submission at {archive}, {then}", expressions=0)


def _folder(table: Table, one: Plan, options: Options) -> Path:
    return options.out / table.name / re.sub(r"[^\w.-]+", "-", one.row.name.replace("=", "-"))
