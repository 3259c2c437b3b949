"""The paper's normalisation by hand, its difference from the published one, invariances, precision."""

from __future__ import annotations

import math

import pytest
import torch

from rvos_edu.models import MTTRCriterion
from rvos_edu.structures import MTTROutput, Target
from tests.tiny import perfect_logits, square_target


def output(masks: torch.Tensor, scores: torch.Tensor | None = None) -> MTTROutput:
    """One decoder layer from [B, A, N, h, w]."""
    scores = torch.zeros(*masks.shape[:3], 2) if scores is None else scores
    return MTTROutput(masks[None], scores[None])


def test_paper_by_hand() -> None:
    """Logits 0 on a 2x2 canvas; instance 0 (referred) covers 1 pixel in frame 0 of 2, instance 1 all, always.

    Dice, frame by frame: instance 0: 1 - 2/4 and 1 - 1/3; instance 1: 1 - 5/7 twice; sum over 2 instances.
    Focal: (1/2)^2 ln 2 times .25 where true and .75 elsewhere. References: 3 queries, weight 1 only once.
    """
    masks = torch.zeros(2, 2, 2, 2, dtype=torch.bool)
    masks[0, 0, 0, 0] = True
    masks[1] = True
    out = output(torch.zeros(1, 2, 3, 2, 2))
    losses = MTTRCriterion()(out, [Target(masks, 0)])
    dice = (1 / 2 + 2 / 3 + 2 / 7 + 2 / 7) / 2
    focal = math.log(2) / 4 * ((0.25 + 3 * 0.75) / 4 + 0.75 + 0.25 + 0.25) / 2
    reference = math.log(2) * ((1 + 0.2) + 0.3) / 2
    assert float(losses.dice) == pytest.approx(dice)
    assert float(losses.focal) == pytest.approx(focal)
    assert float(losses.reference) == pytest.approx(reference)
    assert float(losses.total) == pytest.approx(5 * dice + 2 * focal + 2 * reference)
    published = MTTRCriterion(normalise="reference")(out, [Target(masks, 0)])
    assert float(published.dice) == pytest.approx(dice / 2)  # per instance and frame
    assert float(published.focal) == pytest.approx(focal / 2)
    assert float(published.reference) == pytest.approx(math.log(2) * ((1 + 0.2) + (1 + 0.2)) / 2)


def test_single_frames_agree_up_to_padding_and_weights() -> None:
    torch.manual_seed(0)
    target = Target(torch.rand(2, 1, 8, 8) > 0.5, 1)
    out = output(torch.randn(1, 1, 4, 2, 2))
    paper, published = (MTTRCriterion(normalise=n)(out, [target]).total for n in ("paper", "reference"))
    assert float(paper) == pytest.approx(float(published), rel=1e-6)


def test_perfect_masks_and_scores_cost_nothing() -> None:
    target = square_target(referred=1)
    scores = torch.full((1, 2, 4, 2), 40.0)
    scores[..., 0] = -40.0
    scores[0, 1, 1] = torch.tensor([40.0, -40.0])  # the second square is visible in the second frame only
    losses = MTTRCriterion()(output(perfect_logits(target, 4), scores), [target])
    assert float(losses.total) < 1e-4


@pytest.mark.parametrize("garbage", [20.0, -20.0])
def test_padding_does_not_count_in_the_paper(garbage: float) -> None:
    """Two clips, the second smaller: what lies beyond it changes only the published variant."""
    large, small = square_target(height=32, width=48), square_target()
    logits = torch.zeros(2, 2, 3, 32, 48)
    changed = logits.clone()
    changed[1, :, :, 18:] = garbage
    changed[1, :, :, :, 26:] = garbage
    for normalise, same in (("paper", True), ("reference", False)):
        criterion = MTTRCriterion(normalise=normalise)
        before, after = (float(criterion(output(x), [large, small]).total) for x in (logits, changed))
        assert (before == pytest.approx(after, abs=1e-6)) is same


def test_an_object_that_is_never_visible() -> None:
    target = Target(torch.zeros(1, 2, 8, 8, dtype=torch.bool), 0)
    masks = torch.zeros(1, 2, 3, 2, 2, requires_grad=True)
    losses = MTTRCriterion()(output(masks), [target])
    losses.total.backward()
    assert losses.total.isfinite() and masks.grad is not None and (masks.grad.sum() > 0)


def test_gradients_of_the_paper_equal_finite_differences() -> None:
    torch.manual_seed(0)
    target = square_target(height=8, width=8)
    masks = torch.randn(1, 2, 3, 2, 2, requires_grad=True)
    criterion = MTTRCriterion(dice=1.0, focal=3.0)
    criterion(output(masks), [target]).total.backward()
    assert masks.grad is not None
    step = torch.zeros_like(masks)
    step[0, 1, 1, 0, 1] = 1e-2
    with torch.no_grad():
        up, down = (criterion(output(masks + sign * step), [target]).total for sign in (1, -1))
    assert float(masks.grad[0, 1, 1, 0, 1]) == pytest.approx(float(up - down) / 2e-2, rel=2e-2, abs=1e-4)


def test_layers_are_matched_and_weighed_alike() -> None:
    torch.manual_seed(0)
    target = square_target()
    masks, scores = torch.randn(2, 1, 2, 4, 4, 6), torch.randn(2, 1, 2, 4, 2)
    both = MTTRCriterion()(MTTROutput(masks, scores), [target])
    parts = [MTTRCriterion()(output(m, s), [target]).total for m, s in zip(masks, scores, strict=True)]
    assert both.dice.shape == (2,) and float(both.total) == pytest.approx(float(sum(parts)), rel=1e-5)


def test_half_precision_predictions_are_judged_in_float32() -> None:
    target = square_target()
    masks = torch.randn(1, 2, 3, 4, 6).bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        losses = MTTRCriterion()(output(masks, torch.randn(1, 2, 3, 2).bfloat16()), [target])
    losses.total.backward()
    assert losses.total.dtype == torch.float32 and masks.grad is not None
    expected = MTTRCriterion()(output(masks.detach().float(), torch.zeros(1, 2, 3, 2)), [target])
    assert torch.allclose(losses.dice, expected.dice, atol=0.2)


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="normalise must be one of"):
        MTTRCriterion(normalise="mean")
    with pytest.raises(ValueError, match="need as many targets"):
        MTTRCriterion()(output(torch.zeros(2, 2, 3, 4, 6)), [square_target()])
