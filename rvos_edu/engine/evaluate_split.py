"""Measure a model on one split with masks: J, F, J&F, P@K, IoU, mAP, and two protocols (MTTR, section 4)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tqdm.auto import tqdm

from rvos_edu.config import AnyExperiment
from rvos_edu.data import ClipDataset
from rvos_edu.data.centre_windows import CentreWindows
from rvos_edu.engine.inference import clip_batches, evenly, predict, truth_of
from rvos_edu.engine.protocols import other_sentence, shuffle_frames_of
from rvos_edu.engine.robust import align_threshold, summarise_filtered
from rvos_edu.engine.scoring import (
    ExpressionScore,
    ImageScores,
    ShuffledScore,
    chance_of,
    right_object,
    score_clip,
)
from rvos_edu.engine.summary import (
    EvaluationResult,
    summarise_categories,
    summarise_group,
    summarise_images,
    summarise_shuffled,
    summarise_swapped,
)
from rvos_edu.errors import DataError
from rvos_edu.metrics import AveragePrecision
from rvos_edu.models import VideoModel
from rvos_edu.structures import VideoSample


@dataclass(frozen=True)
class QuickScore:
    """J, F and J&F in percent, for a look while training."""

    j: float
    f: float
    jf: float


def quick_score(
    model: VideoModel, dataset: ClipDataset, config: AnyExperiment, limit: int | None = None
) -> QuickScore:
    """J, F and J&F with voting over about `limit` expressions, clips taken evenly over the dataset.

    The model's train or evaluation mode is as before afterwards.

    Raises:
        DataError: if the dataset is empty or has no masks.
    """
    clips = len(dataset.clips)
    if limit is not None:
        clips = max(1, min(clips, round(limit * clips / max(1, len(dataset)))))
    training = model.training
    model.eval()
    try:
        result = evaluate(model, dataset, config=config, limit=clips, candidates=False, progress=False)
    finally:
        model.train(training)
    overall = result.overall
    assert overall.j is not None and overall.f is not None and overall.jf is not None
    return QuickScore(overall.j, overall.f, overall.jf)


def evaluate(
    model: VideoModel,
    dataset: ClipDataset,
    *,
    config: AnyExperiment,
    limit: int | None = None,
    batch_size: int = 4,
    candidates: bool = True,
    shuffle: bool = False,
    swap: bool = False,
    seed: int = 0,
    progress: bool = True,
) -> EvaluationResult:
    """Score a model on whole clips.

    Args:
        model: in evaluation mode.
        dataset: stored frames and masks, one clip per video (`window=None`, no transform).
        config: how frames are resized and masks post-processed.
        limit: number of clips, taken evenly over the dataset; None: all.
        batch_size: clips per forward pass; every clip comes with all its expressions.
        candidates: also measure mAP, for which the masks of all queries are kept.
        shuffle: also show motion sentences (all, where categories are unknown) with shuffled frames.
        swap: also score each output for a sentence about another object of the same clip.
        seed: of the two protocols.
        progress: show a bar.

    Raises:
        DataError: if the dataset is empty or has no masks.
    """
    indices = evenly(len(dataset.clips), limit)
    scores: list[ExpressionScore] = []
    windows = dataset if isinstance(dataset, CentreWindows) else None
    images = ImageScores(AveragePrecision() if candidates else None, windows)
    shuffled: list[ShuffledScore] = []
    with tqdm(total=len(indices), desc="evaluating clips", disable=not progress) as bar:
        for clips in clip_batches(dataset, indices, batch_size):
            samples = [clip.samples for clip in clips]
            for clip, outputs in zip(clips, predict(model, samples, config=config), strict=True):
                partners = other_sentence(clip.samples, seed=seed) if swap else None
                scores += score_clip(clip, outputs, partners=partners, images=images)
            if shuffle:
                shuffled += _score_shuffled(model, samples, config=config, seed=seed)
            bar.update(len(clips))
    if not scores:
        raise DataError("there is no expression to evaluate: the dataset is empty")
    result = _summarise(scores, images, shuffled if shuffle else None, swap=swap)
    filtered = summarise_filtered(scores, threshold=align_threshold(config.inference))
    return replace(result, overall_filtered=filtered)


def _summarise(
    scores: list[ExpressionScore], images: ImageScores, shuffled: list[ShuffledScore] | None, *, swap: bool
) -> EvaluationResult:
    return EvaluationResult(
        overall=summarise_group(scores),
        categories=summarise_categories(scores),
        late_entry=summarise_group(s for s in scores if s.late),
        images=summarise_images(images.voted, images.precision),
        images_per_frame=summarise_images(images.per_frame),
        shuffled=None if shuffled is None else summarise_shuffled(shuffled),
        swapped=summarise_swapped(scores) if swap else None,
        expressions=scores,
    )


def _score_shuffled(
    model: VideoModel, clips: list[list[VideoSample]], *, config: AnyExperiment, seed: int
) -> list[ShuffledScore]:
    shuffled = []
    for samples in clips:
        chosen = [s for s in samples if s.category in (None, "motion")]
        if chosen:
            shuffled.append(shuffle_frames_of(chosen, seed=seed))
    if not shuffled:
        return []
    scores = []
    for samples, outputs in zip(shuffled, predict(model, shuffled, config=config), strict=True):
        for sample, output in zip(samples, outputs, strict=True):
            masks, referred, _ = truth_of(sample)
            scores.append(ShuffledScore(right_object(output.voted, masks, referred), chance_of(sample)))
    return scores
