"""R2-Youtube-VOS of R2-VOS, rebuilt: the videos of a split with sentences that do not describe them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from rvos_edu.data.dataset import Transformation, VideoDataset
from rvos_edu.data.moving_shapes.false_sentences import hard_pairs, random_pairs
from rvos_edu.data.moving_shapes.truth import MovingShapesTruth, is_moving_shapes
from rvos_edu.data.r2_pairs import (
    FalsePair,
    PairList,
    check_name,
    pairs_file,
    pairs_of_records,
    read_categories,
    read_pairs,
    write_pairs,
)
from rvos_edu.data.refer_youtube_vos import ExpressionRecord, VideoRecord, read_split
from rvos_edu.errors import DataError

SCRIPT = "data_scripts/make_r2_youtube_vos.py"


def make_pairs(root: str | Path, split: str, *, kind: str = "random", seed: int = 0) -> PairList:
    """Pair every sentence of a split with a video that it does not describe; see `PairList`.

    Moving Shapes: proven, with kind "hard" too. A real dataset in the layout of Refer-YouTube-VOS: another
    video, without a common category of objects where `<split>/meta.json` tells them.

    Raises:
        DataError: as `read_split`; for kind "hard" on a real dataset.
    """
    pairs_file(root, split, kind=kind, seed=seed)  # checks kind and seed
    records = read_split(root, split)
    if is_moving_shapes(root):
        make = random_pairs if kind == "random" else hard_pairs
        return make(records, MovingShapesTruth(root, split), split=split, seed=seed)
    if kind == "hard":
        raise DataError(
            f"hard pairs need to know what is true of a video; {root} is not Moving Shapes: use kind 'random'"
        )
    return pairs_of_records(records, read_categories(root, split), split=split, seed=seed)


class PairDataset(VideoDataset):
    """Whole videos with sentences that do not describe them: no item has a target.

    `expression_id` of an item is `FalsePair.id`, `category` that of the sentence that it is or comes from.

    Args:
        root: folder of the dataset.
        pairs: the false pairs of one of its splits.
        source: the file that they come from, for messages.
        transform: as in `VideoDataset`.
        skip: as in `VideoDataset`; pairs about what is left out are left out as well.

    Attributes:
        pairs: the list.

    Raises:
        DataError: if the pairs do not belong to this dataset.
    """

    def __init__(
        self,
        root: str | Path,
        pairs: PairList,
        *,
        source: str | Path = "the list of pairs",
        transform: Transformation | None = None,
        skip: frozenset[str] = frozenset(),
    ) -> None:
        self.pairs = replace(pairs, pairs=[p for p in pairs.pairs if not skip & set(origins(p))])
        records = _with_false_sentences(
            read_split(root, pairs.split, skip=skip), self.pairs.pairs, str(source)
        )
        super().__init__(root, split=pairs.split, transform=transform, records=records)
        self.left_out = skip
        if not is_moving_shapes(self.root):
            self.notes = (f"rebuilt pairs, seed {pairs.seed}: the paper's were never released",)

    def pair_of(self, clip: int, place: int) -> FalsePair:
        """The pair that item number `place` of `load_clip(clip)` shows."""
        video = self.clips[clip].video
        return [pair for pair in self.pairs.pairs if pair.video == video][place]


def origins(pair: FalsePair) -> tuple[str, str, str]:
    """What a pair is made of, by the keys of `read_split`."""
    return pair.video, pair.text_video, f"{pair.text_video}/{pair.expression_id}"


def _with_false_sentences(
    records: Sequence[VideoRecord], pairs: Sequence[FalsePair], source: str
) -> list[VideoRecord]:
    """The asked videos; their sentences replaced by those that are false of them."""
    known = {record.video: {e.id: e for e in record.expressions} for record in records}
    asked: dict[str, dict[str, ExpressionRecord]] = {}
    for pair in pairs:
        if wrong := fault_of(pair, known, source):
            raise DataError(wrong)
        origin = known[pair.text_video][pair.expression_id]
        of_video = asked.setdefault(pair.video, {})
        if pair.id in of_video:
            raise DataError(f"{source} lists the pair {pair.id} of video {pair.video!r} twice")
        of_video[pair.id] = ExpressionRecord(pair.id, pair.text, pair.text, None, origin.category, None)
    return [
        replace(record, expressions=tuple(asked[record.video].values()))
        for record in records
        if record.video in asked
    ]


def fault_of(pair: FalsePair, known: dict[str, dict[str, ExpressionRecord]], source: str) -> str | None:
    """Why a pair does not belong to a split, if it does not.

    Args:
        known: the sentences of the split by video and id.
        source: the file that the pair comes from.
    """
    origin = known.get(pair.text_video, {}).get(pair.expression_id)
    if pair.video not in known or origin is None:
        return (
            f"{source} asks expression {pair.expression_id} of video {pair.text_video!r} about video "
            f"{pair.video!r}, but this split does not have both: make the pairs anew with {SCRIPT}"
        )
    if pair.changed is None and pair.video == pair.text_video:
        return (
            f"{source} asks expression {pair.expression_id} of video {pair.video!r} about that video itself"
        )
    if pair.changed is None and pair.text != origin.text:
        return (
            f"{source} has the text {pair.text!r} for expression {pair.expression_id} of video "
            f"{pair.text_video!r}, the split has {origin.text!r}: make the pairs anew with {SCRIPT}"
        )
    return None


def load_pairs(
    root: str | Path,
    split: str,
    *,
    kind: str = "random",
    seed: int = 0,
    transform: Transformation | None = None,
    skip: frozenset[str] = frozenset(),
) -> PairDataset:
    """The false pairs of a split; those of Moving Shapes are made on first use.

    Args:
        skip: what is left out: videos and sentences as in `read_split`, pairs by `entry_key`.

    Raises:
        DataError: if a real dataset has no such pairs yet, or they belong to other data.
    """
    path = pairs_file(root, split, kind=kind, seed=seed)
    if path.is_file():
        pairs = read_pairs(path, skip=skip)
        check_name(path, pairs)
    elif is_moving_shapes(root):
        pairs = make_pairs(root, split, kind=kind, seed=seed)
        with suppress(OSError, ValueError):  # a read-only or full disk: the same are made again next time
            write_pairs(path, pairs)
    else:
        read_split(root, split)  # the clearer error if the dataset itself is not there
        raise DataError(f"{path} is missing: make it with {SCRIPT} {root} --split {split} --seed {seed}")
    return PairDataset(root, pairs, source=path, transform=transform, skip=skip)
