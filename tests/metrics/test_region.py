"""Region similarity, P@K, overall and mean IoU: by hand, properties, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rvos_edu import metrics

few = settings(deadline=None, max_examples=30)
SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 7), st.integers(1, 7))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = draw(SHAPES)
    return draw(arrays(bool, shape)), draw(arrays(bool, shape))


def mask(*rows: str) -> np.ndarray:
    return np.array([[c == "#" for c in row] for row in rows])


def test_by_hand() -> None:
    prediction = np.stack([mask("##.", "..."), mask("...", "..."), mask("###", "###")])
    truth = np.stack([mask(".##", "..."), mask("...", "..."), mask("...", "...")])
    np.testing.assert_array_equal(metrics.region_similarity(prediction, truth), [1 / 3, 1.0, 0.0])
    overlap = metrics.mask_overlap(prediction, truth)
    np.testing.assert_array_equal(overlap.intersection, [1, 0, 0])
    np.testing.assert_array_equal(overlap.union, [3, 0, 6])
    assert metrics.overall_iou(prediction, truth) == 1 / 9
    assert metrics.mean_iou(prediction, truth) == pytest.approx((1 / 3 + 1) / 3)


def test_void_pixels_do_not_count() -> None:
    prediction, truth, void = (m[None] for m in (mask("##.."), mask("#.#."), mask(".#..")))
    assert metrics.region_similarity(prediction, truth, void=void) == [1 / 2]
    assert metrics.region_similarity(prediction, truth, void=np.ones_like(void)) == [1.0]


def test_no_frames() -> None:
    nothing = np.zeros((0, 4, 5), bool)
    assert metrics.region_similarity(nothing, nothing).shape == (0,)
    assert np.isnan(metrics.overall_iou(nothing, nothing)) and np.isnan(metrics.mean_iou(nothing, nothing))
    assert np.isnan(metrics.precision_at([], [0.5, 0.6])).all()


@pytest.mark.parametrize("pixels", [1, 3, 10, 1000])
def test_an_iou_of_exactly_half_is_not_above_half(pixels: int) -> None:
    truth = np.zeros((1, 2, pixels), bool)
    truth[:, 0] = True
    iou = metrics.region_similarity(np.ones_like(truth), truth)
    assert iou == [0.5]
    np.testing.assert_array_equal(metrics.precision_at(iou, [0.5, 0.499]), [0, 1])


@pytest.mark.parametrize(
    ("part", "whole", "k"), [(3, 5, 0.6), (7, 10, 0.7), (4, 5, 0.8), (9, 10, 0.9), (18, 20, 0.9)]
)
def test_ties_at_every_threshold(part: int, whole: int, k: float) -> None:
    truth = np.zeros((1, 1, whole), bool)
    truth[..., :part] = True
    assert metrics.precision_at(metrics.region_similarity(np.ones_like(truth), truth), [k]) == [0]


def test_precision_counts_shares() -> None:
    np.testing.assert_array_equal(metrics.precision_at([0.55, 0.95, 0.2, 1.0]), [0.75, 0.5, 0.5, 0.5, 0.5])
    assert metrics.precision_at([0.55, 0.2], 0.5) == 0.5


def test_overall_weighs_pixels_and_mean_weighs_images() -> None:
    predictions = [np.ones((10, 10), bool), np.zeros((1, 2), bool)]
    truths = [np.ones((10, 10), bool), np.ones((1, 2), bool)]
    assert metrics.overall_iou(predictions, truths) == 100 / 102
    assert metrics.mean_iou(predictions, truths) == 0.5


def test_tensors_work() -> None:
    torch = pytest.importorskip("torch")
    assert metrics.region_similarity(torch.ones(1, 2, 2).bool(), torch.ones(1, 2, 2).bool()) == [1.0]


@few
@given(pairs())
def test_range_symmetry_identity(both: tuple[np.ndarray, np.ndarray]) -> None:
    prediction, truth = both
    values = metrics.region_similarity(prediction, truth)
    assert values.shape == (len(truth),) and ((values >= 0) & (values <= 1)).all()
    np.testing.assert_array_equal(values, metrics.region_similarity(truth, prediction))
    np.testing.assert_array_equal(metrics.region_similarity(truth, truth), 1)
    np.testing.assert_array_equal(metrics.region_similarity(prediction[:, ::-1], truth[:, ::-1]), values)


def test_bad_input_names_what_was_seen() -> None:
    good = np.zeros((2, 3, 4), bool)
    with pytest.raises(ValueError, match=r"prediction must be bool, got uint8 with values 0\.\.255"):
        metrics.region_similarity(np.array([[[0, 255]]], np.uint8), np.ones((1, 1, 2), bool))
    with pytest.raises(ValueError, match="truth must be bool, got float64"):
        metrics.region_similarity(good, good * 1.0)
    with pytest.raises(ValueError, match=r"same shape, got \(2, 3, 4\) and \(2, 3, 5\)"):
        metrics.region_similarity(good, np.zeros((2, 3, 5), bool))
    with pytest.raises(ValueError, match=r"must be \[T, H, W\], got shape \(3, 4\)"):
        metrics.region_similarity(good[0], good[0])
    with pytest.raises(
        ValueError, match=r"void must have the shape of the masks, \(2, 3, 4\), got \(1, 3, 4\)"
    ):
        metrics.region_similarity(good, good, void=good[:1])
    with pytest.raises(ValueError, match="IoUs must be fractions in 0..1, got 55..70"):
        metrics.precision_at([55, 70], [0.5])
    with pytest.raises(ValueError, match="thresholds must be fractions"):
        metrics.precision_at([0.5], [50])
    with pytest.raises(ValueError, match="as many predictions as truths expected, got 2 and 1"):
        metrics.mean_iou(good, good[:1])
    with pytest.raises(ValueError, match="each truth must be bool"):
        metrics.overall_iou(good, good.astype(int))
