"""Contour accuracy: by hand, against a slow disc, properties, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from rvos_edu import metrics
from rvos_edu.metrics.contour import boundary, dilate

few = settings(deadline=None, max_examples=30)
SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 12), st.integers(1, 12))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = draw(SHAPES)
    return draw(arrays(bool, shape)), draw(arrays(bool, shape))


def square(size: int, top: int, left: int, side: int) -> np.ndarray:
    frame = np.zeros((1, size, size), bool)
    frame[:, top : top + side, left : left + side] = True
    return frame


def test_boundary_of_a_pixel_is_four_pixels() -> None:
    frame = square(4, 1, 1, 1)
    expected = np.zeros((4, 4), bool)
    expected[0:2, 0:2] = True
    np.testing.assert_array_equal(boundary(frame)[0], expected)
    assert not boundary(np.ones((1, 4, 4), bool)).any()


@few
@given(arrays(bool, SHAPES), st.integers(0, 9))
def test_dilate_is_a_disc(masks: np.ndarray, radius: int) -> None:
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disc = y**2 + x**2 <= radius**2
    slow = np.stack([ndimage.binary_dilation(mask, disc) for mask in masks])
    np.testing.assert_array_equal(dilate(masks, radius), slow)


def test_shift_within_and_beyond_the_radius() -> None:
    truth = square(40, 10, 10, 12)
    assert metrics.contour_accuracy(square(40, 10, 11, 12), truth, radius=1) == [1.0]
    near, far = (metrics.contour_accuracy(square(40, 10, 14, 12), truth, radius=r)[0] for r in (1, 4))
    assert 0.3 < near < 0.9 and far == 1.0
    assert metrics.contour_accuracy(square(40, 25, 25, 12), square(40, 1, 1, 12), radius=2) == [0.0]


def test_radius_is_the_tolerance_of_the_diagonal_rounded_up() -> None:
    prediction, truth = square(100, 10, 12, 20), square(100, 10, 10, 20)  # 0.008 * 141.4 = 1.13 -> 2
    np.testing.assert_array_equal(
        metrics.contour_accuracy(prediction, truth), metrics.contour_accuracy(prediction, truth, radius=2)
    )
    assert metrics.contour_accuracy(prediction, truth, tolerance=0.007)[0] < 1  # 0.99 -> 1
    assert metrics.contour_accuracy(prediction, truth, tolerance=0.007, radius=2)[0] == 1


def test_empty_masks() -> None:
    empty, full = np.zeros((1, 9, 9), bool), square(9, 2, 2, 3)
    assert metrics.contour_accuracy(empty, empty) == [1.0]
    assert metrics.contour_accuracy(full, empty) == [0.0]
    assert metrics.contour_accuracy(empty, full) == [0.0]
    assert metrics.contour_accuracy(full, empty, void=full) == [1.0]
    assert metrics.contour_accuracy(empty[:0], empty[:0]).shape == (0,)
    assert metrics.contour_accuracy(np.ones((1, 1, 1), bool), np.zeros((1, 1, 1), bool)) == [1.0]


def test_many_large_frames_equal_frame_by_frame() -> None:
    masks = np.random.default_rng(0).random((6, 500, 600)) > 0.999
    other = np.roll(masks, 3, axis=2)
    together = metrics.contour_accuracy(masks, other, radius=2)
    single = [
        metrics.contour_accuracy(a[None], b[None], radius=2)[0] for a, b in zip(masks, other, strict=True)
    ]
    np.testing.assert_array_equal(together, single)


@few
@given(pairs(), st.integers(0, 4))
def test_range_symmetry_identity_monotony(both: tuple[np.ndarray, np.ndarray], radius: int) -> None:
    prediction, truth = both
    values = metrics.contour_accuracy(prediction, truth, radius=radius)
    assert ((values >= 0) & (values <= 1)).all()
    np.testing.assert_allclose(
        values, metrics.contour_accuracy(truth, prediction, radius=radius), rtol=0, atol=1e-12
    )
    np.testing.assert_array_equal(metrics.contour_accuracy(truth, truth, radius=radius), 1)
    assert (metrics.contour_accuracy(prediction, truth, radius=radius + 1) >= values - 1e-12).all()


def test_bad_input_names_what_was_seen() -> None:
    good = np.zeros((2, 3, 4), bool)
    with pytest.raises(ValueError, match=r"prediction must be bool, got uint8 with values 0\.\.1"):
        metrics.contour_accuracy((np.arange(24).reshape(2, 3, 4) % 2).astype(np.uint8), good)
    with pytest.raises(ValueError, match=r"same shape, got \(1, 3, 4\) and \(2, 3, 4\)"):
        metrics.contour_accuracy(good[:1], good)
    with pytest.raises(ValueError, match="tolerance must be a fraction of the diagonal in 0..1, got 3"):
        metrics.contour_accuracy(good, good, tolerance=3)
    for radius in (-1, 1.5):
        with pytest.raises(ValueError, match="radius must be a whole number of pixels"):
            metrics.contour_accuracy(good, good, radius=radius)  # type: ignore[arg-type]
