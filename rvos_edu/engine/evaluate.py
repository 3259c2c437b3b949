"""Evaluate a model on a split: J, F, J&F, P@K, IoU, mAP, and two protocols (MTTR, section 4)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from tqdm.auto import tqdm

from rvos_edu.config import AnyExperiment
from rvos_edu.data import ClipDataset, layout_of, load
from rvos_edu.data.ref_davis import REF_DAVIS17
from rvos_edu.engine.davis_protocol import add_davis
from rvos_edu.engine.evaluation_page import write_page
from rvos_edu.engine.evaluation_report import EvaluationReport, write_report
from rvos_edu.engine.inference import clip_batches, evenly, load_model, predict, truth_of
from rvos_edu.engine.outputs import check_replaceable, result_dir
from rvos_edu.engine.protocols import other_sentence, shuffle_frames_of
from rvos_edu.engine.robust_protocol import add_false_pairs
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
from rvos_edu.errors import ConfigError, DataError
from rvos_edu.metrics import AveragePrecision
from rvos_edu.models import VideoModel
from rvos_edu.structures import VideoSample

MARKER = "evaluation.json"  # tells a folder of this command from others


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
    images = ImageScores(AveragePrecision() if candidates else None)
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
    return _summarise(scores, images, shuffled if shuffle else None, swap=swap)


def run(
    model: str = "nano-mttr",
    *,
    data: str = "moving-shapes",
    root: str | None = None,
    split: str = "test",
    level: str = "full",
    seeds: list[int] | None = None,
    limit: int | None = None,
    out: str | None = None,
    shuffle_frames: bool | None = None,
    swap_sentences: bool | None = None,
    false_sentences: bool | None = None,
    batch_size: int = 4,
) -> EvaluationReport:
    """Evaluate a model on a split, print the table and write table, JSON and a page of best and worst clips.

    Args:
        model: a shipped name, a folder of weights or the folder of a training run.
        data, root, split, level: as for `rvos_edu.data.load`.
        seeds: of Moving Shapes: one test split is made per seed; mean and range are printed.
        limit, batch_size: videos per seed (default all), videos per forward pass.
        out: folder of the files; default `runs/evaluate-<model>-<data>-<split>`.
        shuffle_frames, swap_sentences, false_sentences: also run these protocols; default on Moving Shapes.

    Raises:
        DataError, CheckpointError, ConfigError: if something is missing or damaged.
    """
    shapes = data == "moving-shapes"
    _check(seeds, limit=limit, batch_size=batch_size, generated=shapes and root is None)
    folder = check_replaceable(out or f"runs/evaluate-{Path(model).name}-{data}-{split}", marker=MARKER)
    network, config = load_model(model)
    started = time.monotonic()
    datasets = [(seed, _load(data, split, root, level, seed, config)) for seed in seeds or [0]]
    shuffle = shapes if shuffle_frames is None else shuffle_frames
    swap = shapes if swap_sentences is None else swap_sentences
    how = _How(network, config, limit, batch_size, shuffle=shuffle, swap=swap, false=false_sentences)
    results = [how.score(dataset, seed) for seed, dataset in datasets]
    report = EvaluationReport(
        model=str(model),
        data=data,
        split=split,
        level=level if shapes else None,
        seeds=[seed for seed, _ in datasets],
        clips=[len({score.clip for score in result.expressions}) for result in results],
        results=results,
        seconds=time.monotonic() - started,
    )
    _write(folder, report, model=network, dataset=datasets[0][1], config=config)
    return report


@dataclass(frozen=True)
class _How:
    """What is the same for all seeds."""

    model: VideoModel
    config: AnyExperiment
    limit: int | None
    batch_size: int
    shuffle: bool
    swap: bool
    false: bool | None

    def score(self, dataset: ClipDataset, seed: int) -> EvaluationResult:
        """All figures of one split."""
        limit, batch_size = self.limit, self.batch_size
        result = evaluate(
            self.model,
            dataset,
            config=self.config,
            limit=limit,
            batch_size=batch_size,
            shuffle=self.shuffle,
            swap=self.swap,
            seed=seed,
        )
        add_false_pairs(
            result,
            self.model,
            dataset,
            config=self.config,
            wanted=self.false,
            limit=limit,
            batch_size=batch_size,
        )
        return result


def _load(
    data: str, split: str, root: str | None, level: str, seed: int, config: AnyExperiment
) -> ClipDataset:
    """The split: whole videos, or the model's windows where single frames are annotated.

    Other seeds of Moving Shapes than the default are made without training videos.
    """
    train_videos = None if seed == 0 or split == "train" else 0
    window = config.data.window if layout_of(data).windowed else None
    return load(
        data, split=split, root=root, level=level, seed=seed, train_videos=train_videos, window=window
    )


def _write(
    folder: Path, report: EvaluationReport, *, model: VideoModel, dataset: ClipDataset, config: AnyExperiment
) -> None:
    """The page and what `write_report` writes, all or nothing."""
    with result_dir(folder, marker=MARKER) as temporary:
        if report.data == REF_DAVIS17:
            add_davis(report.results[0], model, dataset, temporary / "masks", config=config)
        write_report(temporary, report)
        write_page(temporary / "index.html", report, model=model, dataset=dataset, config=config)
    print(report.table())
    print(f"written to {folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")


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


def _check(seeds: list[int] | None, *, generated: bool, **counts: int | None) -> None:
    for name, count in counts.items():
        if count is not None and count < 1:
            raise ConfigError(f"{name} must be at least 1, got {count}")
    if seeds is not None and len(seeds) > 1 and not generated:
        raise ConfigError(f"several seeds need moving-shapes without a root, got {seeds}")
    if seeds is not None and min(seeds, default=0) < 0:
        raise ConfigError(f"seeds must be 0 or more, got {seeds}")
