"""Small files under RVOS_EDU_HOME/index that keep what reading a dataset once has found."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from rvos_edu.data.home import home
from rvos_edu.files import atomic_write

REPORT_NAME = "prepare-report.txt"  # of `prepare`, in the dataset's folder: it says nothing about the data
_TEXTS = (".json", ".txt", ".csv", ".p")


@dataclass
class IndexUse:
    """How often, in this process, something was read in the index and had to be built."""

    read: int = 0
    built: int = 0


USE = IndexUse()


def index_key(*parts: object) -> str:
    """A file name for what depends on `parts`: paths, names, times of change."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{part}\n".encode())
    return digest.hexdigest()[:32]


def file_stamp(path: Path) -> str:
    """Place, time of change and size of a file, as one part of a key; a missing one has a stamp, too."""
    about = path.stat() if path.exists() else None
    return f"{path.resolve()} {about.st_mtime_ns} {about.st_size}" if about else f"{path.resolve()} missing"


def tree_stamps(root: Path) -> str:
    """Times of change of all folders below `root`, and of its text files, as one part of a key.

    A folder changes when names in it do; an image that is overwritten in place goes unnoticed. Links are
    followed, each folder is looked at once. Of `root` itself the names count: reports and hidden files come
    and go there.
    """
    lines = [str(root.resolve())]
    seen: set[tuple[int, int]] = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        about = os.stat(folder)
        if (about.st_dev, about.st_ino) in seen:
            folders.clear()
            continue
        seen.add((about.st_dev, about.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        own = sorted(name for name in names if not name.startswith(".") and name != REPORT_NAME)
        top = folder == str(root)
        lines.append(" ".join([folder, *folders, *own]) if top else f"{folder} {about.st_mtime_ns}")
        lines += [file_stamp(Path(folder, name)) for name in own if name.endswith(_TEXTS)]
    return "\n".join(lines)


def look_anew(root: Path) -> None:
    """Let everything whose key has `last_look` of this folder be built again when it is next asked for."""
    _write(_store(_look_key(root)), uuid.uuid4().hex)


def last_look(root: Path) -> list[str]:
    """Parts of a key that change with `look_anew`; none before its first call."""
    found = _read(_store(_look_key(root)))
    return [] if found is None else [f"look {found}"]


def kept(key: str, build: Callable[[], Any], *, valid: Callable[[Any], bool], anew: bool = False) -> Any:
    """What `build` returned when this key was first asked for, as JSON gives it back.

    Of several processes that ask at once one builds, the others wait and read. Where the index cannot be
    written (a read-only or full disk) each builds it each time: that costs time only.

    Args:
        key: from `index_key`.
        build: makes something that JSON can hold; it may ask for other keys.
        valid: whether what was kept is complete; if not it is built again.
        anew: build it again in any case.
    """
    store = _store(key)
    found = None if anew else _read(store)
    if found is None or not valid(found):
        with _alone(store):
            found = None if anew else _read(store)  # by now another process may have built it
            if found is None or not valid(found):
                USE.built += 1
                return _write(store, build())
    USE.read += 1
    return found


def _alone(store: Path) -> AbstractContextManager[object]:
    """A lock of one entry; where there can be none nobody waits."""
    try:
        store.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(store.with_suffix(".lock")).acquire()
    except (OSError, NotImplementedError):
        return nullcontext()


def _store(key: str) -> Path:
    return home() / "index" / f"{key}.json"


def _look_key(root: Path) -> str:
    return index_key("last look", root.resolve())


def _write(store: Path, content: Any) -> Any:
    text = json.dumps(content, separators=(",", ":"))
    try:
        with atomic_write(store, durable=False) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except (OSError, ValueError):
        pass
    return json.loads(text)


def _read(store: Path) -> Any:
    try:
        return json.loads(store.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
