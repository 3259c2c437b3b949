"""Which objects are in which frame: every mask is read once, the answer is kept in a small file."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image
from tqdm.auto import tqdm

from rvos_edu.data.images import read_mask
from rvos_edu.data.index import index_key, kept, last_look
from rvos_edu.data.refer_youtube_vos import VideoRecord

Presence = dict[str, list[list[int]]]


def object_presence(folder: Path, records: list[VideoRecord], *, void: int | None = None) -> Presence:
    """For each video, per frame, the sorted ids of the objects in its mask.

    Kept in RVOS_EDU_HOME/index under a key of folder, frame names and the time at which mask folders were
    last written to, until `look_anew` of the dataset's folder. Where that cannot be written the masks are
    simply read again next time.

    Args:
        folder: the split's folder, which holds `Annotations`.
        void: value of pixels that belong to no object although they are not background.

    Raises:
        DataError: if a mask is missing or damaged.
    """

    def build() -> Presence:
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            found = pool.map(lambda record: _present(folder, record, void), records)
            bar = tqdm(found, total=len(records), desc=f"Reading masks of {folder}", unit="video", delay=2.0)
            return {record.video: objects for record, objects in zip(records, bar, strict=True)}

    def valid(found: object) -> bool:
        return isinstance(found, dict) and all(len(found.get(r.video, ())) == len(r.frames) for r in records)

    presence: Presence = kept(_key(folder, records, void), build, valid=valid)
    return presence


def _present(folder: Path, record: VideoRecord, void: int | None) -> list[list[int]]:
    masks = (read_mask(folder / "Annotations" / record.video / f"{name}.png") for name in record.frames)
    counts = (Image.fromarray(mask).histogram() for mask in masks)
    return [[value for value in range(1, 256) if count[value] and value != void] for count in counts]


def _key(folder: Path, records: list[VideoRecord], void: int | None) -> str:
    parts = [] if void is None else [f"void {void}"]
    for record in records:
        place = folder / "Annotations" / record.video
        written = place.stat().st_mtime_ns if place.is_dir() else 0
        parts.append(f"{record.video} {written} {' '.join(record.frames)}")
    return index_key(folder.resolve(), *parts, *last_look(folder.parent))
