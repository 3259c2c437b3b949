"""The command line: `rvos-edu <command>`; every command imports what it needs, when it is called."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rvos_edu import __version__
from rvos_edu.cli_data import add_data
from rvos_edu.cli_parser import ERROR, INTERRUPTED, Parser, add_alignment, add_command, alignment_of
from rvos_edu.cli_tables import add_tables
from rvos_edu.errors import ConfigError, RVOSError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, 1 (a check found problems), 2 (error), 130 (interrupted)."""
    parser = build_parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and options.command is not train:
        parser.error(f"unrecognised arguments: {' '.join(rest)}; see rvos-edu {options.name} --help")
    options.overrides = rest
    try:
        return options.command(options)
    except (RVOSError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return ERROR
    except KeyboardInterrupt:
        print(f"\ninterrupted; {options.after_interrupt.format(**vars(options))}", file=sys.stderr)
        return INTERRUPTED


def demo(options: argparse.Namespace) -> int:
    """Data, evaluation, one segmentation, a false sentence rejected, a short training, a page of all that."""
    from rvos_edu.demo import run

    run(out=options.out)
    return 0


def doctor(options: argparse.Namespace) -> int:
    """Look at the installation."""
    from rvos_edu.doctor import run

    return run(self_test=not options.no_self_test)


def train(options: argparse.Namespace) -> int:
    """Train from a preset or file, or go on with a run."""
    from rvos_edu.presets import load_config

    source = options.config
    if source is None:
        if not (options.resume and options.out):
            raise ConfigError("train needs --config NAME|FILE, or --resume --out FOLDER to go on with a run")
        source = str(Path(options.out) / "config.yaml")
    skip = ["--data.skip_bad", "true"] if options.skip_bad else []
    config = load_config(source, [*options.overrides, *skip])
    options.out = options.out or f"runs/{config.name}"

    from rvos_edu.engine.train import train as run

    folder = run(config, out=Path(options.out), resume=options.resume)
    print(f"written: {folder}")
    return 0


def evaluate(options: argparse.Namespace) -> int:
    """Score a model on a split."""
    from rvos_edu.engine.evaluate import run

    run(
        options.model,
        data=options.data,
        root=options.root,
        split=options.split,
        level=options.level,
        seeds=options.seeds,
        limit=options.limit,
        out=options.out,
        shuffle_frames=options.shuffle_frames,
        swap_sentences=options.swap_sentences,
        false_sentences=options.false_sentences,
        batch_size=options.batch_size,
        skip_bad=options.skip_bad,
        **alignment_of(options),
    )
    return 0


def segment(options: argparse.Namespace) -> int:
    """Find the object that a sentence names in a video."""
    from rvos_edu.engine.segment import segment as run
    from rvos_edu.engine.segment_output import verdict

    out = Path(options.out or f"runs/segment-{Path(options.video).stem}")
    result = run(
        options.model,
        options.video,
        options.sentence,
        out=out,
        voting=False if options.no_voting else None,
        **alignment_of(options),
        progress=True,
    )
    frames, height, width = result.masks.shape
    print(f"{frames} frames of {height}x{width}, query {result.query} chosen for {result.expression!r}")
    if result.aligned is not None:
        print(verdict(result))
    print(f"written: {out}/overlay.mp4, masks/, votes.json, votes.png")
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; each `--help` ends with examples."""
    parser = Parser(
        prog="rvos-edu",
        description="Referring video object segmentation: from a sentence to masks.",
        epilog="Begin with `rvos-edu demo`. Every command has --help with examples.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"rvos-edu {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    _add_demo(commands)
    _add_doctor(commands)
    add_data(commands)
    _add_train(commands)
    _add_evaluate(commands)
    _add_segment(commands)
    add_tables(commands)
    return parser


def _add_demo(commands: argparse._SubParsersAction) -> None:
    parser = add_command(
        commands, "demo", demo, examples=["rvos-edu demo", "rvos-edu demo --out runs/second"]
    )
    parser.add_argument("--out", default="runs/demo", help="folder of report.html (default: %(default)s)")


def _add_doctor(commands: argparse._SubParsersAction) -> None:
    examples = ["rvos-edu doctor", "rvos-edu doctor --no-self-test"]
    parser = add_command(commands, "doctor", doctor, examples=examples)
    parser.add_argument("--no-self-test", action="store_true", help="only look, compute nothing")


def _add_train(commands: argparse._SubParsersAction) -> None:
    parser = add_command(
        commands,
        "train",
        train,
        examples=[
            "rvos-edu train --config nano-mttr-level1 --out runs/level1",
            "rvos-edu train --config nano-mttr --optimizer.lr 3e-4 --train.steps 500",
            "rvos-edu train --resume --out runs/level1",
            "accelerate launch --num_processes 4 -m rvos_edu.cli train --config mttr-ref-ytvos-w12 \\",
            "    --data.root datasets/refer_youtube_vos --out runs/paper",
            "",
            "any key of the preset can be overridden: --section.key value",
        ],
        after_interrupt="`rvos-edu train --resume --out {out}` goes on from the last checkpoint",
    )
    parser.usage = "rvos-edu train --config NAME|FILE [--out FOLDER] [--resume] [--section.key VALUE ...]"
    parser.add_argument("--config", metavar="NAME|FILE", help="preset or YAML file (a resumed run has it)")
    parser.add_argument("--out", metavar="FOLDER", help="folder of the run (runs/<name of the preset>)")
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint in --out")
    parser.add_argument("--skip-bad", action="store_true", help="leave out faulty files instead of stopping")


def _add_evaluate(commands: argparse._SubParsersAction) -> None:
    parser = add_command(
        commands,
        "evaluate",
        evaluate,
        examples=[
            "rvos-edu evaluate --model nano-mttr --seeds 101 102 103",
            "rvos-edu evaluate --model nano-r2vos --seeds 101 --limit 50",
            "rvos-edu evaluate --model runs/level1 --level 1 --split valid --limit 50",
            "rvos-edu evaluate --model runs/paper --data refer-youtube-vos --root data/ytvos --split valid",
            "",
            "a split without masks gives areas and submission.zip for its server (Refer-YouTube-VOS valid:",
            "22,046 PNG), and R if data_scripts/make_r2_youtube_vos.py has made false pairs; submission.zip",
            "of R2-VOS is filtered by 1(A), J and F of R2-VOS table C are not: --no-alignment",
        ],
    )
    flag = argparse.BooleanOptionalAction
    parser.add_argument("--model", default="nano-mttr", help="shipped name or folder (%(default)s)")
    parser.add_argument("--data", default="moving-shapes", help="name of the dataset (%(default)s)")
    parser.add_argument("--root", help="its folder (default for moving-shapes: made under RVOS_EDU_HOME)")
    parser.add_argument("--split", default="test", help="a split, as `data check` lists them (%(default)s)")
    parser.add_argument("--level", help="of moving-shapes: 1, 2, 3 or full (full, or that of --root)")
    parser.add_argument(
        "--seeds", type=int, nargs="+", help="of moving-shapes: one test split per seed (0, or --root's)"
    )
    parser.add_argument("--limit", type=int, help="videos per seed (all)")
    parser.add_argument("--shuffle-frames", action=flag, help="also with frames in random order")
    parser.add_argument("--swap-sentences", action=flag, help="also with another object's sentence")
    parser.add_argument("--false-sentences", action=flag, help="also with sentences that fit nothing: R")
    parser.add_argument("--batch-size", type=int, default=4, help="videos per forward pass (%(default)s)")
    parser.add_argument("--skip-bad", action="store_true", help="leave out faulty files instead of stopping")
    add_alignment(
        parser,
        rejects="1(A) empties the masks of a sentence",
        keeps="hand in submission.zip and score DAVIS without 1(A); tables show figures without and with it",
    )
    parser.add_argument("--out", help="folder of table, JSON and page (runs/evaluate-<model>-<data>-<split>)")


def _add_segment(commands: argparse._SubParsersAction) -> None:
    parser = add_command(
        commands,
        "segment",
        segment,
        examples=[
            'rvos-edu segment clip.mp4 "the red circle moving left"',
            'rvos-edu segment clip.mp4 "the red circle" --model nano-r2vos',
            'rvos-edu segment clip.mp4 "the red circle" --model nano-r2vos --align-threshold 0.9',
            'rvos-edu segment frames/ "the small star" --model runs/level1 --out runs/star --no-voting',
        ],
    )
    parser.add_argument("video", help="mp4, GIF or folder of images")
    parser.add_argument("sentence", help="which object")
    parser.add_argument("--model", default="nano-mttr", help="shipped name or folder (%(default)s)")
    parser.add_argument("--out", help="folder of overlay, masks and votes (runs/segment-<name of the video>)")
    parser.add_argument("--no-voting", action="store_true", help="choose in each frame anew (no TSVS)")
    add_alignment(
        parser, rejects="reject the sentence", keeps="keep the masks of a sentence that does not fit"
    )


if __name__ == "__main__":
    sys.exit(main())
