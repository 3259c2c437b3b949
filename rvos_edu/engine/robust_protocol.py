"""Ask a model for what is not there: the false pairs of R2-VOS (supplement A.3)."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from tqdm.auto import tqdm

from rvos_edu.config import AnyExperiment
from rvos_edu.data import ClipDataset, PairDataset, faulty_pairs, load_pairs
from rvos_edu.data.moving_shapes.truth import is_moving_shapes
from rvos_edu.data.r2_pairs import KINDS, pairs_file
from rvos_edu.engine.inference import clip_batches, evenly, predict
from rvos_edu.engine.robust import FalsePairScore, align_threshold, summarise_robustness
from rvos_edu.engine.summary import EvaluationResult
from rvos_edu.errors import DataError
from rvos_edu.models import VideoModel

logger = logging.getLogger(__name__)


def false_pairs_of(
    dataset: ClipDataset, *, wanted: bool | None = None, hidden: bool = False, skip_bad: bool = False
) -> list[PairDataset]:
    """Sentences that fit nothing in a split, by kind; empty where they are not wanted.

    Random and hard pairs are made of Moving Shapes on first use; other data have random ones, if
    `data_scripts/make_r2_youtube_vos.py` made them.

    Args:
        dataset: the split; pairs made of what it leaves out are left out as well.
        wanted: None: where they are proven to be false (Moving Shapes), and where the truth is hidden, if
            somebody has made them: R is what can be measured then.
        hidden: whether the masks of the split are.
        skip_bad: leave out faulty entries of the lists of pairs, too, and say how many.

    Raises:
        DataError: if pairs are wanted, but nobody has made them, they are damaged, or none is left of a kind
            that was asked for.
    """
    known, asked = is_moving_shapes(dataset.root), wanted is True
    if wanted is None:
        wanted = known or (hidden and pairs_file(dataset.root, dataset.split).is_file())
    if not wanted:
        return []
    skip = dataset.left_out
    if skip_bad and (bad := faulty_pairs(dataset.root, dataset.split, skip=skip)):
        first = next(iter(bad.values()))
        logger.warning("false sentences: faulty pairs left out: %d; the first: %s", len(bad), first)
        skip = skip | frozenset(bad)
    kinds = KINDS if known else KINDS[:1]
    found = {kind: load_pairs(dataset.root, dataset.split, kind=kind, skip=skip) for kind in kinds}
    empty = [pairs_file(dataset.root, dataset.split, kind=k) for k, pairs in found.items() if not pairs.clips]
    if empty and asked:
        raise DataError(f"{empty[0]} holds no false sentence about anything that was not left out")
    for path in empty:
        logger.warning("%s holds no false sentence about anything that was not left out: no R of these", path)
    return [pairs for pairs in found.values() if pairs.clips]


def add_false_pairs(
    result: EvaluationResult,
    model: VideoModel,
    pairs: Sequence[PairDataset],
    *,
    config: AnyExperiment,
    limit: int | None = None,
    batch_size: int = 4,
    progress: bool = True,
) -> None:
    """Score sentences that fit nothing in a split and put their records and figures into `result`.

    Args:
        result: of the true sentences, the same `limit`; their masks may be hidden.
        model: in evaluation mode.
        pairs: of `false_pairs_of`.
        config: how frames are resized and masks post-processed.
        limit, batch_size, progress: as for `evaluate`.
    """
    threshold = align_threshold(config.inference)
    for dataset in pairs:
        clips = evenly(len(dataset.clips), limit)
        found = score_false_pairs(
            model, dataset, clips, config=config, batch_size=batch_size, progress=progress
        )
        kind = dataset.pairs.kind
        result.robust[kind] = summarise_robustness(result.true_scores, found, threshold=threshold)
        result.false_pairs.extend(found)


def score_false_pairs(
    model: VideoModel,
    pairs: PairDataset,
    clips: Sequence[int],
    *,
    config: AnyExperiment,
    batch_size: int = 4,
    progress: bool = True,
) -> list[FalsePairScore]:
    """Segment clips with sentences that do not fit them.

    Args:
        model: in evaluation mode.
        pairs: the false pairs.
        clips: numbers of its clips.
        config: how frames are resized and masks post-processed.
        batch_size: clips per forward pass.
        progress: show a bar.
    """
    scores = []
    with tqdm(total=len(clips), desc=f"{pairs.pairs.kind} false pairs", disable=not progress) as bar:
        for batch in clip_batches(pairs, list(clips), batch_size):
            samples = [clip.samples for clip in batch]
            for asked, answers in zip(samples, predict(model, samples, config=config), strict=True):
                scores += [
                    FalsePairScore(
                        kind=pairs.pairs.kind,
                        video=sample.video,
                        expression_id=sample.expression_id,
                        expression=sample.expression,
                        area=float(answer.voted.mean()),
                        pixels=int(answer.voted.sum()),
                        mismatch=answer.mismatch,
                    )
                    for sample, answer in zip(asked, answers, strict=True)
                ]
            bar.update(len(batch))
    return scores
