"""What the servers of Refer-YouTube-VOS and MeViS want: one PNG per (video, expression, frame), in a zip.

Every PNG is 8-bit grey (mode L) with the values 0 and 255, as large as its frame; there is one for every
frame, also where nothing was found. Refer-YouTube-VOS: Annotations/<video>/<expression>/<frame>.png; MeViS
the same without the folder Annotations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rvos_edu.data.reading import check_plain_name
from rvos_edu.data.refer_youtube_vos import expressions_file, read_split, read_videos
from rvos_edu.errors import DataError, SplitError


@dataclass(frozen=True)
class VideoNames:
    """What a split asks about one video: names of its frames, and ids of its expressions."""

    video: str
    frames: tuple[str, ...]
    expressions: tuple[str, ...]


@dataclass(frozen=True)
class SubmissionFormat:
    """A submission to one server.

    Args:
        data: name of the dataset.
        folder: what all videos lie in; empty: they lie at the top of the zip.
        names: what a split (root, split) asks for, by its JSON; raises DataError or SplitError.
        test_videos: those that must not be in a submission of a split; empty where that is not known.
        images: PNG of the published splits.
    """

    data: str
    folder: str
    names: Callable[[Path, str], list[VideoNames]]
    test_videos: Callable[[Path, str], frozenset[str]]
    images: Mapping[str, int] = field(default_factory=dict)

    @property
    def root(self) -> str:
        """`folder` in words."""
        return f"the folder {self.folder}/" if self.folder else "the top of the zip"

    def member(self, video: str, expression: str, frame: str) -> str:
        """The name of one PNG in the zip."""
        return "/".join(filter(None, (self.folder, video, expression, f"{frame}.png")))


def frame_file(root: str | Path, split: str, video: str, frame: str) -> Path:
    """A stored frame, in both datasets; its size is that of its PNG."""
    return Path(root) / split / "JPEGImages" / video / f"{frame}.jpg"


def _refer_youtube_vos(root: Path, split: str) -> list[VideoNames]:
    """Faulty sentences too: the server asks for their masks all the same."""
    bad: dict[str, str] = {}
    records = read_split(root, split, bad=bad)
    if whole := [message for key, message in bad.items() if "/" not in key]:
        raise DataError(whole[0])
    faulty = [key.split("/", 1) for key in bad]
    return [
        VideoNames(
            r.video, r.frames, (*(e.id for e in r.expressions), *(e for v, e in faulty if v == r.video))
        )
        for r in records
    ]


def _test_videos(root: Path, split: str) -> frozenset[str]:
    path = expressions_file(root, "test")
    return frozenset(read_videos(path)) if split != "test" and path.is_file() else frozenset()


def _mevis(root: Path, split: str) -> list[VideoNames]:
    path = root / split / "meta_expressions.json"
    if not path.is_file():
        raise SplitError(f"{path} is missing: expected the expressions of the split {split!r} there")
    videos = read_videos(path)
    return [_names(path, video, videos[video]) for video in sorted(videos)]


def _names(path: Path, video: str, about: Any) -> VideoNames:
    check_plain_name(path, "video id", video)
    frames, expressions = (
        (about.get("frames"), about.get("expressions")) if isinstance(about, dict) else (None, None)
    )
    if not isinstance(frames, list) or not isinstance(expressions, dict):
        raise DataError(f"{path}: video {video!r} has no frames or no expressions; is this another split?")
    for what, names in (("frame", frames), ("expression", expressions)):
        for name in names:
            check_plain_name(path, f"{what} of video {video!r}", name)
    return VideoNames(video, tuple(sorted(set(frames))), tuple(expressions))


def _none(root: Path, split: str) -> frozenset[str]:
    return frozenset()


_FORMATS = (
    SubmissionFormat("refer-youtube-vos", "Annotations", _refer_youtube_vos, _test_videos, {"valid": 22046}),
    SubmissionFormat("mevis", "", _mevis, _none, {"valid": 138719}),
)
FORMATS = {form.data: form for form in _FORMATS}


def submission_format(name: str) -> SubmissionFormat:
    """The format of a dataset's server.

    Raises:
        DataError: for a dataset that has none.
    """
    if name not in FORMATS:
        raise DataError(f"{name!r} has no server to submit to; those that have: {', '.join(FORMATS)}")
    return FORMATS[name]
