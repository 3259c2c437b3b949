"""Sentences that fit nothing: the metric R and the semantic alignment of R2-VOS (supplement, table C)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rvos_edu.config import InferenceConfig, R2VOSInferenceConfig
from rvos_edu.engine.scoring import ExpressionScore, OutputScore
from rvos_edu.metrics import alignment_auc, robustness

TrueScores = Sequence[ExpressionScore | OutputScore]  # the latter where the truth is hidden


@dataclass(frozen=True)
class FalsePairScore:
    """What a model made of a sentence that does not fit its clip.

    Args:
        kind: of the pair, "random" or "hard".
        area: share of the clip's pixels that the voted masks cover, for display.
        pixels: number of those pixels, over all frames, of which R is made.
        mismatch: probability that the sentence does not fit; None for models that do not say.
    """

    kind: str
    video: str
    expression_id: str
    expression: str
    area: float
    pixels: int
    mismatch: float | None


@dataclass(frozen=True)
class FilteredSummary:
    """Means over all true sentences with the filter 1(A), in percent.

    Args:
        j, f, jf: where masks are emptied, J and F are those of empty masks: 1 in frames without the object.
        kept: share of the sentences whose masks are not emptied.
    """

    j: float
    f: float
    jf: float
    kept: float


@dataclass(frozen=True)
class RobustSummary:
    """Table C on one kind of false pairs, in percent; `..._filtered`: with 1(A), None where there is none.

    J and F are None where the truth is hidden; R and all the rest need none.

    Args:
        count: number of false pairs.
        r: 100 R, not clamped: below 0 if a false sentence gets more pixels than a true one, on average over
            pairs; None if true ones get none. Long videos and large frames count more, as in the paper.
        jfr: (J + F + R) / 3, R clamped at 0.
        false_alarms: share of false pairs for which anything is segmented in any frame: unlike R it does not
            favour small masks.
        auc: of the probability "does not match" over true and false pairs, in percent.
        kept, rejected: share of true pairs kept and of false pairs rejected at the threshold.
    """

    count: int
    r: float | None
    jf: float | None
    jfr: float | None
    false_alarms: float
    r_filtered: float | None = None
    j_filtered: float | None = None
    f_filtered: float | None = None
    jf_filtered: float | None = None
    jfr_filtered: float | None = None
    false_alarms_filtered: float | None = None
    auc: float | None = None
    kept: float | None = None
    rejected: float | None = None


@dataclass(frozen=True)
class ThresholdCurve:
    """What the filter 1(A) does at many thresholds, in percent; nan where nothing is kept.

    Args:
        thresholds: [n], as for `summarise_robustness`.
        kept, rejected, r, jf: [n], those of `RobustSummary`, with the filter.
    """

    thresholds: NDArray[np.float64]
    kept: NDArray[np.float64]
    rejected: NDArray[np.float64]
    r: NDArray[np.float64]
    jf: NDArray[np.float64]


@dataclass(frozen=True)
class RocCurve:
    """How many true sentences each share of rejected false ones costs, in percent, from (0, 0) to (100, 100).

    Args:
        true_rejected, false_rejected: [n], at every threshold that changes a decision, from the highest on.
    """

    true_rejected: NDArray[np.float64]
    false_rejected: NDArray[np.float64]


def summarise_robustness(
    true: TrueScores, false: Sequence[FalsePairScore], *, threshold: float
) -> RobustSummary:
    """Table C from the scores of true and false pairs.

    R is the paper's, 1 - (sum of pixels of false pairs) / (sum of pixels of true pairs), if there are as many
    false pairs as true ones; else each sum is divided by its number of pairs.

    Args:
        true: scores without the filter.
        false: of one kind, at least one.
        threshold: from which probability of "does not match" on masks are emptied.
    """
    r = _percent_r([s.pixels for s in false], [s.pixels for s in true])
    j, f = _scores_kept(true, np.ones(len(true), bool))
    alarms = np.array([s.pixels > 0 for s in false])
    plain = RobustSummary(len(false), r, _mean(j, f), _jfr(j, f, r), 100 * float(alarms.mean()))
    wrong = np.array([s.mismatch for s in false], dtype=np.float64)
    right = np.array([s.mismatch for s in true], dtype=np.float64)
    if np.isnan(wrong).any() or np.isnan(right).any():
        return plain
    kept, missed = right < threshold, wrong < threshold
    j, f = _scores_kept(true, kept)
    pixels = [s.pixels * int(k) for s, k in zip(false, missed, strict=True)]
    filtered = _percent_r(pixels, [s.pixels * int(k) for s, k in zip(true, kept, strict=True)])
    return replace(
        plain,
        r_filtered=filtered,
        j_filtered=j,
        f_filtered=f,
        jf_filtered=_mean(j, f),
        jfr_filtered=_jfr(j, f, filtered),
        false_alarms_filtered=100 * float((alarms & missed).mean()),
        auc=100 * alignment_auc(wrong, right),
        kept=100 * float(kept.mean()),
        rejected=100 * float(1 - missed.mean()),
    )


def summarise_filtered(true: Sequence[ExpressionScore], *, threshold: float) -> FilteredSummary | None:
    """J, F and J&F if masks are emptied from `threshold` on; None for models that do not judge sentences."""
    if any(s.mismatch is None for s in true):
        return None
    kept = _mismatches(true) < threshold
    j, f = _scores_kept(true, kept)
    assert j is not None and f is not None
    return FilteredSummary(j, f, (j + f) / 2, kept=100 * float(kept.mean()))


def align_threshold(settings: InferenceConfig) -> float:
    """From which probability of "does not match" on the filter empties masks; one half where none is set."""
    return settings.align_threshold if isinstance(settings, R2VOSInferenceConfig) else 0.5


def _scores_kept(true: TrueScores, kept: NDArray[np.bool_]) -> tuple[float, float] | tuple[None, None]:
    """Mean J and F in percent if only the masks of `kept` [n] are not emptied; None where truth is hidden."""
    pairs = [
        (s.j, s.f) if k else (s.empty, s.empty)
        for s, k in zip(true, kept, strict=True)
        if isinstance(s, ExpressionScore)
    ]
    if len(pairs) < len(true):
        return None, None
    j, f = (100 * float(v) for v in np.mean(pairs, axis=0))
    return j, f


def threshold_curve(
    true: TrueScores, false: Sequence[FalsePairScore], *, thresholds: ArrayLike
) -> ThresholdCurve:
    """`summarise_robustness` at each of `thresholds` [n].

    Raises:
        ValueError: if the model does not say whether a sentence fits.
    """
    places = np.asarray(thresholds, np.float64)
    for scores in (true, false):
        _mismatches(scores)
    points = [summarise_robustness(true, false, threshold=float(t)) for t in places]
    return ThresholdCurve(
        places,
        kept=np.array([p.kept for p in points], np.float64),
        rejected=np.array([p.rejected for p in points], np.float64),
        r=np.array([p.r_filtered for p in points], np.float64),  # None becomes nan
        jf=np.array([p.jf_filtered for p in points], np.float64),
    )


def roc_curve(true: TrueScores, false: Sequence[FalsePairScore]) -> RocCurve:
    """The curve whose area is `alignment_auc`: pairs of equal probability lie on one straight piece.

    Raises:
        ValueError: if the model does not say whether a sentence fits, or there are no pairs of a kind.
    """
    right, wrong = _mismatches(true), _mismatches(false)
    if not len(right) or not len(wrong):
        raise ValueError(f"true and false pairs expected, got {len(right)} and {len(wrong)}")
    levels = np.unique(np.concatenate([right, wrong]))[::-1]
    shares = [
        np.concatenate([[0.0], 100 * (1 - np.searchsorted(np.sort(s), levels) / len(s))])
        for s in (right, wrong)
    ]
    return RocCurve(*shares)


def _mismatches(scores: TrueScores | Sequence[FalsePairScore]) -> NDArray[np.float64]:
    values = np.array([s.mismatch for s in scores], np.float64)
    if np.isnan(values).any():
        raise ValueError("a model that does not say whether a sentence fits has no threshold")
    return values


def _percent_r(negative: Sequence[int], positive: Sequence[int]) -> float | None:
    """100 R of the mean numbers of pixels of a pair: that of the sums if there are as many of each kind."""
    if not negative or not positive:
        return None
    r = 100 * robustness([float(np.mean(negative))], [float(np.mean(positive))])
    return None if np.isnan(r) else r


def _mean(j: float | None, f: float | None) -> float | None:
    return None if j is None or f is None else (j + f) / 2


def _jfr(j: float | None, f: float | None, r: float | None) -> float | None:
    return None if j is None or f is None or r is None else (j + f + max(0.0, r)) / 3
