"""Checksums of the shipped weights: `assets/SHA256SUMS`, in the format of `sha256sum`.

python -m rvos_edu.checksums        # writes the file anew, after the weights were remade
sha256sum --check SHA256SUMS        # the same check without Python, inside the folder
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from rvos_edu.files import atomic_write

ASSETS = Path(__file__).parent / "assets"
LIST_NAME = "SHA256SUMS"


@dataclass(frozen=True)
class ChecksumReport:
    """What differs between a folder and its list, as paths relative to the folder.

    Args:
        good: files that are as listed.
        changed: files with other contents.
        missing: listed files that are not there.
        unlisted: files that are not listed.
    """

    good: list[str]
    changed: list[str]
    missing: list[str]
    unlisted: list[str]


def write_checksums(folder: Path = ASSETS) -> Path:
    """Write the list of all files below `folder`; returns its path."""
    lines = [f"{_digest(folder / name)}  {name}\n" for name in _names(folder)]
    with atomic_write(folder / LIST_NAME) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8", newline="\n")
    return folder / LIST_NAME


def verify_checksums(folder: Path = ASSETS) -> ChecksumReport:
    """Compare the files below `folder` with its list.

    Raises:
        FileNotFoundError: if there is no list.
        ValueError: if a line of the list is not `<64 hex digits>  <name>`.
    """
    listed = dict(_read_line(line) for line in (folder / LIST_NAME).read_text(encoding="utf-8").splitlines())
    present = _names(folder)
    return ChecksumReport(
        good=[name for name in present if listed.get(name) == _digest(folder / name)],
        changed=[name for name in present if name in listed and listed[name] != _digest(folder / name)],
        missing=sorted(set(listed) - set(present)),
        unlisted=sorted(set(present) - set(listed)),
    )


def _names(folder: Path) -> list[str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    names = (path.relative_to(folder) for path in files)
    return sorted(n.as_posix() for n in names if n.name != LIST_NAME and not any(map(_is_litter, n.parts)))


def _is_litter(part: str) -> bool:
    return part.startswith(".") or part == "__pycache__"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_line(line: str) -> tuple[str, str]:
    digest, separator, name = line.partition("  ")
    if len(digest) != 64 or not separator or not name:
        raise ValueError(f"{LIST_NAME} holds {line!r}, expected '<64 hex digits>  <name>'")
    return name, digest


if __name__ == "__main__":
    print(write_checksums())
