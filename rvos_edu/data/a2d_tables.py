"""The tables of A2D-Sentences (Gavrilyuk et al., CVPR 2018): which videos, which split, which sentences.

root/Release/videoset.csv has no header and nine columns, of which the first (video) and the last (0 train,
1 test) are used, and by the check the eighth (number of annotated frames).
root/text_annotations/a2d_annotation.txt has one sentence per instance of a video, and a2d_missed_videos.txt
the videos that nobody has described.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path

from rvos_edu.data.centre_windows import InstanceSentence
from rvos_edu.data.reading import check_plain_name
from rvos_edu.data.sentence_tables import Faults, Row, plain_text, read_rows, unfinished
from rvos_edu.errors import DataError, SplitError

SPLITS = ("train", "test")  # by the number in the last column
CLIP_FOLDERS = ("clips320H", "CLIPS320")
HEADER = "video_id,instance_id,query"
MISSED = "a2d_missed_videos.txt"
_COLUMNS = 9
_COPY = re.compile(r"\d+ \(copy\)")
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class A2DVideo:
    """One video: its id, its file, and its sentences by instance.

    `annotated`: how many frames have masks by `videoset.csv`; None where that is no number.
    """

    video: str
    path: Path
    sentences: tuple[InstanceSentence, ...]
    annotated: int | None


def videoset_file(root: Path) -> Path:
    """Which videos there are, and in which split."""
    return root / "Release" / "videoset.csv"


def sentences_file(root: Path) -> Path:
    """The sentences."""
    return root / "text_annotations" / "a2d_annotation.txt"


def missed_file(root: Path) -> Path:
    """Videos without sentences."""
    return root / "text_annotations" / MISSED


def read_split(
    root: Path,
    split: str,
    *,
    skip: frozenset[str] = frozenset(),
    bad: dict[str, str] | None = None,
    notes: list[str] | None = None,
    gaps: list[str] | None = None,
) -> list[A2DVideo]:
    """The videos of a split that have sentences, sorted by id.

    What names a video that `videoset.csv` does not have is a fault of the first split: each fault is in one.
    The published file has one row whose instance is "1 (copy)": such rows are left out, with a note.

    Args:
        skip: videos, and sentences as "video/instance", that are left out unread.
        bad: collects what is wrong with a video or a sentence, by such keys, instead of raising.
        notes: collects what is only worth knowing; None: it is logged.
        gaps: collects what the table of sentences should have and does not have; None: it is logged.

    Raises:
        DataError: if a folder or file is missing or no such table, or (without `bad`) for the first fault.
        SplitError: for an unknown split.
    """
    _check_place(root, split)
    faults = Faults(bad, [] if notes is None else notes, [] if gaps is None else gaps)
    subsets, annotated = _read_subsets(videoset_file(root), split, skip, faults)
    missed = _read_missed(missed_file(root), faults)
    sentences = _read_sentences(sentences_file(root), split, subsets, skip, faults)
    clips = _clips_folder(root)
    own = [v for v in sorted(subsets) if subsets[v] == split and v not in skip]
    described = [video for video in own if sentences.get(video) and video not in missed]
    _note_missed(sentences_file(root), own, sentences, missed, faults)
    if split == SPLITS[0]:
        faults.notes.extend(unfinished(sentences_file(root)))
    for text in faults.notes if notes is None else ():
        logger.info("a2d-sentences %s: %s", split, text)
    for text in faults.gaps if gaps is None else ():
        logger.warning("a2d-sentences %s: %s", split, text)
    if not described and not bad:
        raise DataError(f"{sentences_file(root)} has no sentences for the split {split!r}")
    return [
        A2DVideo(video, clips / f"{video}.mp4", tuple(sentences[video]), annotated[video])
        for video in described
        if video not in (bad or {})
    ]


def _check_place(root: Path, split: str) -> None:
    if split not in SPLITS:
        raise SplitError(
            f"unknown split {split!r} of a2d-sentences; expected train or test (there is no other: "
            "for training set data.valid_split to test, as published, or train.evaluate_every to 0)"
        )
    if not root.is_dir():
        raise DataError(
            f"the dataset folder {root} does not exist; expected Release/ and text_annotations/ in it"
        )


def _read_subsets(
    path: Path, split: str, skip: frozenset[str], faults: Faults
) -> tuple[dict[str, str], dict[str, int | None]]:
    """The split of each video, and `A2DVideo.annotated`."""
    subsets: dict[str, str] = {}
    annotated: dict[str, int | None] = {}
    lines: dict[str, int] = {}
    for row in read_rows(path, fields=_COLUMNS):
        video, where = row.fields[0].strip(), f"{path}:{row.line}"
        if video in skip or where in skip:
            continue
        subset = row.fields[-1].strip() if len(row.fields) == _COLUMNS else ""
        try:
            check_plain_name(path, f"video id in line {row.line}", video)
        except DataError as error:
            _of_first_split(split, faults, video or where, str(error))
            continue
        if subset not in ("0", "1"):
            said = ",".join(row.fields)
            message = f"{where} must have {_COLUMNS} columns, the last 0 (train) or 1 (test), got {said!r}"
            _of_first_split(split, faults, video, message)
        elif video in subsets:
            if subsets[video] == split:
                faults.add(video, f"{where} lists the video {video!r} again, after line {lines[video]}")
        else:
            subsets[video], lines[video] = SPLITS[int(subset)], row.line
            number = row.fields[-2].strip()
            annotated[video] = int(number) if number.isdecimal() else None
    return subsets, annotated


def _of_first_split(split: str, faults: Faults, key: str, message: str) -> None:
    if split == SPLITS[0]:
        faults.add(key, message)


def _read_missed(path: Path, faults: Faults) -> frozenset[str]:
    if not path.is_file() or not path.read_bytes().strip():
        state = "empty" if path.is_file() else "missing"
        faults.notes.append(f"{path} is {state}: videos without sentences are left out all the same")
        return frozenset()
    return frozenset(row.fields[0].strip() for row in read_rows(path, fields=1))


def _note_missed(
    path: Path,
    own: list[str],
    sentences: dict[str, list[InstanceSentence]],
    missed: frozenset[str],
    faults: Faults,
) -> None:
    """Videos that no row of the table names: a gap in it where the list of such videos is there."""
    silent = [video for video in own if video not in sentences and video not in missed]
    if silent:
        text = f"{path} has no sentence about {len(silent)} videos, {silent[0]} for example"
        if missed:
            faults.gaps.append(f"{text}, which {MISSED} does not list either: is the table whole?")
        else:
            faults.notes.append(text)
    if clash := [video for video in own if sentences.get(video) and video in missed]:
        faults.notes.append(
            f"{len(clash)} videos are listed as missed and left out, though they have sentences: {clash[0]}"
        )


def _read_sentences(
    path: Path, split: str, subsets: dict[str, str], skip: frozenset[str], faults: Faults
) -> dict[str, list[InstanceSentence]]:
    """Sentences of the videos of one split that have rows, in the order of their instances; perhaps none."""
    found: dict[str, dict[str, InstanceSentence]] = {}
    lines: dict[str, int] = {}
    for row in read_rows(path, header=HEADER, fields=3):
        video = row.fields[0].strip()
        instance = row.fields[1].strip() if len(row.fields) == 3 else ""
        key = f"{video}/{int(instance)}" if instance.isdecimal() else f"{video}/{instance}"
        if key in skip and subsets.get(video) == split:
            found.setdefault(video, {})
        if video in skip or key in skip:
            continue
        if subsets.get(video) != split:
            if video not in subsets:
                message = f"{path}:{row.line} names the video {video!r}, which videoset.csv does not have"
                _of_first_split(split, faults, video, message)
            continue
        own = found.setdefault(video, {})
        if _COPY.fullmatch(instance):
            faults.notes.append(f"{path}:{row.line} is left out: its instance is {instance!r}")
        elif key in lines:
            faults.add(key, f"{path}:{row.line} describes {key} again, after line {lines[key]}")
        elif wrong := _wrong(path, row, instance):
            faults.add(key, wrong)
        else:
            lines[key] = row.line
            own[key] = InstanceSentence(
                key.split("/", 1)[1], int(instance), row.fields[2], plain_text(row.fields[2])
            )
    gone = faults.bad or {}
    return {
        video: sorted((s for key, s in own.items() if key not in gone), key=lambda s: s.instance)
        for video, own in found.items()
    }


def _wrong(path: Path, row: Row, instance: str) -> str | None:
    if not instance.isdecimal():
        said = ",".join(row.fields)
        return f"{path}:{row.line} must have a video, the number of an instance and a sentence, got {said!r}"
    if not row.fields[2].strip():
        return f"{path}:{row.line}: the sentence about instance {instance} of {row.fields[0]} is empty"
    return None


def _clips_folder(root: Path) -> Path:
    for name in CLIP_FOLDERS:
        if (root / "Release" / name).is_dir():
            return root / "Release" / name
    raise DataError(f"{root / 'Release' / CLIP_FOLDERS[0]} is missing: the videos belong there")
