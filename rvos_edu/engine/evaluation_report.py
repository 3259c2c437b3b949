"""The printed table and the files of an evaluation: means and ranges over one or several seeds."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rvos_edu.config import InferenceConfig, R2VOSInferenceConfig
from rvos_edu.data import layout_of
from rvos_edu.engine.davis_table import EXPLAINED, davis_lines, davis_table
from rvos_edu.engine.hidden_report import (
    NOT_MEASURED,
    hidden_lines,
    hidden_rows,
    submission_facts,
    submission_sentences,
)
from rvos_edu.engine.image_table import image_lines, image_table
from rvos_edu.engine.robust_table import robust_lines, robust_table
from rvos_edu.engine.summary import THRESHOLDS, EvaluationResult, Spread, over_seeds

COLUMNS = (  # figure, heading, width
    ("jf", "J&F", 8),
    ("j", "J", 8),
    ("f", "F", 8),
    ("jf_frame", "J&F no vote", 13),
    ("right", "right obj.", 12),
    ("chance", "chance", 8),
)
SENTENCES = (  # below the table; a figure's name stands in brackets
    "J&F [overall.jf], without voting [overall.jf_frame]",
    "with the filter 1(A): J&F [overall_filtered.jf], J [overall_filtered.j], F [overall_filtered.f],"
    " [overall_filtered.kept] % of the sentences kept",
    "DAVIS figures are with the filter 1(A), judged once per video: [davis.rejected] % of the sentences are"
    " emptied",
    "late-entry clips: J&F [late_entry_clips.jf] with voting, [late_entry_clips.jf_frame] without,"
    " gain [late_entry_clips.gain]",
    "P@0.5 to 0.9 " + " / ".join(f"[images.P@{k}]" for k in THRESHOLDS),
    "overall IoU [images.overall_iou], mean IoU [images.mean_iou]",
    "without voting: P@0.5 to 0.9 " + " / ".join(f"[images_per_frame.P@{k}]" for k in THRESHOLDS),
    "without voting: overall IoU [images_per_frame.overall_iou], mean IoU [images_per_frame.mean_iou]",
    "mAP [images.mean_average_precision] (voted masks only: [images.mean_average_precision_best])",
    "shuffled frames, motion sentences: right object [shuffled.right] %, chance [shuffled.chance] %,"
    " in order [category.motion.right] %",
    "random false sentences: R [robust.random.r], J&F&R [robust.random.jfr]",
    "random false sentences, with 1(A): R [robust.random.r_filtered], J&F [robust.random.jf_filtered],"
    " J&F&R [robust.random.jfr_filtered], AUC [robust.random.auc]",
    "random false sentences, with 1(A): true ones kept [robust.random.kept] %, false ones rejected"
    " [robust.random.rejected] %",
    "hard false sentences: R [robust.hard.r], J&F&R [robust.hard.jfr]",
    "hard false sentences, with 1(A): R [robust.hard.r_filtered], J&F [robust.hard.jf_filtered],"
    " J&F&R [robust.hard.jfr_filtered], AUC [robust.hard.auc]",
    "hard false sentences, with 1(A): true ones kept [robust.hard.kept] %, false ones rejected"
    " [robust.hard.rejected] %",
    "another object's sentence: J&F [swapped.swapped_jf] instead of [swapped.jf], [swapped.drop] lower",
)
_OF_IMAGES = {"overall", "late_entry_clips", "images", "images_per_frame"}


@dataclass(frozen=True)
class EvaluationReport:
    """Results of one model on one split, one result per seed.

    Args:
        model, data, split: as asked for; `level` is None for data without levels.
        clips: number of clips per seed.
        seconds: wall time.
        alignment: of `alignment_of`; None for models that do not judge sentences.
        skipped: number of faulty entries that were left out, over all seeds.
    """

    model: str
    data: str
    split: str
    level: str | None
    seeds: list[int]
    clips: list[int]
    results: list[EvaluationResult]
    seconds: float
    alignment: Mapping[str, float | bool] | None = None
    skipped: int = 0

    @property
    def name(self) -> str:
        """The model's name, without the folders above it."""
        return Path(self.model).name

    @property
    def windowed(self) -> bool:
        """Whether single frames are scored, as on A2D-Sentences: mAP, P@K and IoU then lead the table."""
        return layout_of(self.data).windowed

    @property
    def title(self) -> str:
        """One line: what was evaluated on what."""
        level = "" if self.level is None else f", level {self.level}"
        seeds = "" if self.level is None else f", seed {', '.join(map(str, self.seeds))}"
        count = sum(len(result.true_scores) for result in self.results)
        left = f", faulty entries left out: {self.skipped}" if self.skipped else ""
        return (
            f"{self.name} on {self.data} ({self.split}{level}{seeds}): "
            f"{sum(self.clips)} clips, {count} expressions{left}, {self.seconds:.0f} s"
        )

    def spread(self) -> dict[str, Spread]:
        """Mean and range over seeds of every figure, in percent."""
        return over_seeds(self.results)

    @property
    def hidden(self) -> bool:
        """Whether the split has no masks to measure against."""
        return self.results[0].hidden is not None

    def table(self) -> str:
        """The table that `rvos-edu evaluate` prints."""
        return format_table(self)


def alignment_of(inference: InferenceConfig) -> dict[str, float | bool] | None:
    """From which probability on 1(A) rejects a sentence, and whether submission and DAVIS are filtered."""
    if not isinstance(inference, R2VOSInferenceConfig):
        return None
    return {"threshold": inference.align_threshold, "filter": inference.align_filter}


def write_report(folder: Path, report: EvaluationReport) -> None:
    """Write `table.txt`, `evaluation.json`, `expressions.jsonl`; of false sentences `false_pairs.jsonl`."""
    (folder / "table.txt").write_text(report.table(), encoding="utf-8")
    content: dict[str, Any] = {
        "model": report.model,
        "data": report.data,
        "split": report.split,
        "level": report.level,
        "seeds": report.seeds,
        "clips": report.clips,
        "skipped": report.skipped,
        "alignment": report.alignment,
        "seconds": round(report.seconds, 1),
        "unit": "percent",
        "figures": {name: asdict(value) for name, value in report.spread().items()},
        "per_seed": [result.figures() for result in report.results],
    }
    if report.hidden:
        content["not_measured"] = dict(NOT_MEASURED)
        content["submission"] = submission_facts(report.results[0].submission)
    (folder / "evaluation.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    with (folder / "expressions.jsonl").open("w", encoding="utf-8") as file:
        for seed, result in zip(report.seeds, report.results, strict=True):
            for score in result.true_scores:
                file.write(json.dumps({"seed": seed, **asdict(score)}) + "\n")
    pairs = [(seed, p) for seed, r in zip(report.seeds, report.results, strict=True) for p in r.false_pairs]
    if pairs:
        lines = [json.dumps({"seed": seed, **asdict(pair)}) for seed, pair in pairs]
        (folder / "false_pairs.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def format_table(report: EvaluationReport) -> str:
    """Per category, false sentences, images and protocols; several seeds as mean (lowest to highest)."""
    lines = hidden_lines(hidden_rows(report.spread())) if report.hidden else _group_lines(report)
    robust = robust_table(report.spread())
    if len(robust) > 1:
        lines += ["", *robust_lines(robust)]
    if davis := davis_table(report.spread()):
        lines += ["", *davis_lines(davis), "", *textwrap.wrap(EXPLAINED, 100)]
    if told := sentences(report):
        lines += ["", *told]
    return "\n".join([report.title, "", *lines]) + "\n"


def _group_lines(report: EvaluationReport) -> list[str]:
    header = f"{'category':<18}{'n':>7}" + "".join(f"{name:>{width}}" for _, name, width in COLUMNS)
    lines = [*image_lines(image_table(report.spread())), ""] if report.windowed else []
    lines += [header, "-" * len(header)]
    for name, count, *cells in group_rows(report):
        widths = (width for _, _, width in COLUMNS)
        numbers = "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        lines.append(f"{name:<18}{count:>7}{numbers}")
    return lines


def group_rows(report: EvaluationReport) -> list[list[str]]:
    """Rows of the table: name, number of expressions, then the figures of `COLUMNS`, means over seeds."""
    spread = report.spread()
    groups = [(f"category.{name}", name) for name in report.results[0].categories]
    groups.append(("overall", "all"))
    if not report.windowed:
        groups.append(("late_entry_clips", "late-entry clips"))
    rows = []
    for prefix, name in groups:
        count = sum(result.figures().get(f"{prefix}.count", 0) for result in report.results)
        values = [spread.get(f"{prefix}.{key}") for key, _, _ in COLUMNS]
        rows.append([name, f"{count:.0f}", *("-" if v is None else f"{v.mean:.1f}" for v in values)])
    return rows


def sentences(report: EvaluationReport) -> list[str]:
    """What the tables do not say: images, mAP, protocols; over several seeds also the ranges of table C.

    Of single frames the first table says the former, and there is nothing to vote about. Where the truth is
    hidden: whether the submission can be handed in.
    """
    if report.hidden:
        return [*submission_sentences(report.results[0]), *_alignment_sentences(report)]
    spread, several = report.spread(), len(report.results) > 1
    lines = []
    for sentence in SENTENCES:
        keys = re.findall(r"\[([\w.@]+)\]", sentence)
        groups = {key.split(".")[0] for key in keys}
        told = (report.windowed and groups & _OF_IMAGES) or (not several and "robust" in groups)
        if not told and all(key in spread for key in keys):
            for key in keys:
                sentence = sentence.replace(f"[{key}]", _show(spread[key], several=several))
            lines.append(sentence)
    return [*lines, *_alignment_sentences(report)]


def _alignment_sentences(report: EvaluationReport) -> list[str]:
    about = report.alignment
    if about is None:
        return []
    where = "; switched off: submission and DAVIS figures are not filtered"
    if about["filter"]:
        where = "; the submission is filtered" if report.results[0].submission else ""
    return [f"1(A) rejects a sentence from a probability of {about['threshold']:g} on{where}"]


def _show(value: Spread, *, several: bool) -> str:
    mean, low, high = (f"{round(number, 1) + 0.0:.1f}" for number in (value.mean, value.low, value.high))
    return f"{mean} ({low} to {high})" if several else mean
