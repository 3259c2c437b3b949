"""Ref-DAVIS17 (Khoreva et al., ACCV 2018): DAVIS 2017 with four sentences per object.

Read in the layout of Refer-YouTube-VOS, which `convert_ref_davis` makes of what its owners publish. Sentence
4k + a is what annotator slot a says of object number k. Mask pixels of value 255 are void: no object, and not
scored.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rvos_edu.data.check_report import SplitReport
from rvos_edu.data.check_videos import check_videos
from rvos_edu.data.dataset import ClipDataset, VideoDataset
from rvos_edu.data.layout import Ask, Layout, Source
from rvos_edu.data.ref_davis_raw import ANNOTATORS, conversion_notes, convert_ref_davis
from rvos_edu.data.refer_youtube_vos import (
    ExpressionRecord,
    VideoRecord,
    expressions_file,
    read_split,
)
from rvos_edu.errors import DataError
from rvos_edu.metrics.davis import VOID

__all__ = ["ANNOTATORS", "LAYOUT", "REF_DAVIS17", "convert_ref_davis", "sentences_of_slot"]
REF_DAVIS17 = "ref-davis17"


def sentences_of_slot(root: str | Path, split: str, record: VideoRecord, slot: int) -> list[ExpressionRecord]:
    """What one annotator slot says of the objects of a sequence, one sentence each, by object.

    Raises:
        DataError: if the sentences of a sequence are not four about each object, numbered 4k + slot.
    """
    where = f"{expressions_file(root, split)}: video {record.video!r}"
    groups: dict[int, dict[int, ExpressionRecord]] = {}
    for sentence in record.expressions:
        number, of_slot = divmod(int(sentence.id), len(ANNOTATORS))
        groups.setdefault(number, {})[of_slot] = sentence
    for number, group in groups.items():
        objects = {sentence.object_id for sentence in group.values()}
        if len(group) < len(ANNOTATORS) or len(objects) > 1 or None in objects:
            first = len(ANNOTATORS) * number
            raise DataError(
                f"{where}: expressions {first} to {first + len(ANNOTATORS) - 1} must be about one object, "
                f"one per annotator; got {len(group)} about {len(objects)} objects"
            )
    found = sorted((group[slot] for group in groups.values()), key=lambda e: e.object_id or 0)
    if len({sentence.object_id for sentence in found}) < len(found):
        raise DataError(f"{where} has more than {len(ANNOTATORS)} expressions about an object")
    return found


def _open(root: Path, ask: Ask) -> ClipDataset:
    records = _read(root, ask.split, skip=ask.skip)
    return VideoDataset(
        root, split=ask.split, window=ask.window, transform=ask.transform, records=records, void=VOID
    )


def _read(
    root: Path, split: str, *, skip: frozenset[str] = frozenset(), bad: dict[str, str] | None = None
) -> list[VideoRecord]:
    """As `read_split`; void is no object."""
    if not (root / "meta_expressions").is_dir():
        for place in (root, root / "DAVIS"):
            if (place / "JPEGImages" / "480p").is_dir():
                raise DataError(
                    f"{root} holds DAVIS as it is published: convert it into another folder first, with "
                    f"data_scripts/prepare_ref_davis17.py --root FOLDER --davis {place} --texts TEXTS"
                )
    records = []
    for record in read_split(root, split, skip=skip, bad=bad):
        kept = []
        for sentence in record.expressions:
            if sentence.object_id == VOID:
                key = f"{record.video}/{sentence.id}"
                message = (
                    f"{expressions_file(root, split)}: expression {sentence.id} of video {record.video!r} "
                    f"has obj_id {VOID}, which is void in the masks"
                )
                if bad is None:
                    raise DataError(message)
                bad[key] = message
            else:
                kept.append(sentence)
        records.append(replace(record, expressions=tuple(kept)))
    return records


def _check(root: Path, split: str) -> SplitReport:
    """As `check_videos`, and four sentences about each object: evaluation of "valid" needs them."""
    bad: dict[str, str] = {}
    records = _read(root, split, bad=bad)
    report = check_videos(root, split, void=VOID)
    void = {key: message for key, message in bad.items() if key not in report.bad}
    faulty = {key.split("/")[0] for key in {**report.bad, **bad}}  # what is wrong with them has been said
    incomplete = []
    for record in records:
        if record.video not in faulty:
            try:
                sentences_of_slot(root, split, record, 0)
            except DataError as error:
                incomplete.append(str(error))
    training = split == "train"
    return replace(
        report,
        problems=[*report.problems, *void.values(), *([] if training else incomplete)],
        notes=[*report.notes, *([*incomplete, *conversion_notes(root)] if training else [])],
        bad={**report.bad, **void},
    )


def _make(source: Path, root: Path) -> Path:
    from rvos_edu.data.moving_shapes.davis_export import make_ref_davis

    return make_ref_davis(source, root)


LAYOUT = Layout(
    REF_DAVIS17,
    "Ref-DAVIS17",
    ("train", "valid"),
    _open,
    _check,
    _make,
    expected={"train": {"videos": 60}, "valid": {"videos": 30, "expressions": 244}},
    sources=(
        Source(
            "frames, masks and names of the objects: DAVIS 2017 Unsupervised trainval 480p, semantics",
            "davischallenge.org",
            "see the site",
        ),
        Source(
            "sentences: Video Object Segmentation with Language Referring Expressions",
            "the project page of that paper at MPI Informatics",
            "see the site",
        ),
    ),
)
