"""Check a submission before the server does: names, number, mode, values and sizes of its PNG."""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from tqdm.auto import tqdm

from rvos_edu.data.refer_youtube_vos import hint_about_test_videos
from rvos_edu.data.submission_format import SubmissionFormat, VideoNames, submission_format
from rvos_edu.data.submission_images import FrameSizes, look_at_png
from rvos_edu.data.submission_report import Findings, SubmissionReport
from rvos_edu.errors import DataError

_BROKEN = (  # what Python raises for damaged archives and for members that it cannot unpack
    zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError, struct.error, OverflowError, RuntimeError,
)  # fmt: skip
_LARGEST = 64 << 20  # bytes of a PNG; more is no mask
_Place = tuple[str, str, str]  # video, expression, frame


def validate_submission(
    path: str | Path,
    root: str | Path,
    split: str = "valid",
    name: str = "refer-youtube-vos",
    *,
    progress: bool = False,
) -> SubmissionReport:
    """Compare a zip with what the server of a dataset wants of a split; see `SubmissionFormat`.

    Nothing is unpacked to the disk; of the dataset only its JSON and the headers of its frames are read.

    Args:
        path: the zip.
        root: folder of the dataset.
        split: usually valid.
        name: of the dataset.
        progress: show a bar.

    Raises:
        DataError: if the zip or the dataset is not there, or the dataset has no server.
    """
    path, root, form = Path(path), Path(root), submission_format(name)
    if not path.is_file():
        raise DataError(f"{path} is {'a folder: zip what is in it' if path.is_dir() else 'missing'}")
    wanted = form.names(root, split)
    look = _Look(form, wanted, form.test_videos(root, split), FrameSizes(root, split))
    with path.open("rb") as file:
        look.at(file, progress=progress)
    notes = [*look.sizes.notes(), *look.notes()]
    published = form.images.get(split)
    expected = look.expected()
    if published not in (None, expected["PNG"]):
        notes.append(f"this split asks for {expected['PNG']} PNG, the published one for {published}")
        hint = hint_about_test_videos(root, split)
        notes += [hint] if hint and name == "refer-youtube-vos" else []
    return SubmissionReport(path, name, split, expected, look.found(), look.findings.problems(), notes)


@dataclass(frozen=True)
class _Member:
    """A file of the zip that is a mask, whatever folder it lies in."""

    info: zipfile.ZipInfo
    place: _Place


class _Look:
    """One look at a zip; `findings` has the problems afterwards."""

    def __init__(
        self,
        form: SubmissionFormat,
        wanted: Sequence[VideoNames],
        test_videos: frozenset[str],
        sizes: FrameSizes,
    ) -> None:
        self.form, self.wanted, self.sizes = form, wanted, sizes
        self.findings = Findings()
        self._test_videos = test_videos
        self._frames = {v.video: frozenset(v.frames) for v in wanted}
        self._expressions = {v.video: frozenset(v.expressions) for v in wanted}
        self._seen: set[_Place] = set()
        self._empty = 0

    def at(self, file: IO[bytes], *, progress: bool) -> None:
        """Look at names, then at pixels."""
        try:
            archive = zipfile.ZipFile(file)
        except _BROKEN:
            self._not_opened(file)
            return
        with archive:
            members = self._names(archive.infolist())
            self._missing()
            self._pixels(archive, members, progress=progress)

    def _not_opened(self, file: IO[bytes]) -> None:
        file.seek(0)
        start = file.read(4)
        cut = start in (b"PK\x03\x04", b"PK\x07\x08")
        self.findings.add("truncated zip" if cut else "not a zip", f"it begins with {start!r}")

    def _names(self, infos: Sequence[zipfile.ZipInfo]) -> list[_Member]:
        members, elsewhere = [], Counter[str]()
        counts = Counter(info.filename for info in infos)
        for name, count in counts.items():
            if count > 1:
                self.findings.add("duplicate", name)
        surplus: dict[tuple[str, str], None] = {}
        for info in infos:
            if self._unsafe(info) or info.is_dir():
                continue
            parts = PurePosixPath(info.filename).parts
            place = self._place(parts)
            if place is None:
                surplus[self._surplus(info.filename, parts)] = None
                continue
            if place not in self._seen:
                self._seen.add(place)
                members.append(_Member(info, place))
            if "/".join(parts[:-3]) != self.form.folder:
                elsewhere["/".join(parts[:-3])] += 1
        for folder, count in elsewhere.items():
            where = f"the folder {folder}/" if folder else "the top of the zip"
            self.findings.add("wrong root", f"{where} instead of {self.form.root}", count)
        self.findings.update(surplus)
        return members

    def _unsafe(self, info: zipfile.ZipInfo) -> bool:
        name = info.filename
        link = stat.S_ISLNK(info.external_attr >> 16)
        if name.startswith("/") or ".." in name.replace("\\", "/").split("/") or name[1:2] == ":" or link:
            self.findings.add("name climbs out", f"{name} (a link)" if link else name)
            return True
        if "\\" in name:
            self.findings.add("backslash", name)
            return True
        return False

    def _place(self, parts: tuple[str, ...]) -> _Place | None:
        """Which mask the last three parts of a name stand for."""
        if len(parts) < 3 or not parts[-1].endswith(".png"):
            return None
        video, expression, frame = parts[-3], parts[-2], parts[-1].removesuffix(".png")
        asked = expression in self._expressions.get(video, ()) and frame in self._frames[video]
        return (video, expression, frame) if asked else None

    def _surplus(self, name: str, parts: tuple[str, ...]) -> tuple[str, str]:
        """(kind, place) of a file that is no mask that is asked for."""
        if name.lower().endswith(".zip"):
            return "nested zip", name
        if len(parts) < 3 or not parts[-1].endswith(".png") or parts[0] == "__MACOSX":
            return "surplus file", name
        video, expression = parts[-3], parts[-2]
        if video in self._test_videos:
            return "test video", video
        if video not in self._frames:
            return "surplus video", video
        if expression not in self._expressions[video]:
            return "surplus expression", f"{video}/{expression}"
        return "surplus frame", f"{video}/{expression}/{parts[-1]}"

    def _missing(self) -> None:
        seen = {(video, expression) for video, expression, _ in self._seen}
        videos = {video for video, _ in seen}
        for names in self.wanted:
            if names.video not in videos and names.expressions:
                self.findings.add("missing video", names.video)
                continue
            for expression in names.expressions:
                where = f"{names.video}/{expression}"
                if (names.video, expression) not in seen:
                    self.findings.add("missing expression", where)
                    continue
                for frame in names.frames:
                    if (names.video, expression, frame) not in self._seen:
                        self.findings.add("missing frame", f"{where}/{frame}.png")

    def _pixels(self, archive: zipfile.ZipFile, members: Sequence[_Member], *, progress: bool) -> None:
        groups: dict[tuple[str, str], list[_Member]] = {}
        for member in members:
            groups.setdefault(member.place[:2], []).append(member)
        bar = tqdm(total=len(members), desc="checking", unit="PNG", disable=not progress)
        with bar, ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            for results in pool.map(lambda group: [self._pixel(archive, m) for m in group], groups.values()):
                for found, empty in results:
                    self.findings.update(found)
                    self._empty += empty
                bar.update(len(results))

    def _pixel(self, archive: zipfile.ZipFile, member: _Member) -> tuple[list[tuple[str, str]], bool]:
        """(problems, whether the mask is empty) of one PNG."""
        name = member.info.filename
        if member.info.file_size > _LARGEST:
            return [("damaged PNG", f"{name} ({member.info.file_size >> 20} MiB)")], False
        try:
            content = archive.read(member.info)
        except _BROKEN as error:
            return [("damaged PNG", f"{name} ({error})")], False
        video, _, frame = member.place
        return look_at_png(content, name, self.sizes.of(video, frame))

    def expected(self) -> dict[str, int]:
        """What is asked for."""
        return {
            "videos": sum(1 for v in self.wanted if v.expressions),
            "expressions": sum(len(v.expressions) for v in self.wanted),
            "PNG": sum(len(v.expressions) * len(v.frames) for v in self.wanted),
        }

    def found(self) -> dict[str, int]:
        """What of that is there."""
        return {
            "videos": len({video for video, _, _ in self._seen}),
            "expressions": len({place[:2] for place in self._seen}),
            "PNG": len(self._seen),
        }

    def notes(self) -> list[str]:
        """How many masks are empty."""
        if not self._empty:
            return []
        every = " (all of them)" if self._empty == len(self._seen) else ""
        return [f"{self._empty} of {len(self._seen)} masks are empty{every}"]
