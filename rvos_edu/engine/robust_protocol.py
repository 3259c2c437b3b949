"""Ask a model for what is not there: the false pairs of R2-VOS (supplement A.3)."""

from __future__ import annotations

from collections.abc import Sequence

from tqdm.auto import tqdm

from rvos_edu.config import AnyExperiment, R2VOSInferenceConfig
from rvos_edu.data import ClipDataset, PairDataset, load_pairs
from rvos_edu.data.moving_shapes.truth import is_moving_shapes
from rvos_edu.data.r2_pairs import KINDS
from rvos_edu.engine.inference import clip_batches, evenly, predict
from rvos_edu.engine.robust import FalsePairScore, summarise_robustness
from rvos_edu.engine.summary import EvaluationResult
from rvos_edu.models import VideoModel


def add_false_pairs(
    result: EvaluationResult,
    model: VideoModel,
    dataset: ClipDataset,
    *,
    config: AnyExperiment,
    wanted: bool | None = None,
    limit: int | None = None,
    batch_size: int = 4,
    progress: bool = True,
) -> None:
    """Score sentences that fit nothing in a split and put their records and figures into `result`.

    Args:
        result: of the true sentences of `dataset`, the same `limit`.
        model: in evaluation mode.
        dataset: random and hard pairs are made of Moving Shapes on first use; other data have random ones, if
            `data_scripts/make_r2_youtube_vos.py` made them.
        config: how frames are resized and masks post-processed.
        wanted: None: only where the pairs are proven to be false (Moving Shapes).
        limit, batch_size, progress: as for `evaluate`.

    Raises:
        DataError: if pairs are wanted, but nobody has made them.
    """
    known = is_moving_shapes(dataset.root)
    if wanted is False or (wanted is None and not known):
        return
    settings = config.inference
    threshold = settings.align_threshold if isinstance(settings, R2VOSInferenceConfig) else 0.5
    for kind in KINDS if known else KINDS[:1]:
        pairs = load_pairs(dataset.root, dataset.split, kind=kind)
        clips = evenly(len(pairs.clips), limit)
        found = score_false_pairs(
            model, pairs, clips, config=config, batch_size=batch_size, progress=progress
        )
        result.robust[kind] = summarise_robustness(result.expressions, found, threshold=threshold)
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
                        mismatch=answer.mismatch,
                    )
                    for sample, answer in zip(asked, answers, strict=True)
                ]
            bar.update(len(batch))
    return scores
