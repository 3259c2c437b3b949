"""`rvos-edu data make|check|index|smaller|submission`."""

from __future__ import annotations

import argparse

from rvos_edu.cli_parser import FOUND_PROBLEMS, Parser, add_command


def make_data(options: argparse.Namespace) -> int:
    """Generate Moving Shapes, in its own layout or in that of another dataset."""
    from rvos_edu.data.make import make_in_layout

    folder = make_in_layout(
        options.data,
        options.root,
        level=options.level,
        seed=options.seed,
        sizes={split: getattr(options, split) for split in ("train", "valid", "test")},
        workers=options.workers,
    )
    print(f"written: {folder}")
    return 0


def check_data(options: argparse.Namespace) -> int:
    """Read a whole dataset and print its table; exit code 1 if there are problems."""
    from rvos_edu.data.check import check

    report = check(options.data, options.root, level=options.level, seed=options.seed)
    print(report)
    return 0 if report.ok else FOUND_PROBLEMS


def check_submission(options: argparse.Namespace) -> int:
    """Check a zip for the server of a benchmark before it is handed in; exit code 1 if there are problems."""
    from rvos_edu.data.submission import validate_submission

    report = validate_submission(options.zip, options.root, options.split, options.data, progress=True)
    print(report)
    return 0 if report.ok else FOUND_PROBLEMS


def index_data(options: argparse.Namespace) -> int:
    """Open all splits of a dataset, keep what that has found, and print how long it takes."""
    from rvos_edu.data.starts import open_splits

    for start in open_splits(options.data, options.root, skip_bad=options.skip_bad):
        print(f"{options.data} {start}")
    return 0


def store_smaller(options: argparse.Namespace) -> int:
    """Copy a dataset, frames of the training split at the size that is read; the rest is linked."""
    from rvos_edu.data.smaller import write_smaller

    sides = {"short_side": options.short_side, "max_side": options.max_side}
    how = {"workers": options.workers, "skip_bad": options.skip_bad}
    out = write_smaller(options.data, options.root, options.out, **sides, **how)
    print(f"written: {out}; train with --data.root {out}")
    return 0


def add_data(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "data", help="Make, check, index, store smaller; check a submission", allow_abbrev=False
    )
    inner = parser.add_subparsers(
        metavar="make|check|index|smaller|submission", required=True, parser_class=Parser
    )
    _add_make(inner)
    _add_check(inner)
    _add_index(inner)
    _add_smaller(inner)
    _add_submission(inner)


def _add_make(inner: argparse._SubParsersAction) -> None:
    make = add_command(
        inner,
        "make",
        make_data,
        examples=[
            "rvos-edu data make --root data/moving-shapes",
            "rvos-edu data make --root data/easy --level 1 --seed 7 --train 100 --valid 20 --test 20",
            "",
            "in the layout of a real dataset, to try its loader, evaluation and protocol:",
            "rvos-edu data make a2d-sentences --root data/a2d --train 20 --valid 5 --test 5",
            "rvos-edu data make jhmdb-sentences --root data/jhmdb --train 0 --valid 0 --test 20",
            "rvos-edu data make ref-davis17 --root data/davis --train 10 --valid 5 --test 0",
            "rvos-edu data make refer-youtube-vos --root data/ytvos --train 20 --valid 5 --test 5",
            "rvos-edu data make mevis --root data/mevis --train 20 --valid 5 --test 5",
            "rvos-edu data make refcoco --root data/coco --train 50 --valid 10 --test 10",
        ],
    )
    make.add_argument("data", nargs="?", default="moving-shapes", help="whose layout (default: %(default)s)")
    make.add_argument("--root", required=True, help="folder to make; must be empty or absent")
    make.add_argument("--level", default="full", help="difficulty: 1, 2, 3 or full (default: %(default)s)")
    make.add_argument("--seed", type=int, default=0, help="another seed, other videos (default: %(default)s)")
    for split, size in (("train", 2000), ("valid", 200), ("test", 200)):
        make.add_argument(f"--{split}", type=int, default=size, help=f"{split} videos (default: %(default)s)")
    make.add_argument("--workers", type=int, help="processes (default: one per core)")


def _add_check(inner: argparse._SubParsersAction) -> None:
    check = add_command(
        inner,
        "check",
        check_data,
        examples=[
            "rvos-edu data check moving-shapes",
            "rvos-edu data check refer-youtube-vos --root datasets/refer_youtube_vos",
            "rvos-edu data check r2-youtube-vos --root datasets/refer_youtube_vos",
            "rvos-edu data check a2d-sentences --root datasets/a2d_sentences",
            "rvos-edu data check jhmdb-sentences --root datasets/jhmdb_sentences",
            "rvos-edu data check ref-davis17 --root datasets/ref_davis17",
            "rvos-edu data check mevis --root datasets/mevis",
            "rvos-edu data check refcoco+ --root datasets/coco",
            "",
            "data_scripts/prepare_<name>.py also unpacks archives and says where to get them",
        ],
    )
    check.add_argument("data", help="name of the dataset")
    check.add_argument("--root", help="its folder (default for moving-shapes: made under RVOS_EDU_HOME)")
    check.add_argument("--level", default="full", help="of moving-shapes: 1, 2, 3 or full (%(default)s)")
    check.add_argument("--seed", type=int, default=0, help="of moving-shapes (%(default)s)")


def _add_index(inner: argparse._SubParsersAction) -> None:
    index = add_command(
        inner,
        "index",
        index_data,
        examples=[
            "rvos-edu data index refer-youtube-vos --root datasets/refer_youtube_vos",
            "rvos-edu data index refcoco --root datasets/coco",
            "rvos-edu data index a2d-sentences --root datasets/a2d_sentences --skip-bad",
        ],
    )
    index.add_argument("data", help="name of the dataset")
    index.add_argument("--root", help="its folder (default for moving-shapes: made under RVOS_EDU_HOME)")
    index.add_argument("--skip-bad", action="store_true", help="leave out faulty files instead of stopping")


def _add_smaller(inner: argparse._SubParsersAction) -> None:
    smaller = add_command(
        inner,
        "smaller",
        store_smaller,
        examples=[
            "rvos-edu data smaller refer-youtube-vos --root datasets/refer_youtube_vos --out datasets/at_360",
            "rvos-edu train --config mttr-ref-ytvos-w12 --data.root datasets/at_360",
            "rvos-edu data smaller mevis --root datasets/mevis --out datasets/mevis_360 --skip-bad",
            "",
            "the other splits are linked: evaluation reads what it always reads",
        ],
    )
    smaller.add_argument("data", help="refer-youtube-vos, ref-davis17 or mevis")
    smaller.add_argument("--root", required=True, help="its folder")
    smaller.add_argument(
        "--out", required=True, help="folder of the copy; an interrupted copy is gone on with"
    )
    smaller.add_argument(
        "--short-side", type=int, default=360, help="as data.short_side (default: %(default)s)"
    )
    smaller.add_argument("--max-side", type=int, default=640, help="as data.max_side (default: %(default)s)")
    smaller.add_argument("--workers", type=int, help="processes (default: one per core)")
    smaller.add_argument("--skip-bad", action="store_true", help="leave out faulty files instead of stopping")


def _add_submission(inner: argparse._SubParsersAction) -> None:
    submission = add_command(
        inner,
        "submission",
        check_submission,
        examples=[
            "rvos-edu data submission submission.zip --root datasets/refer_youtube_vos",
            "rvos-edu data submission mevis.zip --data mevis --root datasets/mevis --split valid",
        ],
    )
    submission.add_argument(
        "zip",
        metavar="ZIP",
        help="as `rvos-edu evaluate` writes it for a split without masks; the whole valid split has 22,046 "
        "PNG in Refer-YouTube-VOS and 138,719 in MeViS",
    )
    submission.add_argument(
        "--data", default="refer-youtube-vos", help="refer-youtube-vos or mevis (default: %(default)s)"
    )
    submission.add_argument("--root", required=True, help="folder of the dataset")
    submission.add_argument("--split", default="valid", help="what was segmented (default: %(default)s)")
