"""Losses by hand (supplement A.1 to A.7)."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rvos_edu.losses import dice_loss, reference_loss, sigmoid_focal_loss

few = settings(deadline=None, max_examples=20)


def test_dice_by_hand() -> None:
    """Probabilities 1/2 on 4 pixels, 1 true: 1 - (2 * 0.5 + 1) / (2 + 1 + 1) = 1/2."""
    truth = torch.tensor([[True, False], [False, False]])
    assert float(dice_loss(torch.zeros(2, 2), truth)) == pytest.approx(0.5)


def test_dice_of_nothing_is_zero_when_nothing_is_there() -> None:
    truth = torch.zeros(3, 4, 5, dtype=torch.bool)
    assert dice_loss(torch.full((3, 4, 5), -50.0), truth).tolist() == pytest.approx([0, 0, 0], abs=1e-6)


def test_focal_by_hand() -> None:
    """p = 3/4 for "true": .25 (1/4)^2 (-ln 3/4); for "false": .75 (3/4)^2 (-ln 1/4); mean of the two."""
    logit = math.log(3)
    truth = torch.tensor([[True, False]])
    expected = (0.25 / 16 * -math.log(0.75) + 0.75 * 9 / 16 * -math.log(0.25)) / 2
    assert float(sigmoid_focal_loss(torch.full((1, 2), logit), truth)) == pytest.approx(expected)


def test_reference_by_hand() -> None:
    """Two queries at p = 1/2: ln 2 (1 + .1) in the first frame, ln 2 (.1 + .1) in the second; their mean."""
    referred = torch.tensor([[[True, False], [False, False]]])
    weights = torch.tensor([[[1.0, 0.1], [0.1, 0.1]]])
    loss = reference_loss(torch.zeros(1, 2, 2, 2), referred, weights)
    assert float(loss) == pytest.approx(math.log(2) * 1.3 / 2)


@few
@given(st.integers(0, 10_000))
def test_ranges_and_perfect_masks(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    truth = torch.rand(2, 5, 6, generator=generator) > 0.5
    logits = torch.randn(2, 5, 6, generator=generator) * 3
    dice, focal = dice_loss(logits, truth), sigmoid_focal_loss(logits, truth)
    assert ((dice >= 0) & (dice <= 1)).all() and (focal >= 0).all()
    perfect = truth.float() * 80 - 40
    assert dice_loss(perfect, truth).max() < 1e-6 and sigmoid_focal_loss(perfect, truth).max() < 1e-6
    assert (sigmoid_focal_loss(-perfect, truth) > 1).all()


def test_huge_logits_stay_finite() -> None:
    logits = torch.tensor([[1e4, -1e4]], requires_grad=True)
    loss = sigmoid_focal_loss(logits, torch.tensor([[False, True]]))
    loss.sum().backward()
    assert loss.isfinite().all() and logits.grad is not None and logits.grad.isfinite().all()
