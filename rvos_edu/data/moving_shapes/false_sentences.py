"""Sentences that fit nothing in a video of Moving Shapes, proven by meanings and facts."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from rvos_edu.data.moving_shapes.language import Predicate, say
from rvos_edu.data.moving_shapes.truth import MARGIN, VALUES, MovingShapesTruth, describes
from rvos_edu.data.r2_pairs import FalsePair, PairList, ring
from rvos_edu.data.refer_youtube_vos import ExpressionRecord, VideoRecord

_FALSE = (
    "By the stored facts of each object no sentence is true of any object of the video that it is asked of; "
)
_NEARLY = "sides count as false only where no candidate lies within 5 % of the middle."
_NO_DOUBT = (
    "None about the facts, which are those of the scene. Some objects are partly hidden for some frames, and "
    "a viewer may call a colour or a size otherwise."
)


def random_pairs(
    records: Sequence[VideoRecord], truth: MovingShapesTruth, *, split: str, seed: int
) -> PairList:
    """Each sentence is asked of the next video of a shuffled ring that it is false of.

    Two videos that have the same words may ask them of the same third one: such a question then counts twice
    (20 to 49 times in a split of 200 videos). To drop one would change figures that are published with the
    shipped weights.

    A sentence that is true of every video ("the leftmost object") makes room for another one of its video.
    """
    others = ring([r.video for r in records], split=split, seed=seed)

    def candidates(record: VideoRecord, expression: ExpressionRecord) -> Iterator[FalsePair]:
        for video in others[record.video]:
            if not truth.fits(video, record.video, expression.id, mirrored=False, margin=MARGIN):
                yield FalsePair(video, record.video, expression.id, expression.text)

    pairs, replaced = _fill(records, candidates)
    return PairList(
        split,
        "random",
        seed,
        sum(len(r.expressions) for r in records),
        replaced,
        _FALSE + _NEARLY,
        _NO_DOUBT,
        pairs,
    )


def hard_pairs(
    records: Sequence[VideoRecord], truth: MovingShapesTruth, *, split: str, seed: int
) -> PairList:
    """Each sentence is asked of its own video with one attribute changed, in words of the same grammar.

    Changed are colour, shape, size, side and direction; first an attribute is drawn, then a value that makes
    the sentence false (hardly ever a size: where a sentence names one, the other is there too). What cannot
    be changed so ("the object that enters late") makes room for another sentence of the video.
    """

    def candidates(record: VideoRecord, expression: ExpressionRecord) -> Iterator[FalsePair]:
        rng = random.Random(f"{seed} {split} {record.video} {expression.id}")
        words = np.random.default_rng(rng.randrange(2**63))
        facts = truth.facts(record.video)
        for changed, meaning in _changes(truth.predicates(record.video, expression.id), rng):
            if not describes(meaning, facts, margin=MARGIN):
                text = say(meaning, words)
                yield FalsePair(record.video, record.video, expression.id, text, changed)

    pairs, replaced = _fill(records, candidates)
    proven = f"{_FALSE}{_NEARLY} Each differs from a true sentence of the same video in one attribute."
    count = sum(len(r.expressions) for r in records)
    return PairList(split, "hard", seed, count, replaced, proven, _NO_DOUBT, pairs)


def _changes(
    predicates: tuple[Predicate, ...], rng: random.Random
) -> Iterator[tuple[tuple[str, str, str], tuple[Predicate, ...]]]:
    """All meanings that differ in one value, attributes and values in an order that is drawn."""
    places = [i for i, (attribute, _) in enumerate(predicates) if attribute not in ("extreme", "late")]
    for place in rng.sample(places, len(places)):
        attribute, old = predicates[place]
        values = [value for value in VALUES[attribute] if value != old]
        for new in rng.sample(values, len(values)):
            yield (attribute, old, new), (*predicates[:place], (attribute, new), *predicates[place + 1 :])


def _fill(
    records: Sequence[VideoRecord],
    candidates: Callable[[VideoRecord, ExpressionRecord], Iterator[FalsePair]],
) -> tuple[list[FalsePair], int]:
    """One pair per sentence, as many per video as it has sentences if that can be; (pairs, replaced)."""
    pairs: list[FalsePair] = []
    replaced = 0
    for record in records:
        sources = [candidates(record, expression) for expression in record.expressions]
        found: dict[tuple[str, str], FalsePair] = {}
        for source in sources:
            replaced += not _take(source, found)
        for _ in range(len(record.expressions)):
            for source in sources:
                if len(found) < len(record.expressions):
                    _take(source, found)
        pairs += found.values()
    return pairs, replaced


def _take(source: Iterator[FalsePair], found: dict[tuple[str, str], FalsePair]) -> bool:
    """The next pair whose words were not yet asked of its video."""
    for pair in source:
        if (pair.video, pair.text) not in found:
            found[pair.video, pair.text] = pair
            return True
    return False
