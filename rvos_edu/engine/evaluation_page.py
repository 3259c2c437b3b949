"""The page of an evaluation: its table, false sentences, and the best and the worst clips as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rvos_edu.config import AnyExperiment
from rvos_edu.data import ClipDataset, PairDataset
from rvos_edu.engine.davis_table import EXPLAINED, davis_parts, davis_table
from rvos_edu.engine.evaluation_report import COLUMNS, EvaluationReport, group_rows, sentences
from rvos_edu.engine.hidden_report import HEADER, hidden_rows
from rvos_edu.engine.image_table import image_table
from rvos_edu.engine.inference import evenly, predict, truth_of
from rvos_edu.engine.robust_page import add_false_sentences
from rvos_edu.engine.scoring import ExpressionScore, OutputScore
from rvos_edu.models import VideoModel
from rvos_edu.structures import VideoSample
from rvos_edu.viz.curves import category_bars
from rvos_edu.viz.overlay import ClipPicture, clip_grid
from rvos_edu.viz.page import Page

SHOWN = 5  # clips at each end


def write_page(
    path: Path,
    report: EvaluationReport,
    *,
    model: VideoModel,
    dataset: ClipDataset,
    config: AnyExperiment,
    pairs: Sequence[PairDataset] = (),
    notes: Sequence[str] = (),
) -> None:
    """Write one self-contained HTML file; pictures are of the first seed's `dataset` and false `pairs`."""
    page = Page(f"{report.name} on {report.data}", report.title)
    if notes:
        page.heading("Not as in published figures")
        page.points(notes)
    if davis := davis_table(report.spread()):
        page.heading("Scores of DAVIS, per annotator")
        for header, *rows in davis_parts(davis):
            page.table(header, rows, total=len(rows) - 1)
        page.text(EXPLAINED)
    if report.hidden:
        page.text("This split has no masks here: what needs them is left to the server that has them.")
        page.table(HEADER, hidden_rows(report.spread()))
        page.points(sentences(report))
    else:
        add_figures(page, report)
    add_false_sentences(page, report, model=model, pairs=pairs, config=config)
    if report.hidden:
        add_outputs(page, report.results[0].outputs, model=model, dataset=dataset, config=config)
    else:
        scores, frames = report.results[0].expressions, 2 if report.windowed else 4
        add_best_and_worst(page, scores, model=model, dataset=dataset, config=config, frames=frames)
    page.write(path)


def add_best_and_worst(
    page: Page,
    scores: Sequence[ExpressionScore],
    *,
    model: VideoModel,
    dataset: ClipDataset,
    config: AnyExperiment,
    frames: int = 4,
) -> None:
    """Pictures of the clips with the highest and the lowest J&F, `frames` of each."""
    ranked = sorted(scores, key=lambda score: score.jf)
    groups = {
        name: [
            clip_picture(score, model=model, dataset=dataset, config=config)
            for score in distinct_videos(group, SHOWN)
        ]
        for name, group in (("best", ranked[::-1]), ("worst", ranked))
    }
    page.heading("Best and worst clips")
    figure = clip_grid(dict(groups), count=frames)
    page.figure(figure, "Each row: one sentence and the mask of the voted query.")


def add_outputs(
    page: Page,
    scores: Sequence[OutputScore],
    *,
    model: VideoModel,
    dataset: ClipDataset,
    config: AnyExperiment,
) -> None:
    """Pictures of some clips whose truth is hidden, taken evenly."""
    chosen = [scores[i] for i in evenly(len(scores), SHOWN)]
    pictures = [output_picture(score, model=model, dataset=dataset, config=config) for score in chosen]
    page.heading("What was segmented")
    page.figure(
        clip_grid({"some clips, taken evenly": pictures}),
        "Each row: one sentence and the mask of the voted query, before the filter 1(A). Nobody here knows "
        "which are right.",
    )


def add_figures(page: Page, report: EvaluationReport) -> None:
    """The table of images if single frames are scored, the one by category, sentences, and bars."""
    if report.windowed:
        header, row = image_table(report.spread())
        page.table(header, [row])
    rows = group_rows(report)
    total = next((i for i, row in enumerate(rows) if row[0] == "all"), -1)
    page.table(["category", "expressions", *(name for _, name, _ in COLUMNS)], rows, total=total)
    if lines := sentences(report):
        page.points(lines)
    if report.windowed:
        return  # nothing to compare: with one frame there is no vote, and categories are unknown
    groups = {**report.results[0].categories, "all": report.results[0].overall}
    spread = report.spread()
    keys = {name: "overall" if name == "all" else f"category.{name}" for name in groups}
    ranges = {name: (spread[f"{key}.jf"].low, spread[f"{key}.jf"].high) for name, key in keys.items()}
    figure = category_bars(
        {name: spread[f"{key}.jf"].mean for name, key in keys.items()},
        other={name: spread[f"{key}.jf_frame"].mean for name, key in keys.items()},
        spans=ranges if len(report.results) > 1 else None,
    )
    page.figure(figure, "J&F by category, with temporal segment voting and with a choice frame by frame.")


def clip_picture(
    score: ExpressionScore, *, model: VideoModel, dataset: ClipDataset, config: AnyExperiment
) -> ClipPicture:
    """One scored expression as a row of pictures; the model runs once more."""
    sample = find_sample(dataset, score)
    [[prediction]] = predict(model, [[sample]], config=config)
    truth, referred, _ = truth_of(sample)
    category = f", {score.category}" if score.category else ""
    return ClipPicture(
        frames=sample.frames[list(sample.annotated)].permute(0, 2, 3, 1).numpy(),
        masks=prediction.voted,
        truth=truth[referred],
        expression=score.expression,
        caption=f"J&F {100 * score.jf:.1f}{category}, video {score.video}",
        names=() if len(sample.annotated) > 1 else (sample.frame_names[sample.annotated[0]],),
    )


def output_picture(
    score: OutputScore, *, model: VideoModel, dataset: ClipDataset, config: AnyExperiment
) -> ClipPicture:
    """One expression whose truth is hidden as a row of pictures; the model runs once more."""
    sample = find_sample(dataset, score)
    [[prediction]] = predict(model, [[sample]], config=config)
    wrong = "" if score.mismatch is None else f", p(does not match) {score.mismatch:.2f}"
    return ClipPicture(
        frames=sample.frames[list(sample.annotated)].permute(0, 2, 3, 1).numpy(),
        masks=prediction.voted,
        truth=None,
        expression=score.expression,
        caption=f"area {100 * score.area:.1f} %{wrong}, video {score.video}",
    )


def find_sample(dataset: ClipDataset, score: ExpressionScore | OutputScore) -> VideoSample:
    """The sample that a score is about."""
    return next(s for s in dataset.load_clip(score.clip) if s.expression_id == score.expression_id)


def distinct_videos(scores: list[ExpressionScore], count: int) -> list[ExpressionScore]:
    """The first `count` scores of different videos."""
    seen: dict[str, ExpressionScore] = {}
    for score in scores:
        if len(seen) < count:
            seen.setdefault(score.video, score)
    return list(seen.values())
