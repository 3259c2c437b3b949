"""`rvos-edu demo`: data, numbers, one sentence followed through, a false one, a short training, a page."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from rvos_edu.config import AnyExperiment, ExperimentConfig, R2VOSExperimentConfig
from rvos_edu.data import ClipDataset, load
from rvos_edu.engine.attention import QueryAttention, query_attention
from rvos_edu.engine.evaluate import quick_score
from rvos_edu.engine.evaluate import run as run_evaluation
from rvos_edu.engine.evaluation_page import clip_picture, distinct_videos, find_sample
from rvos_edu.engine.evaluation_report import EvaluationReport
from rvos_edu.engine.false_sentence import clearest, judge_clips
from rvos_edu.engine.inference import evenly, load_model, predict, truth_of
from rvos_edu.engine.initialise import initial_model, load_split, validation_videos
from rvos_edu.engine.logs import METRICS_FILE, read_metrics
from rvos_edu.engine.segment import segment
from rvos_edu.engine.segment_output import verdict
from rvos_edu.engine.train import train
from rvos_edu.errors import ConfigError, DataError
from rvos_edu.models import MTTR, R2VOS, VideoModel, model_from_pretrained
from rvos_edu.presets import load_config
from rvos_edu.structures import VideoSample
from rvos_edu.tables.report import (
    DemoResult,
    Example,
    FalseSentence,
    Lesson,
    false_picture,
    picture,
    write_demo_report,
)
from rvos_edu.viz import ClipPicture

MARKER = "demo.json"  # tells a folder of this command from others
PARTS = ("evaluation", "training", "segmentation", "false-sentence")
SHOWN = 3  # clips per heading
JUDGED = 20  # clips that a true and a false sentence are asked of
EVALUATIONS = 6  # during the short training
EVALUATED = 60  # expressions each time
LESSON_VIDEOS = 600  # made for the short training, besides the videos that it is evaluated on
LESSON_SECONDS = 180  # what its steps may take; a slower machine takes fewer steps
PROBE_STEPS = 4
FEWEST_STEPS, MOST_STEPS = 60, 300


@dataclass(frozen=True)
class Judge:
    """An R2-VOS and the settings it is used with."""

    name: str
    model: R2VOS
    settings: R2VOSExperimentConfig


@dataclass
class Clock:
    """Wall time of each step, printed as it goes."""

    times: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time one step."""
        print(f"\n[{len(self.times) + 1}] {name}", flush=True)
        started = time.perf_counter()
        yield
        self.times[name] = time.perf_counter() - started


def run(
    out: str | Path = "runs/demo",
    *,
    model: str = "nano-mttr",
    judge: str = "nano-r2vos",
    training: str = "nano-mttr-level1",
    root: str | Path | None = None,
    videos: int = 60,
) -> Path:
    """Run the demo; returns the path of `report.html`.

    Args:
        out: folder; the results of an earlier demo in it are replaced.
        model: the trained MTTR to show, as for `rvos-edu evaluate`.
        judge: the trained R2-VOS that is asked false sentences.
        training: preset or file of the short training.
        root: folder of Moving Shapes; default: made on first use.
        videos: how many of the test split are evaluated.

    Raises:
        DataError: if `out` holds something other than a demo.
        ConfigError: if `judge` does not say whether a sentence fits.
    """
    out, clock = Path(out), Clock()
    make_room(out)
    config, asked = _lesson_config(training), _judge(judge)
    with clock.step("data: Moving Shapes, the test split and the two-object videos of the training"):
        dataset = load("moving-shapes", split="test", root=root)
        valid = validation_videos(config)
        load_split(config.data, config.data.train_split)
    with clock.step(f"numbers: {model} on {videos} test videos"):
        evaluation = run_evaluation(
            model,
            root=None if root is None else str(root),
            limit=videos,
            out=str(out / "evaluation"),
            false_sentences=False,
        )
    with clock.step("one sentence: segmentation, votes, attention"):
        network, settings = load_model(model)
        example = _example(evaluation, dataset, network, settings, out / "segmentation")
        pictures = _pictures(evaluation, dataset, network, settings)
    (out / "result.png").write_bytes(picture(example).to_png())
    with clock.step(f"a sentence that fits nothing: {judge}"):
        false = _false_sentence(asked, dataset, (network, settings), out / "false-sentence")
    (out / "false-sentence.png").write_bytes(false_picture(false).to_png())
    with clock.step(f"training: {config.name}"):
        _set_pace(config)
        lesson = _lesson(config, valid, out / "training")
    return _finish(out, DemoResult(evaluation, pictures, example, false, lesson, clock.times))


def _finish(out: Path, result: DemoResult) -> Path:
    """Write the page, say how it went; returns the page."""
    page = out / "report.html"
    write_demo_report(page, result)
    (out / MARKER).write_text(json.dumps({"seconds": result.times}, indent=1))
    scores = " -> ".join(f"{score:.1f}" for score in result.lesson.scores)
    print(f"\nJ&F of the short training: {scores}")
    print(f"{sum(result.times.values()):.0f} s in all. Open {page.resolve()} in a browser.")
    return page


def make_room(out: Path) -> None:
    """Remove an earlier demo's parts from `out`; its page stays until the new one is written.

    Raises:
        DataError: if `out` holds something other than a demo.
    """
    if out.is_dir() and any(out.iterdir()) and not (out / MARKER).is_file():
        raise DataError(f"{out} holds other files (no {MARKER} of an earlier demo): choose a new folder")
    if out.exists() and not out.is_dir():
        raise DataError(f"{out} is a file: expected the name of a folder")
    out.mkdir(parents=True, exist_ok=True)
    (out / MARKER).write_text("{}")
    for part in PARTS:
        shutil.rmtree(out / part, ignore_errors=True)


def _lesson_config(training: str) -> AnyExperiment:
    """The preset on few videos, scored on few sentences."""
    config = load_config(training)
    if config.data.root is None and config.data.train_videos is None:
        config.data.train_videos = LESSON_VIDEOS
    if config.train.evaluate_samples is None:
        config.train.evaluate_samples = EVALUATED
    return config


def _example(
    evaluation: EvaluationReport,
    dataset: ClipDataset,
    model: VideoModel,
    settings: AnyExperiment,
    out: Path,
) -> Example:
    """The motion sentence (any, where there is none) that was segmented best, from its frames on disk."""
    scores = evaluation.results[0].expressions
    scores = [score for score in scores if score.category == "motion"] or scores
    sample = find_sample(dataset, max(scores, key=lambda score: score.jf))
    folder = dataset.root / dataset.split / "JPEGImages" / sample.video
    result = segment(model, folder, sample.expression, config=settings, out=out)
    print(f"'{sample.expression}' in {folder}: query {result.query}, overlay in {out / 'overlay.mp4'}")
    masks, referred, _ = truth_of(sample)
    return Example(
        frames=sample.frames.permute(0, 2, 3, 1).numpy(),
        truth=masks[referred],
        result=result,
        attention=_attention(model, sample, result.query, settings),
    )


def _judge(name: str) -> Judge:
    """The model that is asked false sentences.

    Raises:
        ConfigError: if it does not say whether a sentence fits.
    """
    model, settings = load_model(name)
    if not isinstance(model, R2VOS) or not isinstance(settings, R2VOSExperimentConfig):
        raise ConfigError(f"{name} is not an R2-VOS: it does not say whether a sentence fits")
    return Judge(Path(name).name, model, settings)


def _false_sentence(
    judge: Judge, dataset: ClipDataset, other: tuple[VideoModel, AnyExperiment], out: Path
) -> FalseSentence:
    """A true and a false sentence of one clip in R2-VOS; the false one also in the `other` model."""
    judged = judge_clips(judge.model, dataset, config=judge.settings, limit=JUDGED)
    shown = clearest(judged)
    folder = dataset.root / dataset.split / "JPEGImages" / shown.true.video
    texts = shown.true.expression, shown.false.expression
    true, false = (
        segment(judge.model, folder, text, config=judge.settings, out=out / name)
        for text, name in zip(texts, ("true", "false"), strict=True)
    )
    masks, referred, _ = truth_of(shown.true)
    result = FalseSentence(
        judge=judge.name,
        frames=shown.true.frames.permute(0, 2, 3, 1).numpy(),
        truth=masks[referred],
        true=true,
        false=false,
        alarm=segment(other[0], folder, shown.false.expression, config=other[1]).masks,
        asked=len(judged),
        kept=sum(clip.kept for clip in judged),
        rejected=sum(clip.rejected for clip in judged),
    )
    for answer in (true, false):
        print(f"'{answer.expression}': {verdict(answer)}")
    print(f"{result.tally}; overlays in {out}")
    return result


def _attention(
    model: VideoModel, sample: VideoSample, query: int, settings: AnyExperiment
) -> QueryAttention | None:
    if not isinstance(model, MTTR) or not isinstance(settings, ExperimentConfig):
        return None
    return query_attention(model, sample, query, config=settings)


def _pictures(
    evaluation: EvaluationReport, dataset: ClipDataset, model: VideoModel, settings: AnyExperiment
) -> dict[str, list[ClipPicture]]:
    ranked = sorted(evaluation.results[0].expressions, key=lambda score: score.jf, reverse=True)
    groups = {"best": ranked, "typical": ranked[len(ranked) // 2 :], "worst": ranked[::-1]}
    return {
        name: [
            clip_picture(score, model=model, dataset=dataset, config=settings)
            for score in distinct_videos(scores, SHOWN)
        ]
        for name, scores in groups.items()
    }


def _set_pace(config: AnyExperiment) -> None:
    """As many steps as the preset has and this machine affords, and evaluations on the way."""
    steps = config.train.steps or MOST_STEPS
    if steps > FEWEST_STEPS:
        steps = max(FEWEST_STEPS, min(steps, _affordable_steps(config)))
        print(f"{steps} of the preset's {config.train.steps} steps fit into about {LESSON_SECONDS} s")
    config.train.steps = steps
    config.train.evaluate_every = max(1, steps // EVALUATIONS)


def _affordable_steps(config: AnyExperiment) -> int:
    """How many steps fit into `LESSON_SECONDS` at the speed of the first few."""
    few = replace(config.train, steps=PROBE_STEPS, log_every=PROBE_STEPS, evaluate_every=0)
    with tempfile.TemporaryDirectory() as folder:
        train(replace(config, train=few), out=Path(folder) / "probe")
        seconds = float(read_metrics(Path(folder) / "probe" / METRICS_FILE)[-1]["seconds"]) / PROBE_STEPS
    return int(LESSON_SECONDS / seconds)


def _lesson(config: AnyExperiment, valid: ClipDataset, out: Path) -> Lesson:
    started = time.perf_counter()
    untrained = initial_model(config).eval()
    score = quick_score(untrained, valid, config, config.train.evaluate_samples)
    print(f"before training: J&F {score.jf:.1f} (J {score.j:.1f}, F {score.f:.1f})")
    before = _seen_by(untrained, valid, config)
    trained = model_from_pretrained(train(config, out=out))
    start: dict[str, float | str] = {"step": 0, "J&F": score.jf, "J": score.j, "F": score.f}
    records = [start, *read_metrics(out / METRICS_FILE)]
    after = _seen_by(trained, valid, config)
    return Lesson(config.name, records, before, after, time.perf_counter() - started)


def _seen_by(model: VideoModel, dataset: ClipDataset, config: AnyExperiment) -> list[ClipPicture]:
    """The first sentence of a few clips, as this model segments it."""
    pictures = []
    for index in evenly(len(dataset.clips), SHOWN):
        sample = dataset.load_clip(index)[0]
        [[prediction]] = predict(model, [[sample]], config=config)
        masks, referred, _ = truth_of(sample)
        frames = sample.frames.permute(0, 2, 3, 1).numpy()
        pictures.append(ClipPicture(frames, prediction.voted, masks[referred], sample.expression))
    return pictures
