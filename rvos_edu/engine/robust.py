"""Sentences that fit nothing: the metric R and the semantic alignment of R2-VOS (supplement, table C)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rvos_edu.engine.scoring import ExpressionScore
from rvos_edu.metrics import alignment_auc, robustness


@dataclass(frozen=True)
class FalsePairScore:
    """What a model made of a sentence that does not fit its clip.

    Args:
        kind: of the pair, "random" or "hard".
        area: share of the clip's pixels that the voted masks cover.
        mismatch: probability that the sentence does not fit; None for models that do not say.
    """

    kind: str
    video: str
    expression_id: str
    expression: str
    area: float
    mismatch: float | None


@dataclass(frozen=True)
class RobustSummary:
    """Table C on one kind of false pairs, in percent; `..._filtered`: with 1(A), None where there is none.

    Args:
        count: number of false pairs.
        r: 100 R, not clamped: below 0 if false sentences get more pixels than true ones; None if true ones
            get none.
        jfr: (J + F + R) / 3, R clamped at 0.
        auc: of the probability "does not match" over true and false pairs, in percent.
        kept, rejected: share of true pairs kept and of false pairs rejected at the threshold.
    """

    count: int
    r: float | None
    jf: float
    jfr: float | None
    r_filtered: float | None = None
    j_filtered: float | None = None
    f_filtered: float | None = None
    jf_filtered: float | None = None
    jfr_filtered: float | None = None
    auc: float | None = None
    kept: float | None = None
    rejected: float | None = None


def summarise_robustness(
    true: Sequence[ExpressionScore], false: Sequence[FalsePairScore], *, threshold: float
) -> RobustSummary:
    """Table C from the scores of true and false pairs; areas are shares of each clip's frames.

    Args:
        true: scores without the filter.
        false: of one kind.
        threshold: from which probability of "does not match" on masks are emptied.
    """
    r = _percent_r([s.area for s in false], [s.area for s in true])
    j, f = (100 * float(np.mean([getattr(s, name) for s in true])) for name in ("j", "f"))
    plain = RobustSummary(len(false), r, (j + f) / 2, _jfr(j, f, r))
    wrong = np.array([s.mismatch for s in false], dtype=np.float64)
    right = np.array([s.mismatch for s in true], dtype=np.float64)
    if np.isnan(wrong).any() or np.isnan(right).any():
        return plain
    kept, missed = right < threshold, wrong < threshold
    j, f = (
        100 * float(np.mean([getattr(s, name) if k else s.empty for s, k in zip(true, kept, strict=True)]))
        for name in ("j", "f")
    )
    areas = [s.area * k for s, k in zip(false, missed, strict=True)]
    filtered = _percent_r(areas, [s.area * k for s, k in zip(true, kept, strict=True)])
    return RobustSummary(
        count=plain.count,
        r=plain.r,
        jf=plain.jf,
        jfr=plain.jfr,
        r_filtered=filtered,
        j_filtered=j,
        f_filtered=f,
        jf_filtered=(j + f) / 2,
        jfr_filtered=_jfr(j, f, filtered),
        auc=100 * alignment_auc(wrong, right),
        kept=100 * float(kept.mean()),
        rejected=100 * float(1 - missed.mean()),
    )


def _percent_r(negative_areas: Sequence[float], positive_areas: Sequence[float]) -> float | None:
    r = 100 * robustness(negative_areas, positive_areas)
    return None if np.isnan(r) else r


def _jfr(j: float, f: float, r: float | None) -> float | None:
    return None if r is None else (j + f + max(0.0, r)) / 3
