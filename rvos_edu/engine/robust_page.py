"""False sentences on the page of an evaluation: table C, the threshold of 1(A), and what was found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rvos_edu.config import AnyExperiment, R2VOSInferenceConfig
from rvos_edu.data import PairDataset
from rvos_edu.engine.evaluation_report import EvaluationReport
from rvos_edu.engine.inference import predict
from rvos_edu.engine.robust import FalsePairScore, roc_curve, summarise_robustness, threshold_curve
from rvos_edu.engine.robust_table import robust_table
from rvos_edu.engine.summary import EvaluationResult
from rvos_edu.models import VideoModel
from rvos_edu.viz.alignment import roc_chart, threshold_chart
from rvos_edu.viz.overlay import ClipPicture, clip_grid
from rvos_edu.viz.page import Page
from rvos_edu.viz.style import Figure

THRESHOLDS = np.linspace(0, 1, 101)
LINES = {
    "true sentences kept": "kept",
    "false sentences rejected": "rejected",
    "R, filtered": "r",
    "J&F, filtered": "jf",  # not where the truth is hidden
}


def add_false_sentences(
    page: Page,
    report: EvaluationReport,
    *,
    model: VideoModel,
    pairs: Sequence[PairDataset],
    config: AnyExperiment,
) -> None:
    """A section on sentences that fit nothing, where they were asked.

    Every model gets table C; one that says whether a sentence fits (R2-VOS) also the threshold figure, the
    ROC figure and pictures of `pairs`, those of the first seed.
    """
    table = robust_table(report.spread())
    if len(table) == 1:
        return
    page.heading("Sentences that fit nothing")
    page.text(
        "R: 100 minus the pixels segmented for a false sentence, on average, in percent of those for "
        "a true one; long videos and large frames count more, as in the paper. Random pairs: a sentence of "
        "another video. Hard pairs: a true sentence with one attribute changed. False alarms: the share of "
        "false sentences for which anything at all is segmented."
    )
    page.table(table[0], table[1:])
    settings = config.inference
    if not isinstance(settings, R2VOSInferenceConfig):
        return
    threshold = settings.align_threshold
    page.text(
        f"With 1(A): masks are emptied where p(does not match) is {threshold:g} or more. AUC: how often a "
        "false sentence gets a higher p than a true one."
    )
    page.figure(threshold_figure(report.results, threshold), "The dashed line is the threshold of the table.")
    page.figure(roc_figure(report.results, threshold))
    by_kind = {dataset.pairs.kind: dataset for dataset in pairs}
    chosen = telling_pairs(report.results[0].false_pairs, threshold)
    page.heading("What was segmented for false sentences", level=3)
    page.figure(
        clip_grid({
            name: [false_picture(s, model=model, pairs=by_kind[s.kind], config=config) for s in scores]
            for name, scores in chosen.items()
        }),
        "The largest areas, before the filter. Let through: p is below the threshold, the mask stays. "
        "Rejected: the filter empties the mask.",
    )  # fmt: skip


def threshold_figure(results: Sequence[EvaluationResult], threshold: float) -> Figure:
    """Shares and scores at every threshold, means over seeds."""
    panels = {}
    for kind in results[0].robust:
        curves = [threshold_curve(r.true_scores, r.of_kind(kind), thresholds=THRESHOLDS) for r in results]
        panels[f"{kind} pairs"] = {
            name: np.mean([getattr(curve, key) for curve in curves], axis=0)
            for name, key in LINES.items()
            if key != "jf" or results[0].hidden is None
        }
    return threshold_chart(THRESHOLDS, panels, mark=threshold)


def roc_figure(results: Sequence[EvaluationResult], threshold: float) -> Figure:
    """One curve per kind of false pairs, those of all seeds together, and the points at `threshold`."""
    true = [score for result in results for score in result.true_scores]
    curves, marks = {}, {}
    for kind in results[0].robust:
        false = [pair for result in results for pair in result.of_kind(kind)]
        found = summarise_robustness(true, false, threshold=threshold)
        assert found.auc is not None and found.kept is not None and found.rejected is not None
        curve, name = roc_curve(true, false), f"{kind} pairs, AUC {found.auc:.1f}"
        curves[name] = curve.true_rejected, curve.false_rejected
        marks[name] = 100 - found.kept, found.rejected
    return roc_chart(curves, marks=marks, mark_name=f"threshold {threshold:g}")


def telling_pairs(scores: Sequence[FalsePairScore], threshold: float) -> dict[str, list[FalsePairScore]]:
    """Of each kind the pair with the largest area that is let through, and the one that is rejected."""
    chosen: dict[str, list[FalsePairScore]] = {}
    for name, rejected in (("let through", False), ("rejected", True)):
        for kind in dict.fromkeys(score.kind for score in scores):
            group = [
                s for s in scores
                if s.kind == kind and s.mismatch is not None and (s.mismatch >= threshold) == rejected
            ]  # fmt: skip
            if group:
                chosen.setdefault(name, []).append(max(group, key=lambda score: score.area))
    return chosen


def false_picture(
    score: FalsePairScore, *, model: VideoModel, pairs: PairDataset, config: AnyExperiment
) -> ClipPicture:
    """One false pair as a row of pictures; the model runs once more."""
    clip = next(i for i, key in enumerate(pairs.clips) if key.video == score.video)
    place, sample = next(
        (i, s) for i, s in enumerate(pairs.load_clip(clip)) if s.expression_id == score.expression_id
    )
    [[prediction]] = predict(model, [[sample]], config=config)
    changed = pairs.pair_of(clip, place).changed
    what = score.kind if changed is None else f"{score.kind} ({changed[1]} → {changed[2]})"
    assert score.mismatch is not None
    return ClipPicture(
        frames=sample.frames[list(sample.annotated)].permute(0, 2, 3, 1).numpy(),
        masks=prediction.voted,
        truth=None,
        expression=score.expression,
        caption=f"{what}: p(does not match) {score.mismatch:.2f}, area {100 * score.area:.1f} %",
    )
