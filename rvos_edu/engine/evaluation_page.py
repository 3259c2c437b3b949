"""The page of an evaluation: its table, false sentences, and the best and the worst clips as pictures."""

from __future__ import annotations

from pathlib import Path

from rvos_edu.config import AnyExperiment
from rvos_edu.data import ClipDataset
from rvos_edu.engine.evaluation_report import COLUMNS, EvaluationReport, group_rows, sentences
from rvos_edu.engine.image_table import image_table
from rvos_edu.engine.inference import predict, truth_of
from rvos_edu.engine.robust_page import add_false_sentences
from rvos_edu.engine.scoring import ExpressionScore
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
) -> None:
    """Write one self-contained HTML file; the pictures are of the first seed's split, `dataset`."""
    page = Page(f"{report.name} on {report.data}", report.title)
    add_figures(page, report)
    add_false_sentences(page, report, model=model, dataset=dataset, config=config)
    ranked = sorted(report.results[0].expressions, key=lambda score: score.jf)
    groups = {
        name: [
            clip_picture(score, model=model, dataset=dataset, config=config)
            for score in distinct_videos(scores, SHOWN)
        ]
        for name, scores in (("best", ranked[::-1]), ("worst", ranked))
    }
    page.heading("Best and worst clips")
    figure = clip_grid(dict(groups), count=2 if report.windowed else 4)
    page.figure(figure, "Each row: one sentence and the mask of the voted query.")
    page.write(path)


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


def find_sample(dataset: ClipDataset, score: ExpressionScore) -> VideoSample:
    """The sample that a score is about."""
    return next(s for s in dataset.load_clip(score.clip) if s.expression_id == score.expression_id)


def distinct_videos(scores: list[ExpressionScore], count: int) -> list[ExpressionScore]:
    """The first `count` scores of different videos."""
    seen: dict[str, ExpressionScore] = {}
    for score in scores:
        if len(seen) < count:
            seen.setdefault(score.video, score)
    return list(seen.values())
