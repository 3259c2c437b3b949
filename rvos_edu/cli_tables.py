"""`rvos-edu export` and `rvos-edu table`: published checkpoints, and the papers' tables."""

from __future__ import annotations

import argparse

from rvos_edu.cli_parser import add_command
from rvos_edu.errors import ConfigError


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


def add_tables(commands: argparse._SubParsersAction) -> None:
    _add_export(commands)


def _add_export(commands: argparse._SubParsersAction) -> None:
    parser = add_command(
        commands,
        "export",
        export,
        examples=[
            "rvos-edu export --list",
            "rvos-edu export refer-youtube-vos_window-12.pth.tar --kind mttr --tokenizer roberta-base",
            "rvos-edu export best.pth.tar --kind mttr --preset mttr-a2d-w8",
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
