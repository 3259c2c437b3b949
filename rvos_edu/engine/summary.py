"""From records of expressions to the figures of a table: per category, per protocol, over seeds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np

from rvos_edu.engine.scoring import ExpressionScore

CATEGORIES = ("colour", "shape", "size", "place", "motion", "combined", "late entry")
THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)
SENTENCES = (  # below the table; a figure's name stands in brackets
    "J&F [overall.jf], without voting [overall.jf_frame]",
    "late-entry clips: J&F [late_entry_clips.jf] with voting, [late_entry_clips.jf_frame] without,"
    " gain [late_entry_clips.gain]",
    "P@0.5 to 0.9: " + " / ".join(f"[images.P@{k}]" for k in THRESHOLDS),
    "overall IoU [images.overall_iou], mean IoU [images.mean_iou]",
    "mAP [images.mean_average_precision]",
    "shuffled frames, motion sentences: right object [shuffled.right] %, chance [shuffled.chance] %,"
    " in order [category.motion.right] %",
    "another object's sentence: J&F [swapped.swapped_jf] instead of [swapped.jf], [swapped.drop] lower",
)


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
    """A2D-style figures in percent; `precision` at IoU > 0.5, 0.6, 0.7, 0.8, 0.9."""

    count: int
    precision: list[float]
    overall_iou: float
    mean_iou: float
    mean_average_precision: float | None


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
class EvaluationResult:
    """All figures of one split.

    Args:
        overall: all expressions.
        categories: by category name, in the order of the table; empty where none are known.
        late_entry: expressions whose object is not visible in the first frame.
        images: None if nothing was visible.
        shuffled, swapped: None where that protocol was not run.
        expressions: one record per expression.
    """

    overall: GroupSummary
    categories: dict[str, GroupSummary]
    late_entry: GroupSummary
    images: ImageSummary | None
    shuffled: ShuffledSummary | None
    swapped: SwappedSummary | None
    expressions: list[ExpressionScore]

    @property
    def late_entry_gain(self) -> float | None:
        """J&F with voting minus J&F with per-frame choice, on late-entry expressions."""
        if self.late_entry.jf is None or self.late_entry.jf_frame is None:
            return None
        return self.late_entry.jf - self.late_entry.jf_frame

    def figures(self) -> dict[str, float]:
        """All measured numbers by a dotted name, for JSON files and for means over seeds."""
        groups: dict[str, object] = {"overall": self.overall, "late_entry_clips": self.late_entry}
        groups |= {f"category.{name}": group for name, group in self.categories.items()}
        for name, part in (("images", self.images), ("shuffled", self.shuffled), ("swapped", self.swapped)):
            if part is not None:
                groups[name] = part
        flat: dict[str, float] = {}
        for name, group in groups.items():
            for key, value in asdict(group).items():  # type: ignore[call-overload]
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


def summarise_shuffled(right: list[bool | None], chance: list[float | None]) -> ShuffledSummary:
    """Share of right objects and chance over expressions of videos with several objects."""
    return ShuffledSummary(len(right), _percent(right), _percent(chance))


def _percent(values: Iterable[float | bool | None]) -> float | None:
    known = [float(v) for v in values if v is not None]
    return 100.0 * float(np.mean(known)) if known else None


def format_table(results: list[EvaluationResult], title: str) -> str:
    """The table that is printed: per category, images, protocols; mean and range over several results."""
    spread = over_seeds(results)
    lines = [title, ""]
    header = f"{'category':<18}{'n':>7}{'J&F':>8}{'J':>8}{'F':>8}{'J&F no vote':>13}{'right obj.':>12}{'chance':>8}"
    lines += [header, "-" * len(header)]
    rows = [(f"category.{name}", name) for name in results[0].categories]
    rows += [("overall", "all"), ("late_entry_clips", "late-entry clips")]
    widths = {"jf": 8, "j": 8, "f": 8, "jf_frame": 13, "right": 12, "chance": 8}
    for prefix, name in rows:
        count = int(sum(result.figures().get(f"{prefix}.count", 0) for result in results))
        cells = "".join(_cell(spread.get(f"{prefix}.{key}"), width) for key, width in widths.items())
        lines.append(f"{name:<18}{count:>7}{cells}")
    lines += ["", *_sentences(spread, several=len(results) > 1)]
    return "\n".join(lines) + "\n"


def _sentences(spread: dict[str, Spread], *, several: bool) -> list[str]:
    lines = []
    for sentence in SENTENCES:
        keys = re.findall(r"\[([\w.@]+)\]", sentence)
        if all(key in spread for key in keys):
            for key in keys:
                sentence = sentence.replace(f"[{key}]", _show(spread[key], several=several))
            lines.append(sentence)
    return lines


def _show(value: Spread, *, several: bool) -> str:
    return f"{value.mean:.1f}" + (f" ({value.low:.1f} to {value.high:.1f})" if several else "")


def _cell(value: Spread | None, width: int) -> str:
    return f"{'-' if value is None else format(value.mean, '.1f'):>{width}}"
