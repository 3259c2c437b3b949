"""Folders of results: replaced as a whole, and never in place of anything else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rvos_edu.errors import DataError
from rvos_edu.files import atomic_dir


@contextmanager
def result_dir(path: str | Path, *, marker: str) -> Iterator[Path]:
    """Yield a temporary folder that becomes `path` on success; an earlier result there is replaced.

    Args:
        path: the folder to write.
        marker: name of a file that every such result has; tells an earlier result from other folders.

    Raises:
        DataError: if `path` is a file, or a folder that holds something other than such a result.
    """
    check_replaceable(path, marker=marker)
    with atomic_dir(Path(path).resolve(), durable=False) as temporary:
        yield temporary


def check_replaceable(path: str | Path, *, marker: str) -> Path:
    """`path` as a path; finds out before long work whether `result_dir` will accept it.

    Raises:
        DataError: if `path` is a file, or a folder that holds something other than a result with `marker`.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise DataError(f"{path} is a file: expected the name of a new folder")
    if path.is_dir() and any(path.iterdir()) and not (path / marker).is_file():
        raise DataError(f"{path} holds other files (no {marker} of an earlier result): choose a new folder")
    return path
