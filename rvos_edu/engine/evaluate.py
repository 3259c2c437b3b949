"""Evaluate a model on a split: J, F, J&F, P@K, IoU, mAP, and two protocols (MTTR, section 4; SPEC A8)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from tqdm.auto import tqdm

from rvos_edu.config import ExperimentConfig
from rvos_edu.data import VideoDataset, load
from rvos_edu.engine.evaluation_page import write_page
from rvos_edu.engine.inference import clip_batches, load_model, predict, truth_of
from rvos_edu.engine.protocols import other_sentence, shuffle_frames
from rvos_edu.engine.scoring import ExpressionScore, ImageSums, right_object, score_clip
from rvos_edu.engine.summary import (
    EvaluationResult,
    ImageSummary,
    ShuffledSummary,
    format_table,
    over_seeds,
    summarise_categories,
    summarise_group,
    summarise_shuffled,
    summarise_swapped,
)
from rvos_edu.errors import DataError
from rvos_edu.files import atomic_dir
from rvos_edu.metrics import mean_iou, overall_iou, precision_at
from rvos_edu.models import MTTR


@dataclass(frozen=True)
class QuickScore:
    """J, F and J&F in percent, for a look while training."""

    j: float
    f: float
    jf: float


def quick_score(
    model: MTTR, dataset: VideoDataset, config: ExperimentConfig, limit: int | None = None
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
    model: MTTR,
    dataset: VideoDataset,
    *,
    config: ExperimentConfig,
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
        candidates: keep the masks of all queries, for mAP.
        shuffle: also show motion sentences (all, where categories are unknown) with shuffled frames.
        swap: also score each output for a sentence about another object of the same clip.
        seed: of the two protocols.
        progress: show a bar.

    Raises:
        DataError: if the dataset is empty or has no masks.
    """
    indices = _evenly(len(dataset.clips), limit)
    scores: list[ExpressionScore] = []
    images = ImageSums()
    right: list[bool | None] = []
    chance: list[float | None] = []
    with tqdm(total=len(indices), desc="clips", disable=not progress, leave=False) as bar:
        done = 0
        for clips in clip_batches(dataset, indices, batch_size):
            predictions = predict(model, clips, config=config, candidates=candidates)
            for samples, outputs in zip(clips, predictions, strict=True):
                partners = other_sentence(samples, seed=seed) if swap else None
                scores += score_clip(indices[done], samples, outputs, partners=partners)
                for sample, output in zip(samples, outputs, strict=True):
                    masks, referred, visible = truth_of(sample)
                    images.add(output, masks[referred], visible)
                done += 1
            if shuffle:
                _score_shuffled(model, clips, config, seed, right, chance)
            bar.update(len(clips))
    if not scores:
        raise DataError("the dataset has no expressions to evaluate")
    return EvaluationResult(
        overall=summarise_group(scores),
        categories=summarise_categories(scores),
        late_entry=summarise_group(s for s in scores if s.late),
        images=_summarise_images(images),
        shuffled=summarise_shuffled(right, chance) if shuffle else None,
        swapped=summarise_swapped(scores) if swap else None,
        expressions=scores,
    )


def run(
    *,
    model: str = "nano-mttr",
    data: str = "moving-shapes",
    root: str | None = None,
    split: str = "test",
    level: str = "full",
    seeds: list[int] | None = None,
    limit: int | None = None,
    out: str | None = None,
    shuffle_frames: bool | None = None,
    swap_sentences: bool | None = None,
    batch_size: int = 4,
) -> EvaluationResult | list[EvaluationResult]:
    ...
