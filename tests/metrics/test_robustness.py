"""Robustness R: by hand and bad input."""

from __future__ import annotations

import numpy as np
import pytest

from rvos_edu.metrics import robustness


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
