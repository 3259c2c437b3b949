"""`rvos-edu data make|check`."""

from __future__ import annotations

import argparse

from rvos_edu.cli_parser import FOUND_PROBLEMS, Parser, add_command


def make_data(options: argparse.Namespace) -> int:
    """Generate Moving Shapes."""
    from rvos_edu.data.moving_shapes import make

    folder = make(
        options.root,
        level=options.level,
        seed=options.seed,
        train=options.train,
        valid=options.valid,
        test=options.test,
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


def add_data(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("data", help="Make or check a dataset", allow_abbrev=False)
    inner = parser.add_subparsers(metavar="make|check", required=True, parser_class=Parser)

    make = add_command(
        inner,
        "make",
        make_data,
        examples=[
            "rvos-edu data make --root data/moving-shapes",
            "rvos-edu data make --root data/easy --level 1 --seed 7 --train 100 --valid 20 --test 20",
        ],
    )
    make.add_argument("data", nargs="?", default="moving-shapes", choices=["moving-shapes"])
    make.add_argument("--root", required=True, help="folder to make; must be empty or absent")
    make.add_argument("--level", default="full", help="difficulty: 1, 2, 3 or full (default: %(default)s)")
    make.add_argument("--seed", type=int, default=0, help="another seed, other videos (default: %(default)s)")
    for split, size in (("train", 2000), ("valid", 200), ("test", 200)):
        make.add_argument(f"--{split}", type=int, default=size, help=f"{split} videos (default: %(default)s)")
    make.add_argument("--workers", type=int, help="processes (default: one per core)")

    check = add_command(
        inner,
        "check",
        check_data,
        examples=[
            "rvos-edu data check moving-shapes",
            "rvos-edu data check refer-youtube-vos --root datasets/refer_youtube_vos",
        ],
    )
    check.add_argument("data", help="name of the dataset")
    check.add_argument("--root", help="its folder (default for moving-shapes: made under RVOS_EDU_HOME)")
    check.add_argument("--level", default="full", help="of moving-shapes: 1, 2, 3 or full (%(default)s)")
    check.add_argument("--seed", type=int, default=0, help="of moving-shapes (%(default)s)")
