"""Kinds of failure, attention on an object, deleted words: by hand."""

from __future__ import annotations

import numpy as np
import pytest

from rvos_edu.engine.diagnosis import failure_kind, share_on_object, votes_lost_by_word


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0.9, 0.95], "fine"),
        ([0.75, 0.0], "fine"),
        ([0.5, 0.9], "poor mask"),
        ([0.4, 0.5], "wrong choice"),
        ([0.1, 0.49], "never found"),
    ],
)
def test_failure_kind(values: list[float], kind: str) -> None:
    assert failure_kind(values, 0) == kind


def test_share_on_object_counts_cells_by_the_share_covered() -> None:
    mask = np.zeros((1, 16, 32), bool)
    mask[0, :, :24] = True
    on, chance = share_on_object([[[0.3, 0.1]]], mask)
    assert on == pytest.approx((0.3 + 0.05) / 0.4) and chance == pytest.approx(0.75)
    with pytest.raises(ValueError, match=r"mask \[1, 16, 32\] is not a multiple of attention \[1, 1, 3\]"):
        share_on_object(np.ones((1, 1, 3)), mask)


def test_votes_lost_follow_the_winner_of_the_full_sentence_and_delete_by_position() -> None:
    table = {"a b a": [1.0, 3.0], "b a": [4.0, 2.5], "a a": [1.0, 0.5], "a b": [0.0, 3.5]}
    assert votes_lost_by_word(lambda text: np.array(table[text]), "a b a").tolist() == [0.5, 2.5, -0.5]
