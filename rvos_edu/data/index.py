"""Small files under RVOS_EDU_HOME/index that keep what reading a dataset once has found."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

    A folder changes when names in it do; an image that is overwritten in place goes unnoticed. Of `root`
    itself the names count: reports and hidden files come and go there.
    """
    lines = [str(root.resolve())]
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        own = sorted(name for name in names if not name.startswith(".") and name != REPORT_NAME)
        top = folder == str(root)
        lines.append(" ".join([folder, *folders, *own]) if top else f"{folder} {os.stat(folder).st_mtime_ns}")
        for name in own:
            if name.endswith(_TEXTS):
                about = os.stat(os.path.join(folder, name))
                lines.append(f"{name} {about.st_mtime_ns} {about.st_size}")
    return "\n".join(lines)


def kept(key: str, build: Callable[[], Any], *, valid: Callable[[Any], bool], anew: bool = False) -> Any:
    """What `build` returned when this key was first asked for, as JSON gives it back.

    Where the index cannot be written (a read-only or full disk) it is built each time: that costs time only.

    Args:
        key: from `index_key`.
        build: makes something that JSON can hold.
        valid: whether what was kept is complete; if not it is built again.
        anew: build it again in any case.
    """
    store = home() / "index" / f"{key}.json"
    found = None if anew else _read(store)
    if found is not None and valid(found):
        USE.read += 1
        return found
    USE.built += 1
    built = build()
    text = json.dumps(built, separators=(",", ":"))
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
