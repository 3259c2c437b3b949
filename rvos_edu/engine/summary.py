"""From records of expressions to the figures of a table: per category, per protocol, over seeds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

import numpy as np

from rvos_edu.data.submission_report import SubmissionReport
from rvos_edu.engine.robust import FalsePairScore, FilteredSummary, RobustSummary, TrueScores
from rvos_edu.engine.scoring import ExpressionScore, OutputScore, ShuffledScore
from rvos_edu.metrics import AveragePrecision, Overlap, precision_at

CATEGORIES = ("colour", "shape", "size", "place", "motion", "combined", "late entry")
THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)  # of P@K


@dataclass(frozen=True)
class GroupSummary:
    """Means over the expressions of one group, in percent; None where nothing was measured."""

    count: int
    j: float | None
    f: float | None
    jf: float | None
    jf_frame: float | None
    right: float | None
    chance: float | None


@dataclass(frozen=True)
class ImageSummary:
    """A2D-style figures in percent; `precision` at IoU > 0.5, 0.6, 0.7, 0.8, 0.9.

    mAP submits the masks of all queries, `..._best` the voted one only; None if not measured.
    """

    count: int
    precision: list[float]
    overall_iou: float
    mean_iou: float
    mean_average_precision: float | None
    mean_average_precision_best: float | None


@dataclass(frozen=True)
class ShuffledSummary:
    """Right-object share with frames in random order, motion sentences only, in percent."""

    count: int
    right: float | None
    chance: float | None


@dataclass(frozen=True)
class SwappedSummary:
    """J&F against the first object: its own sentence, another object's sentence, the drop; in percent."""

    count: int
    jf: float | None
    swapped_jf: float | None
    drop: float | None


@dataclass(frozen=True)
class HiddenSummary:
    """What can be said of a split without masks, in percent.

    Args:
        count: number of expressions.
        area: mean share of the pixels that is segmented, without the filter 1(A).
        empty: share of expressions for which nothing is segmented in any frame, the same.
        rejected: share of expressions whose masks the filter 1(A) empties; None without the filter.
    """

    count: int
    area: float | None
    empty: float | None
    rejected: float | None


_Figures = (
    GroupSummary
    | ImageSummary
    | ShuffledSummary
    | SwappedSummary
    | RobustSummary
    | HiddenSummary
    | FilteredSummary
)


@dataclass(frozen=True)
class EvaluationResult:
    """All figures of one split.

    Where its truth is hidden, only `robust`, `false_pairs` and what is said at the end are there.

    Args:
        overall: all expressions.
        categories: by category name, in the order of the table; empty where none are known.
        late_entry: expressions whose object is not visible in the first frame.
        images, images_per_frame: with voting, and with a choice per frame; None if nothing was visible.
        shuffled, swapped: None where that protocol was not run.
        expressions: one record per expression.
        robust: by kind of false pairs; empty where there are none.
        false_pairs: one record per false pair.
        hidden: None where there are masks to measure against.
        outputs: one record per expression where the truth is hidden.
        submission: what a look at the zip for the server found, if one was written.
        overall_filtered: all expressions with the filter 1(A), whether the settings want it or not; None for
            models that do not judge sentences, and where the truth is hidden.
        own: figures of the dataset's own protocol, in percent, by dotted names; empty where it has none.
    """

    overall: GroupSummary
    categories: dict[str, GroupSummary]
    late_entry: GroupSummary
    images: ImageSummary | None
    images_per_frame: ImageSummary | None
    shuffled: ShuffledSummary | None
    swapped: SwappedSummary | None
    expressions: list[ExpressionScore]
    robust: dict[str, RobustSummary] = field(default_factory=dict)
    false_pairs: list[FalsePairScore] = field(default_factory=list)
    own: dict[str, float] = field(default_factory=dict)
    hidden: HiddenSummary | None = None
    outputs: list[OutputScore] = field(default_factory=list)
    submission: SubmissionReport | None = None
    overall_filtered: FilteredSummary | None = None

    @property
    def true_scores(self) -> TrueScores:
        """One record per expression, whether its truth is known or not."""
        return self.expressions if self.hidden is None else self.outputs

    def of_kind(self, kind: str) -> list[FalsePairScore]:
        """The records of the false pairs of one kind."""
        return [pair for pair in self.false_pairs if pair.kind == kind]

    @property
    def late_entry_gain(self) -> float | None:
        """J&F with voting minus J&F with per-frame choice, on late-entry expressions."""
        if self.late_entry.jf is None or self.late_entry.jf_frame is None:
            return None
        return self.late_entry.jf - self.late_entry.jf_frame

    def figures(self) -> dict[str, float]:
        """All measured numbers by a dotted name, for JSON files and for means over seeds."""
        groups: dict[str, _Figures] = {"overall": self.overall, "late_entry_clips": self.late_entry}
        if self.hidden is not None:
            groups = {"hidden": self.hidden}
        groups |= {f"category.{name}": group for name, group in self.categories.items()}
        parts = {
            "overall_filtered": self.overall_filtered,
            "images": self.images,
            "images_per_frame": self.images_per_frame,
            "shuffled": self.shuffled,
            "swapped": self.swapped,
        }
        groups |= {name: part for name, part in parts.items() if part is not None}
        groups |= {f"robust.{kind}": part for kind, part in self.robust.items()}
        flat: dict[str, float] = dict(self.own)
        for name, group in groups.items():
            for key, value in asdict(group).items():
                if isinstance(value, list):
                    flat |= {f"{name}.P@{k}": v for k, v in zip(THRESHOLDS, value, strict=True)}
                elif value is not None:
                    flat[f"{name}.{key}"] = value
        if self.late_entry_gain is not None:
            flat["late_entry_clips.gain"] = self.late_entry_gain
        return flat


@dataclass(frozen=True)
class Spread:
    """Mean, lowest and highest of a figure over seeds."""

    mean: float
    low: float
    high: float


def over_seeds(results: list[EvaluationResult]) -> dict[str, Spread]:
    """Mean and range of every figure that all results have."""
    tables = [result.figures() for result in results]
    common = [key for key in tables[0] if all(key in table for table in tables)]
    spread = {}
    for key in common:
        values = [table[key] for table in tables]
        spread[key] = Spread(float(np.mean(values)), min(values), max(values))
    return spread


def summarise_group(scores: Iterable[ExpressionScore]) -> GroupSummary:
    """Means over some expressions."""
    scores = list(scores)
    return GroupSummary(
        count=len(scores),
        j=_percent(s.j for s in scores),
        f=_percent(s.f for s in scores),
        jf=_percent(s.jf for s in scores),
        jf_frame=_percent(s.jf_frame for s in scores),
        right=_percent(s.right for s in scores),
        chance=_percent(s.chance for s in scores),
    )


def summarise_hidden(outputs: list[OutputScore]) -> EvaluationResult:
    """All figures of a split whose truth is hidden, but those of false pairs."""
    judged = [s.rejected for s in outputs if s.rejected is not None]
    return EvaluationResult(
        overall=summarise_group([]),
        categories={},
        late_entry=summarise_group([]),
        images=None,
        images_per_frame=None,
        shuffled=None,
        swapped=None,
        expressions=[],
        hidden=HiddenSummary(
            count=len(outputs),
            area=_percent(s.area for s in outputs),
            empty=_percent(s.area == 0 for s in outputs),
            rejected=_percent(judged) if judged else None,
        ),
        outputs=outputs,
    )


def summarise_categories(scores: list[ExpressionScore]) -> dict[str, GroupSummary]:
    """One group per category that occurs, the seven of Moving Shapes first."""
    present = {s.category for s in scores if s.category is not None}
    names = [c for c in CATEGORIES if c in present] + sorted(present - set(CATEGORIES))
    return {name: summarise_group(s for s in scores if s.category == name) for name in names}


def summarise_swapped(scores: list[ExpressionScore]) -> SwappedSummary:
    """Own against other sentences, over the expressions that have both."""
    pairs = [s for s in scores if s.swapped_jf is not None]
    jf, swapped = _percent(s.jf for s in pairs), _percent(s.swapped_jf for s in pairs)
    drop = None if jf is None or swapped is None else jf - swapped
    return SwappedSummary(len(pairs), jf, swapped, drop)


def summarise_shuffled(scores: list[ShuffledScore]) -> ShuffledSummary:
    """Share of right objects, and chance, with frames in random order."""
    return ShuffledSummary(len(scores), _percent(s.right for s in scores), _percent(s.chance for s in scores))


def summarise_images(
    overlaps: list[Overlap], candidates: AveragePrecision | None = None
) -> ImageSummary | None:
    """A2D-style figures of one way to choose masks, None if no frame showed its object."""
    intersection = np.concatenate([np.zeros(0, np.int64), *(o.intersection for o in overlaps)])
    overlap = Overlap(intersection, np.concatenate([np.zeros(0, np.int64), *(o.union for o in overlaps)]))
    if not len(overlap.union):
        return None
    precision = None if candidates is None else candidates.compute()
    return ImageSummary(
        count=len(overlap.union),
        precision=[100.0 * float(p) for p in precision_at(overlap.iou, THRESHOLDS)],
        overall_iou=100.0 * overlap.overall,
        mean_iou=100.0 * overlap.mean,
        mean_average_precision=None if precision is None else 100.0 * precision.mean,
        mean_average_precision_best=None if precision is None else 100.0 * precision.mean_best,
    )


def _percent(values: Iterable[float | bool | None]) -> float | None:
    known = [float(v) for v in values if v is not None]
    return 100.0 * float(np.mean(known)) if known else None
