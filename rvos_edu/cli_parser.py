"""What all commands share: how errors look, how a command is added, exit codes."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import NoReturn

FOUND_PROBLEMS, ERROR, INTERRUPTED = 1, 2, 130
Command = Callable[[argparse.Namespace], int]


class Parser(argparse.ArgumentParser):
    """Errors look like all other errors: one line, exit code 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(ERROR, f"error: {message}\n")


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
