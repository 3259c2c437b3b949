"""Unpack zip and tar archives that nobody vouches for: no path that climbs out, no links, no bombs."""

from __future__ import annotations

import json
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import IO

from tqdm.auto import tqdm

from rvos_edu.data.index import file_stamp, index_key
from rvos_edu.errors import DataError, RVOSError
from rvos_edu.files import atomic_dir, atomic_write, remove_temporary

MARKS = ".unpacked"  # folder of the dataset: one small file per archive that is unpacked
# Of all contents to the archive. Tables reach 30, uncompressed masks in a tar.xz more than 200 (A2D), and
# 1,032 is the most that deflate (zip, gz) can do: this holds back xz and bz2 only. Against anything else that
# is too large there is the space of the disk.
RATIO = 1100
FREE = 2**30  # bytes of the disk that stay free
MEMBERS = 5_000_000
_SMALL = 64 * 2**20  # contents below this are no bomb, whatever their ratio
_DAMAGE = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, LZMAError),
    *(EOFError, OSError, RuntimeError, ValueError, KeyError),
)


@dataclass(frozen=True)
class _Member:
    """A file or folder of an archive; `open` gives the contents of a file, a folder has none."""

    name: str
    open: Callable[[], IO[bytes] | None] | None


def is_unpacked(archive: str | Path, root: str | Path) -> bool:
    """Whether `unpack` has done this archive (same place, size, time of change) below `root`."""
    return _mark(Path(archive), Path(root)).is_file()


def unpack(archive: str | Path, root: str | Path) -> int:
    """Unpack a zip or tar archive (gz, bz2, xz) into a folder, among what is there; the number of files.

    All of it is unpacked into a folder beside and then moved, so an interrupted call leaves nothing half
    written: call it again. Files of the same name are replaced. Permissions and owners in the archive do not
    count. A second call for the same archive does nothing and returns 0.

    Raises:
        DataError: before anything is in `root`, if the archive is missing, damaged or encrypted; if a member
            has a name that leaves the folder, or is a link or device; if the contents do not fit on the disk
            or are more than `RATIO` times as large as the archive.
    """
    archive, root = Path(archive), Path(root)
    if is_unpacked(archive, root):
        return 0
    if not archive.is_file():
        raise DataError(f"the archive {archive} does not exist")
    root.mkdir(parents=True, exist_ok=True)
    remove_temporary(root)  # of a call that was killed
    with _damage(archive), atomic_dir(root / f".{archive.name}", durable=False) as folder:
        count = _write_members(archive, folder)
    unpacked = root / f".{archive.name}"
    for item in sorted(unpacked.iterdir()):
        put(item, root / item.name)
    unpacked.rmdir()
    with atomic_write(_mark(archive, root)) as mark:
        mark.write_text(json.dumps({"archive": archive.name, "files": count}) + "\n", encoding="utf-8")
    return count


def _mark(archive: Path, root: Path) -> Path:
    return root / MARKS / f"{index_key(file_stamp(archive))}.json"


@contextmanager
def _damage(archive: Path) -> Iterator[None]:
    try:
        yield
    except RVOSError:
        raise
    except _DAMAGE as error:
        raise DataError(f"{archive} cannot be unpacked: {error}") from error


def _write_members(archive: Path, folder: Path) -> int:
    """Every file, bytes counted as they come: what headers say is not believed."""
    room = shutil.disk_usage(folder).free - FREE
    most = max(_SMALL, RATIO * archive.stat().st_size)
    written = files = 0
    for number, member in enumerate(tqdm(_members(archive), desc=f"Unpacking {archive.name}", delay=2.0)):
        if number >= MEMBERS:
            raise DataError(f"{archive} has more than {MEMBERS} members")
        place = folder / _safe(archive, member.name)
        source = member.open() if member.open is not None else None
        if source is None:
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        files += 1
        with source, place.open("wb") as target:
            while chunk := source.read(2**20):
                written += len(chunk)
                if written > most:
                    raise DataError(
                        f"{archive} holds more than {most} bytes, {RATIO} times its size: it is refused "
                        f"as a bomb (at {member.name!r})"
                    )
                if written > room:
                    raise DataError(
                        f"{archive} does not fit on the disk: {max(0, room) / 2**30:.1f} GiB may be used"
                    )
                target.write(chunk)
    return files


def _members(archive: Path) -> Iterator[_Member]:
    if zipfile.is_zipfile(archive):
        yield from _of_zip(archive)
    elif tarfile.is_tarfile(archive):
        yield from _of_tar(archive)
    else:
        raise DataError(f"{archive} is neither a zip nor a tar archive")


def _of_zip(archive: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise DataError(
                    f"{archive}: {info.filename!r} is a link or device, such archives are refused"
                )
            if info.flag_bits & 1:
                raise DataError(f"{archive}: {info.filename!r} is encrypted")
            yield _Member(info.filename, None if info.is_dir() else partial(opened.open, info))


def _of_tar(archive: Path) -> Iterator[_Member]:
    with tarfile.open(archive, "r:*") as opened:
        for info in opened:
            if not (info.isreg() or info.isdir()):
                raise DataError(f"{archive}: {info.name!r} is a link or device, such archives are refused")
            yield _Member(info.name, partial(opened.extractfile, info) if info.isreg() else None)
        stream, rest = opened.fileobj, _SMALL
        while stream is not None and rest > 0 and (padding := stream.read(2**20)):
            rest -= len(padding)  # the checksum of a gz file comes last


def _safe(archive: Path, name: str) -> PurePosixPath:
    """The path of a member below the folder."""
    path = PurePosixPath(name)
    climbs = not path.parts and name not in (".", "./") or path.is_absolute() or ".." in path.parts
    if climbs or path.parts[:1] == (MARKS,) or any(c in name for c in "\\:\0"):
        raise DataError(
            f"{archive}: {name!r} would leave the folder or is no proper name; the archive is refused"
        )
    return path


def put(item: Path, place: Path) -> None:
    """Move a file or folder; a folder that is there already is filled, a file replaced.

    Raises:
        DataError: if a file is in the way of a folder, or the other way round.
    """
    if item.is_dir() and place.is_dir() and not place.is_symlink():
        for inner in sorted(item.iterdir()):
            put(inner, place / inner.name)
        item.rmdir()
    elif item.is_dir() and place.exists():
        raise DataError(f"{place} is in the way of the folder {item.name}: it is a file or a link")
    elif place.is_dir():
        raise DataError(f"{place} is in the way of the file {item.name}: it is a folder")
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(item, place)
