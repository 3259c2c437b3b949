"""`rvos-edu export` and `rvos-edu table`: published checkpoints, and the papers' tables."""

from __future__ import annotations

import argparse
from pathlib import Path

from rvos_edu.cli_parser import FOUND_PROBLEMS, add_command
from rvos_edu.errors import ConfigError

PATHS = ("root", "models")


def export(options: argparse.Namespace) -> int:
    """Write a published checkpoint as a folder that evaluate, segment and train read."""
    from rvos_edu.checkpoints.published import published_table

    if options.list:
        print(published_table())
        return 0
    if options.checkpoint is None or options.kind is None:
        raise ConfigError(
            "export needs a CHECKPOINT and its --kind; `rvos-edu export --list` shows what there is"
        )
    from rvos_edu.engine.export import export as run

    print(
        run(
            options.checkpoint,
            kind=options.kind,
            out=options.out,
            tokenizer=options.tokenizer,
            preset=options.preset,
            heads=options.heads,
            text_heads=options.text_heads,
            points=options.points,
        )
    )
    return 0


def table(options: argparse.Namespace) -> int:
    """Reproduce a table of a paper as far as that is possible here: paper, measured, difference."""
    from rvos_edu.tables import render
    from rvos_edu.tables.paper import find_table
    from rvos_edu.tables.plan import Options, plan
    from rvos_edu.tables.reproduce import FAILED, reproduce

    if options.table is None:
        if not options.list:
            raise ConfigError("table needs a NAME; `rvos-edu table --list` shows them")
        print(render.overview())
        return 0
    found = find_table(options.table)
    given = {
        name: None if path is None else Path(path) for name, path in vars(options).items() if name in PATHS
    }
    options.out = options.out or f"runs/tables-{options.data}"
    how = Options(
        options.data,
        Path(options.out),
        **given,
        steps=options.steps,
        limit=options.limit,
        level=options.level,
        workers=options.workers,
    )
    if options.list:
        how.check()
        print(render.rows_of(found, [plan(found, row, how) for row in found.rows], how))
        return 0
    outcomes = reproduce(found, how, only=options.only or ())
    written = render.write(how.out, found, outcomes, how)
    print(render.text(found, outcomes, how))
    print(f"\nwritten: {', '.join(map(str, written))}")
    return FOUND_PROBLEMS if any(outcome.status == FAILED for outcome in outcomes) else 0


def add_tables(commands: argparse._SubParsersAction) -> None:
    _add_export(commands)
    _add_table(commands)


def _add_export(commands: argparse._SubParsersAction) -> None:
    parser = add_command(
        commands,
        "export",
        export,
        examples=[
            "rvos-edu export --list",
            "rvos-edu export refer-youtube-vos_window-12.pth.tar --kind mttr --tokenizer roberta-base",
            "rvos-edu export best.pth.tar --kind mttr --preset mttr-a2d-w8 --tokenizer roberta-base",
            "rvos-edu export checkpoint.pth --kind r2vos --tokenizer distilroberta-base",
            "rvos-edu export swin_base_patch244_window877_kinetics400_1k.pth --kind video-swin",
        ],
    )
    parser.add_argument("checkpoint", nargs="?", help="the file as published")
    parser.add_argument("--list", action="store_true", help="print what is published, where, and its scores")
    parser.add_argument("--kind", help="mttr, r2vos or video-swin")
    parser.add_argument("--out", metavar="FOLDER", help="folder to write (models/<name in --list>)")
    parser.add_argument("--tokenizer", metavar="FOLDER|ID", help="of its text encoder; sentences need it")
    parser.add_argument("--preset", help="whose settings it is used with (told by the file, if published)")
    parser.add_argument("--heads", type=int, default=8, help="of its attention (%(default)s)")
    parser.add_argument("--text-heads", type=int, default=12, help="of its text encoder (%(default)s)")
    parser.add_argument("--points", type=int, default=4, help="R2-VOS: of deformable attention (%(default)s)")


def _add_table(commands: argparse._SubParsersAction) -> None:
    parser = add_command(
        commands,
        "table",
        table,
        examples=[
            "rvos-edu table --list",
            "rvos-edu table mttr-a2d --list",
            "rvos-edu table mttr-d1",
            'rvos-edu table r2vos-b --steps 1000 --only "K=1" "K=3"',
            "rvos-edu table r2vos-c --limit 50",
            "rvos-edu table mttr-a2d --data real --root datasets --models models",
            "",
            "with --data real, --root holds a2d_sentences/, jhmdb_sentences/, refer_youtube_vos/,",
            "ref_davis17/, coco/; --models holds what `rvos-edu export` or `rvos-edu train` has written",
        ],
        after_interrupt="finished rows are kept; the same command goes on",
    )
    parser.add_argument("table", nargs="?", metavar="NAME", help="of the table")
    parser.add_argument(
        "--list", action="store_true", help="the tables; with NAME what each of its rows takes"
    )
    parser.add_argument("--data", default="moving-shapes", help="moving-shapes or real (%(default)s)")
    parser.add_argument(
        "--root", metavar="DIR", help="folder of the datasets (Moving Shapes: made if not given)"
    )
    parser.add_argument("--models", metavar="DIR", help="folder of models that need no training")
    parser.add_argument("--only", nargs="+", metavar="ROW", help="run these rows only")
    parser.add_argument(
        "--steps", type=int, help="of each training (nano models: 400, others: their presets)"
    )
    parser.add_argument("--limit", type=int, help="videos that are evaluated (all)")
    parser.add_argument("--level", help="of Moving Shapes (1 for models trained here, full for shipped ones)")
    parser.add_argument("--workers", type=int, default=1, help="processes that read clips (%(default)s)")
    parser.add_argument("--out", metavar="FOLDER", help="of models, rows and tables (runs/tables-<data>)")
