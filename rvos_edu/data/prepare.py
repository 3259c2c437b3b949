"""Get a real dataset ready: where to find it, unpacked safely, verified, counted, indexed; one report.

The scripts data_scripts/prepare_*.py call `run_script`. Everything is safe to interrupt and to run again:
what is unpacked is not unpacked again, what was looked at is not looked at again until it changes.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rvos_edu.data.archives import is_unpacked, put, unpack
from rvos_edu.data.check import check
from rvos_edu.data.check_report import CheckReport
from rvos_edu.data.index import REPORT_NAME, USE, file_stamp, index_key, kept
from rvos_edu.data.layout import Layout
from rvos_edu.data.registry import layout_of
from rvos_edu.data.starts import open_splits
from rvos_edu.errors import DataError, RVOSError
from rvos_edu.files import atomic_write

FOUND_PROBLEMS, ERROR, INTERRUPTED = 1, 2, 130  # exit codes, as those of `rvos-edu data check`
Say = Callable[[str], None]


@dataclass
class Preparation:
    """What was done and found; every problem is in `problems` in full."""

    lines: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        ending = ["", f"All problems ({len(self.problems)})", *self.problems] if self.problems else []
        return "\n".join([*self.lines, *ending, ""])


def prepare(
    names: Sequence[str],
    root: str | Path,
    *,
    archives: Sequence[str | Path] = (),
    convert: Callable[[], str | None] = lambda: None,
    say: Say = print,
) -> Preparation:
    """Unpack, verify, count and index datasets that share a folder, and write `root/prepare-report.txt`.

    Args:
        names: as `load` knows them.
        root: their folder, made if need be.
        archives: unpacked into it, unless they were before; see `Layout.places`.
        convert: called when they are; makes what else is needed, unless it is there, and says what it did.
        say: gets every line as it comes.

    Raises:
        DataError: for an unknown name, or an archive that is missing, damaged or not safe to unpack.
        StorageError: if the disk is full.
    """
    layouts = [layout_of(name) for name in names]
    root, started, built = Path(root), time.perf_counter(), USE.built
    found = Preparation()

    def tell(text: str) -> None:
        found.lines.append(text)
        say(text)

    tell(where_to_get(layouts))
    for archive in archives:
        done = is_unpacked(archive, root)
        count = unpack(archive, root)
        tell(f"{archive}: unpacked before" if done else f"{archive}: {count} files unpacked into {root}")
    if text := convert():
        tell(text)
    if not root.is_dir():
        raise DataError(f"{root} does not exist: get the data first, then give its folder, or --archives")
    for layout in layouts:
        _put_in_place(layout, root, tell)
        report = _verified(layout, root, found, tell)
        _count_and_index(layout, root, report, found, tell)
    if USE.built == built:
        tell("Everything was in the index: nothing had to be read again.")
    tell(
        f"{len(found.problems)} problems; {time.perf_counter() - started:.1f} s; report: {root / REPORT_NAME}"
    )
    with atomic_write(root / REPORT_NAME) as temporary:
        temporary.write_text(str(found), encoding="utf-8")
    return found


def where_to_get(layouts: Sequence[Layout]) -> str:
    """Addresses and terms."""
    sources = dict.fromkeys((s.what, s.address, s.terms) for layout in layouts for s in layout.sources)
    titles = ", ".join(layout.title for layout in layouts)
    head = f"{titles}: not part of this package. Addresses are as published, this script has not tried them:"
    return "\n".join([head, *(f"  {what}: {address}; terms: {terms}" for what, address, terms in sources)])


def _put_in_place(layout: Layout, root: Path, tell: Say) -> None:
    """What archives hold without the folders that it belongs in; links are left where they are."""
    for name, place in layout.places.items():
        if (item := root / name).exists() and not item.is_symlink():
            put(item, root / place)
            tell(f"{item}: moved to {root / place}")


def _verified(layout: Layout, root: Path, found: Preparation, tell: Say) -> CheckReport:
    """What `check` finds, and checksums: of a split with other counts another file is to be expected."""
    report = check(layout.name, root, anew=False)
    for source in layout.sources:
        for name, wanted in source.checksums.items():
            path = root / name
            if not path.is_file():
                tell(f"{path}: not there, its checksum was not compared")
                continue
            if (seen := _checksum(path)) == wanted:
                tell(f"{path}: checksum as published")
                continue
            differs = f"{path} has the SHA-256 {seen}, published is {wanted}"
            if _is_the_published_split(layout, report, name):
                found.problems.append(f"{differs}: it is damaged or another release")
                tell(found.problems[-1])
            else:
                tell(f"NOT THE PUBLISHED DATA: {differs}, and the counts of its split are others, too")
    return report


def _is_the_published_split(layout: Layout, report: CheckReport, name: str) -> bool:
    """Whether the split that a file belongs to, by a folder of its path, has the published counts."""
    splits = {split.split: split for split in report.splits}
    own = [splits[part] for part in Path(name).parts if part in splits]
    return not any(split.surprises(layout.expected.get(split.split, {})) for split in own)


def _checksum(path: Path) -> str:
    """SHA-256; kept until the file changes."""

    def build() -> str:
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()

    return str(kept(index_key("sha256", file_stamp(path)), build, valid=lambda text: isinstance(text, str)))


def _count_and_index(layout: Layout, root: Path, report: CheckReport, found: Preparation, tell: Say) -> None:
    """The table of `check`, and every split opened."""
    tell(f"\n{report}\n")
    found.problems += [f"{layout.name} {text}" for text in report.problems]
    try:
        for start in open_splits(layout.name, root, skip_bad=not report.ok):
            tell(f"{layout.name} {start}")
    except DataError as error:
        text = f"{layout.name} cannot be opened{'' if report.ok else ' even without what is faulty'}: {error}"
        tell(text)
        if report.ok:
            found.problems.append(text)


def script_parser(description: str | None) -> argparse.ArgumentParser:
    """The arguments that all scripts have."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, required=True, help="folder of the dataset, made if need be")
    text = "zip or tar files to unpack there"
    parser.add_argument("--archives", type=Path, nargs="+", default=[], metavar="FILE", help=text)
    return parser


def run_script(
    names: Sequence[str], options: argparse.Namespace, *, convert: Callable[[], str | None] = lambda: None
) -> int:
    """Prepare as the arguments of a script say; 0, 1 if there are problems, 2 after an error."""
    try:
        found = prepare(names, options.root, archives=options.archives, convert=convert)
    except (RVOSError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return ERROR
    except KeyboardInterrupt:
        print("\ninterrupted; nothing is left half-written, run the script again", file=sys.stderr)
        return INTERRUPTED
    return FOUND_PROBLEMS if found.problems else 0
