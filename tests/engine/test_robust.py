"""Metric R and the alignment filter, on scores worked out by hand; false pairs asked of a model."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rvos_edu.config import ExperimentConfig, InferenceConfig, R2VOSInferenceConfig
from rvos_edu.engine.evaluate import evaluate
from rvos_edu.engine.robust import FalsePairScore, roc_curve, summarise_robustness, threshold_curve
from rvos_edu.engine.robust_protocol import score_false_pairs
from rvos_edu.engine.scoring import ExpressionScore
from rvos_edu.engine.segment import blanks
from rvos_edu.metrics import alignment_auc
from rvos_edu.structures import Target
from tests.engine.oracle import Clips, ColourModel, samples

SIZE = 1000  # pixels of a clip where clips are alike


def true(area: float, j: float, f: float, mismatch: float | None, empty: float = 0.0) -> ExpressionScore:
    return ExpressionScore(
        0,
        "v",
        "0",
        "x",
        None,
        j,
        f,
        j,
        f,
        None,
        None,
        False,
        None,
        None,
        0,
        area,
        round(SIZE * area),
        empty,
        mismatch,
    )


def false(area: float, mismatch: float | None) -> FalsePairScore:
    return FalsePairScore("random", "v", "0", "y", area, round(SIZE * area), mismatch)


def test_by_hand() -> None:
    positives = [true(0.2, 0.8, 0.9, 0.1), true(0.3, 0.6, 0.7, 0.7, empty=0.25)]
    negatives = [false(0.1, 0.9), false(0.1, 0.2)]
    got = summarise_robustness(positives, negatives, threshold=0.5)
    assert got.count == 2
    assert got.r == pytest.approx(60.0)  # 1 - 0.2 / 0.5
    assert got.jf == pytest.approx(75.0)
    assert got.jfr == pytest.approx((70 + 80 + 60) / 3)
    assert got.r_filtered == pytest.approx(50.0)  # 1 - 0.1 / 0.2
    assert got.j_filtered == pytest.approx(52.5) and got.f_filtered == pytest.approx(57.5)
    assert got.jf_filtered == pytest.approx(55.0)
    assert got.jfr_filtered == pytest.approx((52.5 + 57.5 + 50) / 3)
    assert got.auc == pytest.approx(75.0)  # 0.9 above both, 0.2 above one of two
    assert (got.kept, got.rejected) == (50.0, 50.0)
    assert (got.false_alarms, got.false_alarms_filtered) == (100.0, 50.0)


def test_a_model_that_does_not_say_has_no_filtered_figures() -> None:
    got = summarise_robustness([true(0.5, 1, 1, None)], [false(1.0, None)], threshold=0.5)
    assert got.r == pytest.approx(-100.0)  # twice the pixels, not clamped
    assert got.jfr == pytest.approx(200 / 3)  # clamped in the mean
    assert got.r_filtered is got.auc is got.jf_filtered is None
    assert got.false_alarms == 100.0 and got.false_alarms_filtered is None


def test_the_threshold_moves_from_nothing_kept_to_all_kept() -> None:
    positives, negatives = [true(0.2, 0.8, 0.8, 0.3)], [false(0.1, 0.6)]
    curve = [summarise_robustness(positives, negatives, threshold=t) for t in (0.0, 0.5, 1.0)]
    assert [(point.kept, point.rejected) for point in curve] == [(0, 100), (100, 100), (100, 0)]
    assert curve[1].r_filtered == pytest.approx(100.0) and curve[2].r_filtered == pytest.approx(50.0)
    assert curve[0].r_filtered is curve[0].jfr_filtered is None  # nothing for sentences that fit


def test_threshold_curve_is_the_summary_at_each_threshold() -> None:
    positives, negatives = [true(0.2, 0.8, 0.6, 0.3)], [false(0.1, 0.6)]
    curve = threshold_curve(positives, negatives, thresholds=[0.0, 0.5, 1.0])
    assert [*curve.kept] == [0, 100, 100] and [*curve.rejected] == [100, 100, 0]
    np.testing.assert_allclose(curve.r, [np.nan, 100, 50])
    np.testing.assert_allclose(curve.jf, [0, 70, 70])


def test_roc_by_hand_ties_on_one_straight_piece() -> None:
    positives = [true(0.2, 1, 1, p) for p in (0.1, 0.5)]
    negatives = [false(0.1, p) for p in (0.9, 0.5, 0.5, 0.2)]
    curve = roc_curve(positives, negatives)  # thresholds above all, 0.9, 0.5, 0.2, 0.1
    np.testing.assert_allclose(curve.true_rejected, [0, 0, 50, 50, 100])
    np.testing.assert_allclose(curve.false_rejected, [0, 25, 75, 100, 100])


LEVELS = st.lists(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]), min_size=1, max_size=12)


@given(LEVELS, LEVELS)
def test_the_area_below_the_roc_is_the_auc(right: list[float], wrong: list[float]) -> None:
    curve = roc_curve([true(0.2, 1, 1, p) for p in right], [false(0.1, p) for p in wrong])
    area = np.trapezoid(curve.false_rejected / 100, curve.true_rejected / 100)
    assert area == pytest.approx(alignment_auc(wrong, right))
    for x in (curve.true_rejected, curve.false_rejected):
        assert x[0] == 0 and x[-1] == 100 and (np.diff(x) >= 0).all()


def test_a_model_that_does_not_say_has_no_curves() -> None:
    silent = [true(0.5, 1, 1, None)], [false(1.0, None)]
    with pytest.raises(ValueError, match="does not say whether a sentence fits"):
        threshold_curve(*silent, thresholds=[0.5])
    with pytest.raises(ValueError, match="does not say whether a sentence fits"):
        roc_curve(*silent)
    with pytest.raises(ValueError, match="true and false pairs expected, got 0 and 1"):
        roc_curve([], [false(0.1, 0.5)])


@pytest.mark.parametrize(
    ("negative", "positive", "area"),
    [([0.9, 0.8], [0.1, 0.2], 1.0), ([0.1], [0.9], 0.0), ([0.5], [0.5], 0.5), ([3, 1], [2, 1], 0.625)],
)
def test_auc(negative: list[float], positive: list[float], area: float) -> None:
    assert alignment_auc(negative, positive) == pytest.approx(area)


def test_auc_of_nothing_and_of_nonsense() -> None:
    assert np.isnan(alignment_auc([], [0.5]))
    with pytest.raises(ValueError, match="positive_scores must be finite numbers, got nan"):
        alignment_auc([0.5], [float("nan")])


def test_masks_are_emptied_only_where_the_sentence_does_not_fit_and_the_filter_is_on() -> None:
    assert blanks(R2VOSInferenceConfig(), False)
    assert not blanks(R2VOSInferenceConfig(), True)
    assert not blanks(R2VOSInferenceConfig(align_filter=False), False)
    assert not blanks(InferenceConfig(), None)


def test_r_does_not_depend_on_how_many_false_pairs_there_are() -> None:
    positives = [true(0.4, 0.8, 0.8, 0.1)] * 2
    for count in (1, 5):
        summary = summarise_robustness(positives, [false(0.1, 0.9)] * count, threshold=0.5)
        assert summary.r == pytest.approx(75) and summary.r_filtered == 100


def test_r_is_that_of_pixels_where_clips_differ_in_length() -> None:
    """36 and 4 frames of 100 pixels, true shares 0.1 and 0.5, false ones 0.1 and 0: 1 - 360 / (360 + 200)."""
    lengths, threshold = (3600, 400), 0.5
    positives = [
        replace(true(share, 0.8, 0.8, 0.1), pixels=round(share * size))
        for share, size in zip((0.1, 0.5), lengths, strict=True)
    ]
    negatives = [
        replace(false(share, 0.2), pixels=round(share * size))
        for share, size in zip((0.1, 0.0), lengths, strict=True)
    ]
    got = summarise_robustness(positives, negatives, threshold=threshold)
    assert got.r == pytest.approx(100 * (1 - 360 / 560)) == pytest.approx(35.714286)  # of shares: 83.3
    assert got.r_filtered == got.r  # nothing is rejected
    assert got.jfr == got.jfr_filtered == pytest.approx((80 + 80 + got.r) / 3)
    assert threshold_curve(positives, negatives, thresholds=[threshold]).r[0] == got.r
    positives[1] = replace(positives[1], mismatch=0.9)  # of the true pixels 360 stay
    got = summarise_robustness(positives, negatives, threshold=threshold)
    assert got.r == pytest.approx(35.714286) and got.r_filtered == pytest.approx(0.0)


def test_pixels_are_counted_at_each_clip_s_own_length_and_size() -> None:
    """A square of 16 pixels in 4 frames of 16x32 and in 2 of 16x24; false sentences find the latter."""
    config = ExperimentConfig()
    config.data.short_side, config.data.max_side = 16, 32
    long = samples("long", [[0, 1, 2, 3]], [("object one", 0, None, None)])
    short = samples("short", [[0, 1]], [("object one", 0, None, None)])
    short = [
        replace(
            s,
            frames=s.frames[..., :24],
            target=Target(s.target.masks[..., :24], 0),  # type: ignore[union-attr]
            original_size=(16, 24),
        )
        for s in short
    ]
    clips: Any = Clips(long, short)
    clips.pairs = SimpleNamespace(kind="random")
    model: Any = ColourModel()
    found = evaluate(model, clips, config=config, progress=False)
    assert [s.pixels for s in found.expressions] == [64, 32]
    assert [s.area for s in found.expressions] == pytest.approx([16 / 512, 16 / 384])
    wrong = score_false_pairs(model, clips, [0, 1], config=config, progress=False)
    assert [s.pixels for s in wrong] == [64, 32]
    got = summarise_robustness(found.expressions, wrong[1:] * 2, threshold=0.5)
    assert got.r == pytest.approx(100 * (1 - 32 / 48))
