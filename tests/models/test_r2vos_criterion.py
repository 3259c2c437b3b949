"""Losses of R2-VOS: published numbers, every term by hand, matching, padding, precision."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from rvos_edu.models import R2VOSCriterion
from rvos_edu.models.r2vos_truth import Truth
from rvos_edu.structures import R2VOSOutput, Target
from tests.models.r2vos_toys import others, output, random_output, random_targets
from tests.parity import read, read_json
from tests.tiny import perfect_logits, square_target

PUBLISHED: dict[str, Any] = dict(text=1.0, mask=1.0, dice=5.0, focal=2.0, angle=1.0, normalise="reference")
LAYERED = ("dice", "focal", "cls", "l1", "giou")


class WithTheirBoxes(R2VOSCriterion):
    """Published boxes were drawn at random and are not those of the masks."""

    def truth(self, out: R2VOSOutput, targets: Sequence[Target]) -> Truth:
        arrays = read("r2vos_criterion")
        boxes = torch.stack([arrays[f"in.target{clip}.boxes"] for clip in range(len(targets))])
        return replace(super().truth(out, targets), boxes=boxes)


def test_published_losses_matches_and_gradients() -> None:
    arrays, expected = read("r2vos_criterion"), read_json("r2vos_losses")
    names = {"mask_logits": "pred_masks", "class_logits": "pred_logits", "boxes": "pred_boxes"}
    given = {ours: arrays[f"in.{theirs}"][None].requires_grad_() for ours, theirs in names.items()}
    targets = [
        Target(arrays[f"in.target{clip}.masks"][None], 0, arrays[f"in.target{clip}.valid"]) for clip in (0, 1)
    ]
    out = output(given["mask_logits"], class_logits=given["class_logits"], boxes=given["boxes"])
    criterion = WithTheirBoxes(**PUBLISHED)
    assert criterion.match(out, targets).tolist() == [arrays["out.match.query"].tolist()]
    losses = criterion(out, targets)
    losses.total.backward()
    terms = {"cls": "ce", "l1": "bbox", "giou": "giou", "focal": "mask", "dice": "dice"}
    for ours, theirs in terms.items():
        found = getattr(losses, ours).item()
        assert found == pytest.approx(float(arrays[f"out.loss_{theirs}"]), rel=1e-5)
        assert found == pytest.approx(expected["detection"][f"loss_{theirs}"], rel=1e-5)
    assert losses.total.item() == pytest.approx(float(arrays["out.total"]), rel=1e-5)
    for ours, theirs in names.items():
        gradient = given[ours].grad
        assert gradient is not None
        torch.testing.assert_close(gradient[0], arrays[f"grad.{theirs}"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("which", ["near", "far"])
def test_published_pair_classification(which: str) -> None:
    """One pair that fits (label 0), one that does not (label 1)."""
    arrays = read("r2vos_cycle_losses")
    fitting, other = arrays[f"{which}.in.pair_logits"].flatten().tolist()
    out = output(
        torch.zeros(1, 1, 2, 3, 4, 6), alignment_logits=torch.tensor([fitting]), negatives=others([other])
    )
    align = R2VOSCriterion()(out, random_targets(1)).align
    assert align.item() == pytest.approx(float(arrays[f"{which}.out.pair_classification"]), rel=1e-5)


def test_every_layered_term_by_hand() -> None:
    """2x2 cells, 3 frames, 2 queries, all logits 0, boxes the whole frame; one pixel true in 2 frames.

    Dice of the clip: 2 of 12 cells true, probabilities 1/2. Class: 6 slots, 2 of them positive. Box of a
    corner pixel against the frame: L1 3/2, IoU 1/4; against nothing: L1 3, generalised IoU 0.
    """
    masks = torch.zeros(1, 3, 2, 2, dtype=torch.bool)
    masks[0, :2, 0, 0] = True
    out = output(torch.zeros(1, 1, 3, 2, 2, 2))
    dice, quarter = 1 - (2 * 1 + 1) / (6 + 2 + 1), math.log(2) / 4  # (1 - 1/2)^2 ln 2
    focal = quarter * (0.25 * 2 + 0.75 * 10) / 12
    cls = quarter * (0.25 * 2 + 0.75 * 4) / 2
    paper = [dice, focal, cls, 1.5, 0.75]
    reference = [dice / 2, focal / 2, cls, (1.5 + 1.5 + 3) / 2, (0.75 + 0.75 + 1) / 2]
    for how, expected in (("paper", paper), ("reference", reference)):
        losses = R2VOSCriterion(normalise=how)(out, [Target(masks, 0)])
        found = [getattr(losses, name).item() for name in LAYERED]
        assert found == pytest.approx(expected, abs=1e-6)
        weights = [2 * 2, 2 * 5, 2, 5, 2]
        total = sum(w * x for w, x in zip(weights, expected, strict=True))
        assert losses.total.item() == pytest.approx(total, rel=1e-5)


def test_several_clips_share_their_divisors() -> None:
    """Dice and focal: a mean over clips. Class and boxes: 4 + 1 visible frames among them."""
    torch.manual_seed(0)
    masks = torch.zeros(2, 1, 4, 4, 6, dtype=torch.bool)
    masks[0, ..., :2, :3] = masks[1, :, :1, 1:, 2:] = True
    targets = [Target(m, 0) for m in masks]
    logits, boxes = torch.randn(1, 2, 4, 3, 4, 6), torch.rand(1, 2, 4, 3, 4)
    both = R2VOSCriterion()(output(logits, boxes=boxes), targets)
    first, second = (
        R2VOSCriterion()(output(logits[:, i : i + 1], boxes=boxes[:, i : i + 1]), targets[i : i + 1])
        for i in (0, 1)
    )
    for name in LAYERED:
        one, other, together = (getattr(losses, name).item() for losses in (first, second, both))
        mean = (one + other) / 2 if name in ("dice", "focal") else (4 * one + other) / 5
        assert together == pytest.approx(mean, rel=1e-5)


def test_align_by_hand() -> None:
    """Logit 0 for the fitting pair, ln 3 and 0 for others: both kinds weigh one half."""
    out = output(torch.zeros(1, 1, 2, 3, 4, 6))
    fitting, sure = math.log(2), math.log(4 / 3)
    negative = R2VOSCriterion(align=3)(replace(out, negatives=others([math.log(3), 0])), random_targets(1))
    assert negative.align.item() == pytest.approx((fitting + (sure + fitting) / 2) / 2)
    for without in (out, replace(out, negatives=others([]))):
        losses = R2VOSCriterion(align=3)(without, random_targets(1))
        assert losses.align.item() == 0
        assert (negative.total - losses.total).item() == pytest.approx(3 * negative.align.item(), rel=1e-4)


def test_the_cycle_by_hand() -> None:
    """A right triangle against one of equal sides, and point by point; see tests/test_cycle.py."""
    sentence = torch.tensor([[0.0, 0], [1, 0], [0.5, math.sqrt(3) / 2]]).requires_grad_()
    triangle = torch.tensor([[0.0, 0], [3, 0], [0, 4]])
    out = output(torch.zeros(1, 3, 2, 3, 4, 6), sentence=sentence, reconstructed=triangle)
    totals = {}
    for relation, expected in {
        "none": [0, 0, 0],
        "relational": [1 / 72, 0.35 / 27, 0],
        "point-wise": [0, 0, (0 + 2 + math.hypot(0.5, 4 - math.sqrt(3) / 2)) / 3],
    }.items():
        losses = R2VOSCriterion(relation=relation)(out, random_targets(3))
        found = [getattr(losses, name).item() for name in ("distance", "angle", "pointwise")]
        assert found == pytest.approx(expected)
        totals[relation] = losses.total.item()
        assert not losses.total.requires_grad  # the sentence is the teacher
    assert totals["relational"] - totals["none"] == pytest.approx(0.1 * (1 / 72 + 3.5 / 27), rel=1e-3)
    assert totals["point-wise"] > totals["none"]


@pytest.mark.parametrize("clips", [1, 2])
def test_small_batches_close_no_cycle(clips: int) -> None:
    out = random_output(clips)
    losses = R2VOSCriterion()(out, random_targets(clips))
    losses.total.backward()
    assert losses.distance.item() == losses.angle.item() == 0 and losses.total.isfinite()
    assert out.reconstructed.grad is not None and not out.reconstructed.grad.any()


def test_the_best_query_is_matched_and_its_place_does_not_matter() -> None:
    target = square_target(referred=1)
    logits = perfect_logits(target, 4, first=2)[None]  # query 3 draws the referred instance
    order = torch.tensor([3, 1, 0, 2])
    criterion = R2VOSCriterion()
    assert criterion.match(output(logits), [target]).tolist() == [[3]]
    assert criterion.match(output(logits[:, :, :, order]), [target]).tolist() == [[0]]
    before, after = (criterion(output(x), [target]) for x in (logits, logits[:, :, :, order]))
    assert before.total.item() == pytest.approx(after.total.item(), rel=1e-6)
    assert before.dice.item() < 1e-5 and before.focal.item() < 1e-5


@pytest.mark.parametrize("part", ["class_logits", "boxes"])
def test_equal_masks_are_told_apart_by_scores_and_boxes(part: str) -> None:
    """Visible in the second frame only: what queries say of the first one does not count."""
    target = square_target(referred=1)
    values = torch.zeros(1, 1, 2, 3, 1)
    values[..., 1, 2, 0], values[..., 0, 1, 0] = 1.0, 9.0
    if part == "boxes":
        values = torch.tensor([0.5, 0.5, 1.0, 1.0]).repeat(1, 1, 2, 3, 1)
        values[0, 0, 1, 2] = values[0, 0, 0, 1] = torch.tensor([0.75, 0.75, 0.5, 0.5])
    out = output(torch.zeros(1, 1, 2, 3, 4, 6), **{part: values})
    assert R2VOSCriterion().match(out, [target]).tolist() == [[2]]


def test_perfect_predictions_cost_nothing() -> None:
    targets = [square_target(referred=1)]
    scores = torch.full((1, 1, 2, 3, 1), -40.0)
    scores[0, 0, 1, 1] = 40.0
    boxes = torch.tensor([0.75, 0.75, 0.5, 0.5]).repeat(1, 1, 2, 3, 1)
    logits = perfect_logits(targets[0], 3)[None]
    losses = R2VOSCriterion()(output(logits, class_logits=scores, boxes=boxes), targets)
    assert losses.total.item() < 1e-4


def test_layers_are_matched_and_weighed_alike() -> None:
    out, targets = random_output(), random_targets(3)
    both = R2VOSCriterion(text=0, align=0)(out, targets)
    parts = [
        R2VOSCriterion(text=0, align=0)(
            replace(
                out,
                mask_logits=out.mask_logits[z : z + 1],
                class_logits=out.class_logits[z : z + 1],
                boxes=out.boxes[z : z + 1],
            ),
            targets,
        )
        for z in (0, 1)
    ]
    assert both.total.item() == pytest.approx(sum(p.total.item() for p in parts), rel=1e-5)
    for name in LAYERED:
        assert getattr(both, name).tolist() == pytest.approx([getattr(p, name).item() for p in parts])


def test_only_the_referred_instance_counts() -> None:
    out, target = random_output(1), square_target()
    alone = Target(target.masks[:1], 0)
    totals = [R2VOSCriterion()(out, [t]).total.item() for t in (target, alone)]
    assert totals[0] == totals[1]


@pytest.mark.parametrize("garbage", [20.0, -20.0])
def test_padding_does_not_count_in_the_paper(garbage: float) -> None:
    """Two clips, the second smaller: what lies beyond it changes only the published variant."""
    targets = [square_target(height=32, width=48), square_target()]
    logits = torch.zeros(1, 2, 2, 3, 8, 12)
    changed = logits.clone()
    changed[0, 1, :, :, 4:] = garbage
    changed[0, 1, ..., 6:] = garbage
    for how, same in (("paper", True), ("reference", False)):
        criterion = R2VOSCriterion(normalise=how)
        before, after = (criterion(output(x), targets) for x in (logits, changed))
        assert (before.total.item() == pytest.approx(after.total.item(), abs=1e-6)) is same
    alone = R2VOSCriterion()(output(logits[:, 1:, ..., :4, :6]), targets[1:])
    first = R2VOSCriterion()(output(logits[:, :1]), targets[:1])
    both = R2VOSCriterion()(output(changed), targets)
    assert both.focal.item() == pytest.approx((alone.focal.item() + first.focal.item()) / 2, rel=1e-5)


def test_an_object_that_is_never_visible() -> None:
    out = random_output(1)
    losses = R2VOSCriterion()(out, [Target(torch.zeros(1, 2, 16, 24, dtype=torch.bool), 0)])
    losses.total.backward()
    assert losses.total.isfinite() and losses.l1.tolist() == losses.giou.tolist() == [0, 0]
    assert out.mask_logits.grad is not None and out.mask_logits.grad.sum() > 0  # fewer and fewer pixels
    assert out.class_logits.grad is not None and (out.class_logits.grad > 0).all()


def test_a_broken_query_shows() -> None:
    out = random_output(1)
    masks = out.mask_logits.detach().clone()
    masks[0, 0, 0, 3, 0, 0] = math.nan
    broken = replace(out, mask_logits=masks)
    assert R2VOSCriterion().match(broken, random_targets(1))[0].tolist() == [3]
    assert R2VOSCriterion()(broken, random_targets(1)).total.isnan()


@pytest.mark.parametrize("how", ["paper", "reference"])
def test_gradients_equal_finite_differences(how: str) -> None:
    out, targets = random_output(), random_targets(3)
    criterion = R2VOSCriterion(normalise=how)
    criterion(out, targets).total.backward()
    for name in ("mask_logits", "class_logits", "boxes", "reconstructed", "alignment_logits"):
        value = getattr(out, name)
        step = torch.zeros_like(value)
        step.view(-1)[value.grad.abs().argmax()] = 1e-3
        with torch.no_grad():
            up, down = (
                criterion(replace(out, **{name: value + sign * step}), targets).total for sign in (1, -1)
            )
        slope = abs(float(up - down)) / 2e-3
        assert float(value.grad.abs().max()) == pytest.approx(slope, rel=3e-2, abs=2e-3)


def test_half_precision_predictions_are_judged_in_float32() -> None:
    out, targets = random_output(), random_targets(3)
    names = ("mask_logits", "class_logits", "boxes", "sentence", "reconstructed", "alignment_logits")
    coarse = replace(out, **{name: getattr(out, name).detach().bfloat16() for name in names})
    coarse.mask_logits.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        losses = R2VOSCriterion()(coarse, targets)
    losses.total.backward()
    assert losses.total.dtype == torch.float32 and coarse.mask_logits.grad is not None
    exact = R2VOSCriterion()(
        replace(coarse, **{name: getattr(coarse, name).detach().float() for name in names}), targets
    )
    assert losses.total.item() == pytest.approx(exact.total.item(), rel=1e-6)


def test_bad_input() -> None:
    out, targets = random_output(), random_targets(3)
    with pytest.raises(ValueError, match="normalise must be one of"):
        R2VOSCriterion(normalise="mean")
    with pytest.raises(ValueError, match="relation must be one of"):
        R2VOSCriterion(relation="pointwise")
    wrong: list[tuple[R2VOSOutput, list[Target], str]] = [
        (out, targets[:2], "need as many targets"),
        (replace(out, mask_logits=out.mask_logits[0]), targets, "mask_logits must be"),
        (replace(out, boxes=out.boxes[..., :2]), targets, "boxes must be"),
        (replace(out, class_logits=out.class_logits[..., 0]), targets, "class_logits must be"),
        (replace(out, sentence=out.sentence[:2]), targets, "need as many sentences"),
    ]
    for bad, truths, message in wrong:
        with pytest.raises(ValueError, match=message):
            R2VOSCriterion()(bad, truths)
