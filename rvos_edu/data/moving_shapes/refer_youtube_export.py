"""Moving Shapes as Refer-YouTube-VOS is published: masks and objects of train only, test listed with valid.

The valid JSON also lists the test videos, whose frames lie among those of valid. Frames are every fifth of a
longer video, but some videos begin later, one of each split has gaps of another length, and one is short.
Sentences may hold capital letters and double spaces.
"""

from __future__ import annotations

import json
import shutil
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from rvos_edu.data.moving_shapes.annotated_frames import new_folder
from rvos_edu.data.moving_shapes.truth import check_moving_shapes
from rvos_edu.data.reading import read_json
from rvos_edu.data.refer_youtube_vos import VideoRecord, expressions_file, read_split
from rvos_edu.errors import DataError

STEP = 5
IRREGULAR, SHORT = 1, 2  # numbers of the videos of a split that are so
SHORTEST = 4  # frames of the shortest published video
LATER = 7  # every so many videos one begins later
Videos = dict[str, dict[str, Any]]


def export_refer_youtube(source: str | Path, root: str | Path) -> Path:
    """Write Moving Shapes below `root` as Refer-YouTube-VOS; the same source gives the same bytes.

    Args:
        source: folder of a dataset that `make` wrote.
        root: is made.

    Raises:
        DataError: if `source` is not Moving Shapes or has test videos but no valid ones, or `root` already
            holds something.
    """
    source, root = Path(source), Path(root)
    check_moving_shapes(source)
    there = {s for s in ("train", "valid", "test") if expressions_file(source, s).is_file()}
    if "test" in there and "valid" not in there:
        raise DataError(
            "refer-youtube-vos lists its test videos with the valid ones, at least one of these: "
            "there is no valid video"
        )
    with new_folder(root) as temporary:
        if "train" in there:
            _write_json(expressions_file(temporary, "train"), _write_videos(source, "train", temporary))
            _write_json(temporary / "train" / "meta.json", _objects(source))
        test = _write_videos(source, "test", temporary) if "test" in there else {}
        if "valid" in there:
            valid = _write_videos(source, "valid", temporary) | test
            _write_json(expressions_file(temporary, "valid"), dict(sorted(valid.items())))
        if test:
            _write_json(expressions_file(temporary, "test"), test)
    return root


def chosen_frames(number: int, count: int) -> dict[int, str]:
    """Which of the `count` frames of video `number` of a split there are, and their names."""
    kept = list(range(count))
    if number == SHORT:
        kept = [round(t) for t in np.linspace(0, count - 1, SHORTEST)]  # who enters or leaves still does
    gaps = [STEP] * (len(kept) - 1)
    if number == IRREGULAR:
        gaps[count // 3], gaps[2 * count // 3] = 2 * STEP, 3
    start = (number // LATER % 16 + 1) * STEP if number % LATER == 0 else 0
    return {t: f"{name:05d}" for t, name in zip(kept, accumulate(gaps, initial=start), strict=True)}


def _write_videos(source: Path, split: str, root: Path) -> Videos:
    """Copy frames, of train also masks, and return what the JSON says of the videos, by id."""
    public = split == "train"
    kinds = [("JPEGImages", "jpg"), *([("Annotations", "png")] if public else [])]
    found: Videos = {}
    for number, record in enumerate(read_split(source, split)):
        names = chosen_frames(number, len(record.frames))
        for kind, suffix in kinds:
            folder = root / ("train" if public else "valid") / kind / record.video
            folder.mkdir(parents=True)
            for t, name in names.items():
                old = source / split / kind / record.video / f"{record.frames[t]}.{suffix}"
                shutil.copyfile(old, folder / f"{name}.{suffix}")
        expressions = _expressions(record, number, public=public)
        found[record.video] = {"expressions": expressions, "frames": list(names.values())}
    return found


def _expressions(record: VideoRecord, number: int, *, public: bool) -> dict[str, dict[str, str]]:
    found = {}
    for key, said in enumerate(record.expressions):
        text = said.raw
        if (number + key) % 4 == 0:
            text = text.capitalize()
        elif (number + key) % 4 == 2:
            text = text.replace(" ", "  ", 1)
        found[str(key)] = {"exp": text, **({"obj_id": str(said.object_id)} if public else {})}
    return found


def _objects(source: Path) -> Videos:
    """What train/meta.json says: the category of every object, and the frames that show it."""
    objects = read_json(source / "train" / "meta.json")["videos"]
    found: Videos = {}
    for number, record in enumerate(read_split(source, "train")):
        names = chosen_frames(number, len(record.frames))
        renamed = {record.frames[t]: name for t, name in names.items()}
        found[record.video] = {
            "objects": {
                identity: {
                    "category": about["category"],
                    "frames": [renamed[frame] for frame in about["frames"] if frame in renamed],
                }
                for identity, about in objects[record.video]["objects"].items()
            }
        }
    return found


def _write_json(path: Path, videos: Videos) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"videos": videos}) + "\n", encoding="utf-8")
