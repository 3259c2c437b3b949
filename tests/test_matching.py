"""Matching: by hand, permutations, padding, more instances than queries, bad input."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rvos_edu.matching import dice_cost, enlarge, match_sequences, reference_cost
from rvos_edu.structures import Target
from tests.tiny import perfect_logits, square_target

few = settings(deadline=None, max_examples=20)


def test_dice_cost_by_hand() -> None:
    """One frame, two pixels: p = (1, 0) against (1, 0) gives -1, against (0, 1) gives -(0 + 1) / (2 + 1)."""
    logits = torch.tensor([50.0, -50.0]).view(1, 1, 1, 2)
    masks = torch.tensor([[1, 0], [0, 1]], dtype=torch.bool).view(2, 1, 1, 2)
    assert dice_cost(logits, masks, (1, 2)).tolist() == [pytest.approx([-1, -1 / 3])]


def test_reference_cost_by_hand() -> None:
    """p(referred) = .8 then .6; visible only in the first frame: -(.8 + .4) / 2, the other -(.2 + .4) / 2."""
    logits = torch.tensor([[[0.8, 0.2]], [[0.6, 0.4]]]).log()
    target = Target(torch.zeros(2, 2, 1, 1, dtype=torch.bool), 1, torch.tensor([True, False]))
    assert reference_cost(logits, target).tolist() == [pytest.approx([-0.3, -0.6])]


def test_enlarge_is_bilinear() -> None:
    x = torch.randn(2, 3, 5, 7)
    expected = torch.nn.functional.interpolate(x, size=(33, 57), mode="bilinear")
    assert torch.allclose(enlarge(x, (33, 57)), expected, atol=1e-5)
    assert enlarge(x.bfloat16(), (10, 14)).dtype == torch.float32


@few
@given(st.permutations(range(5)), st.integers(0, 1))
def test_permuted_queries_permute_the_match(order: list[int], referred: int) -> None:
    target = square_target(referred=referred)
    logits, scores = perfect_logits(target, 5, first=1), torch.randn(1, 2, 5, 2)
    [(queries, instances)] = match_sequences(logits, scores, [target])
    [(moved, same)] = match_sequences(logits[:, :, order], scores[:, :, order], [target])
    assert dict(zip(instances.tolist(), queries.tolist(), strict=True)) == {0: 1, 1: 2}
    found = {i: order[q] for q, i in zip(moved.tolist(), same.tolist(), strict=True)}
    assert found == {0: 1, 1: 2}


def test_the_words_decide_between_equal_masks() -> None:
    target = Target(torch.ones(2, 1, 4, 4, dtype=torch.bool), 1)
    scores = torch.tensor([[[[0.0, 3.0], [3.0, 0.0]]]])
    [(queries, instances)] = match_sequences(torch.zeros(1, 1, 2, 4, 4), scores, [target])
    assert (queries.tolist(), instances.tolist()) == ([0, 1], [0, 1])


@few
@given(st.integers(0, 10_000))
def test_what_lies_in_the_padding_does_not_matter(seed: int) -> None:
    """Unless the published code is followed."""
    torch.manual_seed(seed)
    target = square_target()
    logits = torch.full((1, 2, 3, 32, 48), -20.0)
    logits[:, :, :2, :16, :24] = perfect_logits(target, 2)
    logits[:, :, 2, :16, :24] = logits[:, :, 0, :16, :24] * 0.9  # almost as good as query 0
    noisy = logits.clone()
    noisy[:, :, 0, 18:] = 20.0
    scores = torch.zeros(1, 2, 3, 2)

    def first_instance(x: torch.Tensor, **how: bool) -> int:
        [(queries, instances)] = match_sequences(x, scores, [target], canvas=(32, 48), **how)
        return int(queries[instances == 0])

    assert first_instance(logits) == first_instance(noisy) == 0
    assert first_instance(noisy, count_padding=True) == 2


def test_more_instances_than_queries() -> None:
    target = Target(torch.ones(4, 1, 4, 4, dtype=torch.bool), 3)
    [(queries, instances)] = match_sequences(torch.zeros(1, 1, 2, 4, 4), torch.zeros(1, 1, 2, 2), [target])
    assert len(queries) == len(instances) == 2


def test_broken_queries_are_matched_so_that_the_loss_shows_it() -> None:
    logits = perfect_logits(square_target(), 5)
    logits[:, :, 4] = float("nan")
    [(queries, _)] = match_sequences(logits, torch.zeros(1, 2, 5, 2), [square_target()])
    assert 4 in queries.tolist()


def test_bad_input() -> None:
    logits, scores, target = torch.zeros(1, 2, 3, 4, 6), torch.zeros(1, 2, 3, 2), square_target()
    with pytest.raises(ValueError, match="1 predictions need as many targets, got 2"):
        match_sequences(logits, scores, [target, target])
    with pytest.raises(ValueError, match="3 frames, the predictions have 2"):
        match_sequences(logits, scores, [square_target(frames=3)])
    with pytest.raises(ValueError, match=r"canvas \(8, 8\) is smaller"):
        match_sequences(logits, scores, [target], canvas=(8, 8))
    with pytest.raises(ValueError, match="one layer"):
        match_sequences(logits[0], scores, [target])
