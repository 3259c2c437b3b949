"""Voting over the segment and per-frame choice (section 3.7, D.2)."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rvos_edu.voting import per_frame_choice, temporal_segment_vote


def logits_of(probabilities: list[list[float]]) -> torch.Tensor:
    """[A, N] probabilities of "referred" to logits [1, A, N, 2]."""
    p = torch.tensor(probabilities)
    return torch.stack([p, 1 - p], -1).log()[None]


def test_by_hand() -> None:
    """The zebra that enters late: query 1 wins one frame of three, yet has most votes (D.2)."""
    logits = logits_of([[0.6, 0.5], [0.6, 0.5], [0.1, 0.9]])
    queries, votes = temporal_segment_vote(logits)
    assert queries.tolist() == [1] and votes[0].tolist() == pytest.approx([1.3, 1.9])
    assert per_frame_choice(logits).tolist() == [[0, 0, 1]]


def test_one_frame_leaves_no_difference() -> None:
    logits = torch.randn(4, 1, 6, 2)
    assert temporal_segment_vote(logits)[0].tolist() == per_frame_choice(logits)[:, 0].tolist()


@settings(deadline=None, max_examples=20)
@given(st.permutations(range(4)), st.floats(-5, 5))
def test_order_of_frames_and_a_common_shift_do_not_matter(order: list[int], shift: float) -> None:
    logits = torch.randn(2, 4, 3, 2, generator=torch.Generator().manual_seed(1))
    queries, votes = temporal_segment_vote(logits)
    again, moved = temporal_segment_vote(logits[:, order] + shift)
    assert queries.equal(again) and torch.allclose(votes, moved, atol=1e-5)


def test_half_precision_is_counted_in_full() -> None:
    assert temporal_segment_vote(torch.randn(1, 3, 2, 2).bfloat16())[1].dtype == torch.float32


def test_bad_shape() -> None:
    with pytest.raises(ValueError, match=r"\[B, A, N, 2\]"):
        temporal_segment_vote(torch.zeros(3, 2, 2))
    with pytest.raises(ValueError, match=r"\[B, A, N, 2\]"):
        per_frame_choice(torch.zeros(1, 3, 2, 3))
