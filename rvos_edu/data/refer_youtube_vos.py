"""The layout of Refer-YouTube-VOS on disk (Seo et al., ECCV 2020), which Moving Shapes shares.

root/<split>/JPEGImages/<video>/<frame>.jpg, root/<split>/Annotations/<video>/<frame>.png (value = object id),
root/meta_expressions/<split>/meta_expressions.json. Frame names are not evenly spaced: the JSON lists them.
`meta.json` is not needed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rvos_edu.data.reading import check_plain_name, read_json, repeated_keys
from rvos_edu.errors import DataError, SplitError

VALID_VIDEOS = 202  # that the competition scores; the published valid JSON lists 305 of test as well
_TWICE = object()  # stands for a video that a file lists more than once


@dataclass(frozen=True)
class ExpressionRecord:
    """One sentence; `object_id` is None where it is not public, the rest is as in VideoSample."""

    id: str
    raw: str
    text: str
    object_id: int | None
    category: str | None
    candidates: int | None


@dataclass(frozen=True)
class VideoRecord:
    """One video: names of its frames in order, and its sentences in the order of their numbers."""

    video: str
    frames: tuple[str, ...]
    expressions: tuple[ExpressionRecord, ...]


def expressions_file(root: str | Path, split: str) -> Path:
    """Where the sentences of a split are stored."""
    return Path(root) / "meta_expressions" / split / "meta_expressions.json"


def ids_file(root: str | Path, split: str) -> Path:
    """An optional file of video ids, one per line: only these videos belong to the split."""
    return Path(root) / "meta_expressions" / split / "ids.txt"


def read_split(
    root: str | Path,
    split: str,
    *,
    skip: frozenset[str] = frozenset(),
    bad: dict[str, str] | None = None,
) -> list[VideoRecord]:
    """The videos of a split, sorted by id.

    The published valid JSON also lists the test videos: they are left out when the test JSON (or a file
    of valid ids, see `ids_file`) is there.

    Args:
        skip: videos, and sentences as "video/expression", that are left out unread.
        bad: collects what is wrong with a video or a sentence, by such keys, instead of raising; the rest is
            returned.

    Raises:
        DataError: if a folder or file is missing, is no JSON of this layout, names a video or frame that
            is not a plain file name, or holds an empty sentence.
    """
    root = Path(root)
    _check_root(root, split)
    path = expressions_file(root, split)
    videos = read_videos(path)
    test = expressions_file(root, "test")
    if split == "valid" and test.is_file():
        of_test = read_videos(test)
        videos = {v: about for v, about in videos.items() if v not in of_test}
    ids = ids_file(root, split)
    if ids.is_file():
        chosen = set(ids.read_text(encoding="utf-8").split())
        if unknown := sorted(chosen - videos.keys()):
            raise DataError(f"{ids} names the video {unknown[0]!r}, which {path} does not list")
        videos = {v: about for v, about in videos.items() if v in chosen}
    if not videos:
        raise DataError(f"{path} leaves no videos for the split {split!r}")
    return read_records(path, videos, skip=skip, bad=bad)


def read_records(
    path: Path, videos: dict[str, Any], *, skip: frozenset[str], bad: dict[str, str] | None
) -> list[VideoRecord]:
    """Checked records of what `read_videos` found in a file, by id; arguments and errors as `read_split`."""
    read = _Reader(path, skip, bad)
    return [record for video in sorted(videos) if (record := read.video(video, videos[video]))]


def missing_files(root: str | Path, split: str, records: list[VideoRecord]) -> list[Path]:
    """Frames that the JSON names but that are not on disk, and masks where the split has masks."""
    folder = Path(root) / split
    kinds = [("JPEGImages", ".jpg")]
    if (folder / "Annotations").is_dir():
        kinds.append(("Annotations", ".png"))
    missing = []
    for record in records:
        for kind, suffix in kinds:
            if kind == "Annotations" and all(e.object_id is None for e in record.expressions):
                continue
            place = folder / kind / record.video
            there = set(os.listdir(place)) if place.is_dir() else set()
            missing += [place / (f + suffix) for f in record.frames if f + suffix not in there]
    return missing


def missing_by_video(records: list[VideoRecord], missing: list[Path]) -> dict[str, str]:
    """What to say of each video that `missing_files` names something of."""
    lost: dict[str, list[Path]] = {}
    for path in missing:
        lost.setdefault(path.parent.name, []).append(path)
    found = {}
    for record in records:
        if not (paths := lost.get(record.video)):
            continue
        counts = [
            f"{number} of {len(record.frames)} {what}"
            for what, suffix in (("frames", ".jpg"), ("masks", ".png"))
            if (number := sum(path.suffix == suffix for path in paths))
        ]
        first, rest = paths[0], f" ({' and '.join(counts)} of this video are missing)"
        found[record.video] = f"{first} is missing{rest if len(paths) > 1 else ''}"
    return found


def missing_message(root: str | Path, split: str, missing: list[Path]) -> str:
    """What is missing, and how to mend the well-known cause."""
    named = expressions_file(root, split)
    text = f"{missing[0]} is missing, though {named} names it ({len(missing)} files in all)"
    hint = hint_about_test_videos(root, split)
    return f"{text}. {hint}" if hint else text


def hint_about_test_videos(root: str | Path, split: str) -> str:
    """How to leave the test videos out of the published valid JSON; empty where nothing can be said."""
    known = expressions_file(root, "test").is_file() or ids_file(root, split).is_file()
    if split != "valid" or known:
        return ""
    return (
        "The published valid JSON also lists the test videos: put the test JSON at "
        f"{expressions_file(root, 'test')}, or the ids of the valid videos, one per line, in "
        f"{ids_file(root, split)}"
    )


def _check_root(root: Path, split: str) -> None:
    layout = "expected <split>/JPEGImages and meta_expressions/<split>/meta_expressions.json in it"
    if not root.is_dir():
        raise DataError(f"the dataset folder {root} does not exist; {layout}")
    folder = root / "meta_expressions"
    known = sorted(p.parent.name for p in folder.glob("*/meta_expressions.json"))
    if not known:
        raise DataError(f"the dataset folder {root} holds no sentences; {layout}")
    if split not in known and split and (root / split / "JPEGImages").is_dir():
        raise DataError(f"{expressions_file(root, split)} is missing")
    if split not in known:
        raise SplitError(f"unknown split {split!r} of {root}; expected one of {', '.join(known)}")


def read_videos(path: Path) -> dict[str, Any]:
    """What a file of sentences has under "videos", unchecked.

    Raises:
        DataError: if the file is missing or no such JSON.
    """
    content = read_json(path)
    videos = content.get("videos") if isinstance(content, dict) else None
    if not isinstance(videos, dict):
        raise DataError(f'{path} must hold {{"videos": {{id: {{"expressions", "frames"}}}}}}')
    if "videos" in repeated_keys(content):
        raise DataError(f'{path} holds "videos" more than once')
    twice = repeated_keys(videos)
    return {video: _TWICE if video in twice else about for video, about in videos.items()}


@dataclass(frozen=True)
class _Reader:
    """Makes records of one JSON file; see `read_split`."""

    path: Path
    skip: frozenset[str]
    bad: dict[str, str] | None

    def video(self, video: str, about: Any) -> VideoRecord | None:
        if video in self.skip:
            return None
        try:
            frames, expressions = _video(self.path, video, about)
        except DataError as error:
            self._wrong(video, error)
            return None
        repeated = repeated_keys(expressions)
        found = [
            self._expression(video, key, expressions[key], twice=key in repeated)
            for key in sorted(expressions, key=int)
        ]
        return VideoRecord(video, frames, tuple(e for e in found if e is not None))

    def _expression(self, video: str, key: str, about: Any, *, twice: bool) -> ExpressionRecord | None:
        where = f"{video}/{key}"
        if where in self.skip:
            return None
        try:
            if twice:
                raise DataError(f"{self.path}: video {video!r} has the expression {key} more than once")
            return _expression(self.path, video, key, about)
        except DataError as error:
            self._wrong(where, error)
            return None

    def _wrong(self, key: str, error: DataError) -> None:
        if self.bad is None:
            raise error
        self.bad[key] = str(error)


def _video(path: Path, video: str, about: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    check_plain_name(path, "video id", video)
    if about is _TWICE:
        raise DataError(f"{path} lists the video {video!r} more than once")
    if not isinstance(about, dict):
        raise DataError(f"{path}: video {video!r} must be an object with expressions and frames")
    if twice := repeated_keys(about):
        raise DataError(f"{path}: video {video!r} has {', '.join(sorted(twice))} more than once")
    frames, expressions = about.get("frames"), about.get("expressions")
    if not isinstance(frames, list) or not frames:
        raise DataError(f"{path}: video {video!r} has no list of frames")
    if not isinstance(expressions, dict):
        raise DataError(f"{path}: video {video!r} has no expressions; is this the file of another split?")
    for frame in frames:
        check_plain_name(path, f"frame of video {video!r}", frame)
    if len(set(frames)) < len(frames):
        again = next(frame for i, frame in enumerate(frames) if frame in frames[:i])
        raise DataError(f"{path}: video {video!r} lists a frame twice: {again}")
    if bad := [key for key in expressions if not key.isdecimal()]:
        raise DataError(f"{path}: video {video!r} has the expression id {bad[0]!r}, expected a number")
    return tuple(sorted(frames)), expressions


def _expression(path: Path, video: str, key: str, about: Any) -> ExpressionRecord:
    where = f"{path}: expression {key} of video {video!r}"
    if not isinstance(about, dict) or not isinstance(about.get("exp"), str):
        raise DataError(f'{where} must be an object with the sentence in "exp"')
    if twice := repeated_keys(about):
        raise DataError(f"{where} has {', '.join(sorted(twice))} more than once")
    text = " ".join(about["exp"].lower().split())
    if not text:
        raise DataError(f"{where} is empty")
    category, candidates = about.get("category"), about.get("candidates")
    if not (category is None or isinstance(category, str)):
        raise DataError(f"{where} has the category {category!r}, expected text")
    if not (candidates is None or isinstance(candidates, int)):
        raise DataError(f"{where} has candidates {candidates!r}, expected a whole number")
    return ExpressionRecord(
        key, about["exp"], text, _object_id(where, about.get("obj_id")), category, candidates
    )


def _object_id(where: str, value: Any) -> int | None:
    """A string or number in the published files; 0 is the background and 255 the largest 8-bit value."""
    if value is None:
        return None
    text = str(value).strip()
    if isinstance(value, bool) or not text.isdecimal() or not 1 <= int(text) <= 255:
        raise DataError(f"{where} has obj_id {value!r}, expected a number from 1 to 255")
    return int(text)
