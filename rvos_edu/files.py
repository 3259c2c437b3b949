"""Files and folders that are either whole or absent: temporary name first, then one rename."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rvos_edu.errors import RVOSError

TEMPORARY_PREFIX = ".tmp-"  # an interrupted process can leave such a file or folder behind; safe to delete


class StorageError(RVOSError):
    """The disk is full; what was there before is still there."""


@contextmanager
def atomic_write(path: str | Path, *, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path` (same suffix); on success it becomes `path`.

    The body creates the file at the temporary path. On any exception the temporary file is
    removed and an older `path` stays as it was. Missing parent folders are made.

    Args:
        path: the file to write or replace.
        durable: flush the bytes to the disk before the rename (survives a power cut).

    Raises:
        StorageError: if the disk is full; names the path and the free space.
        FileNotFoundError: if the body wrote nothing.
    """
    path = Path(path)
    with _temporary(path) as temporary:
        yield temporary
        if durable:
            _flush(temporary)
        os.replace(temporary, path)
        if durable:
            _flush(path.parent)


@contextmanager
def atomic_dir(path: str | Path, *, durable: bool = True) -> Iterator[Path]:
    """Yield an empty temporary folder beside `path`; on success it becomes `path`, replacing an older one.

    On any exception the temporary folder is removed and an older `path` stays as it was.

    Args:
        path: the folder to write or replace.
        durable: flush every file to the disk before the rename (slow for thousands of files).

    Raises:
        StorageError: if the disk is full; names the path and the free space.
    """
    path = Path(path)
    with _temporary(path) as temporary:
        temporary.mkdir()
        yield temporary
        if durable:
            for item in [*temporary.rglob("*"), temporary]:
                _flush(item)
        _replace_folder(temporary, path)
        if durable:
            _flush(path.parent)


def remove_temporary(folder: str | Path) -> None:
    """Delete what killed processes left half-written in `folder` (not in its sub-folders)."""
    for item in Path(folder).glob(TEMPORARY_PREFIX + "*"):
        _remove(item)


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    temporary = path.parent / f"{TEMPORARY_PREFIX}{uuid.uuid4().hex[:8]}-{path.name}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
    except BaseException as error:
        _remove(temporary)
        if _means_disk_full(error):
            raise StorageError(f"{path} was not written: the disk is full ({_free(path)} free)") from error
        raise


def _replace_folder(temporary: Path, path: Path) -> None:
    """A folder that is not empty cannot be renamed over: the old one steps aside first."""
    if not path.exists():
        os.replace(temporary, path)
        return
    aside = temporary.with_name(temporary.name + "-old")
    os.replace(path, aside)
    try:
        os.replace(temporary, path)
    except BaseException:
        os.replace(aside, path)
        raise
    _remove(aside)


def _flush(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot open folders
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _means_disk_full(error: BaseException) -> bool:
    """ENOSPC, also as safetensors (Rust) and torch (C++) word it: they do not raise OSError."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    text = str(error)
    return isinstance(error, Exception) and ("No space left on device" in text or "StorageFull" in text)


def _free(path: Path) -> str:
    folder = path.parent
    while not folder.exists():
        folder = folder.parent
    return f"{shutil.disk_usage(folder).free / 2**20:.1f} MiB"
