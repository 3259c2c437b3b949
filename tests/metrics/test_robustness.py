"""Robustness R: by hand and bad input."""

from __future__ import annotations

import numpy as np
import pytest

from rvos_edu.metrics import R_refsegformer, R_revos, robustness


def test_by_hand() -> None:
    assert robustness([0, 0], [10, 30]) == 1.0
    assert robustness([94], [60, 40]) == pytest.approx(0.06)
    assert robustness(np.array([[30, 30], [10, 10]]), [40]) == -1.0
    assert robustness([0.1], [0.4]) == pytest.approx(0.75)
    assert robustness([], [4]) == 1.0


def test_nothing_segmented_for_the_true_sentences() -> None:
    assert np.isnan(robustness([5], [0, 0]))
    assert np.isnan(robustness([], []))


def test_bad_input_names_what_was_seen() -> None:
    with pytest.raises(ValueError, match="negative_areas must be 0 or more, got -1..3"):
        robustness([-1, 3], [4])
    with pytest.raises(ValueError, match="positive_areas must be 0 or more"):
        robustness([1], [np.inf])
    with pytest.raises(ValueError, match="positive_areas must be numbers of pixels, got bool"):
        robustness([1], np.ones((2, 2), bool))


def test_r_of_refsegformer_is_the_share_of_empty_outputs() -> None:
    assert R_refsegformer([0, 5, 0, 1000]) == 0.5
    assert R_refsegformer([[0.0, 0.0]]) == 1.0 and np.isnan(R_refsegformer([]))
    # One pixel each: nothing but false alarms, though R of R2-VOS is nearly 1.
    assert R_refsegformer([1, 1]) == 0.0 and robustness([1, 1], [1000, 1000]) == 0.999
    with pytest.raises(ValueError, match=r"count them: mask\.sum\(\)"):
        R_refsegformer(np.zeros(3, bool))


def frame(*columns: int) -> np.ndarray:
    mask = np.zeros((2, 10), bool)
    mask[0, list(columns)] = True
    return mask


def test_r_of_revos_by_hand() -> None:
    truth = np.stack([frame(0, 1), frame(0, 1), frame(0), frame(), frame()])
    objects = np.stack([frame(0, 1, 2, 3), frame(0, 1, 2, 3), frame(0, 1), frame(), frame()])
    prediction = np.stack([frame(0, 2), frame(0, 1), frame(4, 5, 6), frame(), frame(7)])
    # 1 of 4 outside, none, 3 outside of 2 (clamped), nothing at all, something where there is no object.
    np.testing.assert_allclose(R_revos(prediction, truth, objects), [0.75, 1.0, 0.0, 1.0, 0.0])


def test_r_of_revos_bad_input() -> None:
    mask = np.zeros((1, 2, 3), bool)
    with pytest.raises(ValueError, match=r"prediction must be bool, got uint8 with values 0\.\.0"):
        R_revos(mask.astype(np.uint8), mask, mask)
    with pytest.raises(ValueError, match=r"objects must have the shape of the masks, \(1, 2, 3\), got"):
        R_revos(mask, mask, np.zeros((2, 2, 3), bool))
