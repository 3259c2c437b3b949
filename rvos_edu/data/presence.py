"""Which objects are in which frame: every mask is read once, the answer is kept in a small file."""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image
from tqdm.auto import tqdm

from rvos_edu.data.home import home
from rvos_edu.data.images import read_mask
from rvos_edu.data.refer_youtube_vos import VideoRecord
from rvos_edu.files import atomic_write

Presence = dict[str, list[list[int]]]


def object_presence(folder: Path, records: list[VideoRecord]) -> Presence:
    """For each video, per frame, the sorted ids of the objects in its mask.

    Kept in RVOS_EDU_HOME/index under a key of folder, frame names and the time at which mask folders were
    last written to; where that cannot be written the masks are simply read again next time.

    Args:
        folder: the split's folder, which holds `Annotations`.

    Raises:
        DataError: if a mask is missing or damaged.
    """
    store = home() / "index" / f"{_key(folder, records)}.json"
    kept = _read(store)
    if kept is not None and all(len(kept.get(r.video, ())) == len(r.frames) for r in records):
        return kept
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        found = pool.map(lambda record: _present(folder, record), records)
        bar = tqdm(found, total=len(records), desc=f"Reading masks of {folder}", unit="video", delay=2.0)
        presence = {record.video: objects for record, objects in zip(records, bar, strict=True)}
    try:
        with atomic_write(store, durable=False) as temporary:
            temporary.write_text(json.dumps(presence, separators=(",", ":")), encoding="utf-8")
    except (OSError, ValueError):
        pass  # a cache that cannot be written (read-only or full disk) costs time, not correctness
    return presence


def _present(folder: Path, record: VideoRecord) -> list[list[int]]:
    masks = (read_mask(folder / "Annotations" / record.video / f"{name}.png") for name in record.frames)
    counts = (Image.fromarray(mask).histogram() for mask in masks)
    return [[value for value in range(1, 256) if count[value]] for count in counts]


def _key(folder: Path, records: list[VideoRecord]) -> str:
    digest = hashlib.sha256(str(folder.resolve()).encode())
    for record in records:
        place = folder / "Annotations" / record.video
        written = place.stat().st_mtime_ns if place.is_dir() else 0
        digest.update(f"\n{record.video} {written} {' '.join(record.frames)}".encode())
    return digest.hexdigest()[:32]


def _read(store: Path) -> Presence | None:
    try:
        content = json.loads(store.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
