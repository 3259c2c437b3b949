"""What all commands share: how errors look, how a command is added, exit codes."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

FOUND_PROBLEMS, ERROR, INTERRUPTED = 1, 2, 130
Command = Callable[[argparse.Namespace], int]


class Parser(argparse.ArgumentParser):
    """Errors look like all other errors: one line, exit code 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(ERROR, f"error: {message}\n")


def add_alignment(parser: argparse.ArgumentParser, *, rejects: str, keeps: str) -> None:
    """The options that settle 1(A) of R2-VOS; their help says what is rejected, and what is kept."""
    parser.add_argument(
        "--align-threshold",
        type=float,
        metavar="P",
        help=f"R2-VOS: {rejects} if p(does not match) is P or more (default: the preset's)",
    )
    parser.add_argument("--no-alignment", action="store_true", help=f"R2-VOS: {keeps}")


def alignment_of(options: argparse.Namespace) -> dict[str, Any]:
    """What those options say, by the names of `segment` and `evaluate`; None: as the preset says."""
    return {
        "align_threshold": options.align_threshold,
        "align_filter": False if options.no_alignment else None,
    }


def add_command(
    commands: argparse._SubParsersAction,  # the type that add_subparsers returns has no public name
    name: str,
    run: Command,
    *,
    examples: Sequence[str],
    after_interrupt: str = "nothing is left half-written; run the command again",
) -> argparse.ArgumentParser:
    text = (run.__doc__ or "").strip()
    parser = commands.add_parser(
        name,
        help=text.rstrip("."),
        description=text,
        epilog="examples:\n" + "\n".join(f"  {line}" for line in examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(command=run, name=name, after_interrupt=after_interrupt)
    return parser
