"""Exercise 07.4: the focal loss of a padded batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rvos_edu.course.checking import Exercise, Wrong
from rvos_edu.course.expect import expect, expect_close, expect_shape
from rvos_edu.losses import sigmoid_focal_loss

E_07_4 = Exercise("07.4", "focal without the padding")


def _focal_pixels(logits: Tensor, masks: Tensor) -> Tensor:
    """Focal loss of every pixel [..., H, W], through the library's mean over a 1 x 1 picture."""
    return sigmoid_focal_loss(logits[..., None, None], masks[..., None, None])


def _batch(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Two masks, valid to a different extent; whatever lies beyond is random."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 6, 8, generator=generator) * 2
    masks = torch.rand(2, 6, 8, generator=generator) < torch.tensor([0.1, 0.8])[:, None, None]
    valid = torch.zeros_like(masks)
    valid[0, :5, :6] = True
    valid[1, :3, :] = True
    return logits, masks, valid


def _valid_mean(pixels: Tensor, valid: Tensor) -> Tensor:
    return (pixels * valid).sum((-2, -1)) / valid.sum((-2, -1))


def _padding_mistakes(logits: Tensor, masks: Tensor, valid: Tensor) -> dict[str, Tensor]:
    pixels = _focal_pixels(logits, masks)
    zeroed = _focal_pixels(logits * valid, masks & valid)
    kept = (pixels * valid).sum((-2, -1))
    return {
        "Padding still counts: this is the plain mean over all pixels.": pixels.mean((-2, -1)),
        "A logit of zero is not 'no loss': it says one half, and pays for it.": zeroed.mean((-2, -1)),
        "A logit of zero is not 'no loss', although you divide by the right number.": zeroed.sum((-2, -1))
        / valid.sum((-2, -1)),
        "The padded pixels' loss is gone, but they are still counted when you divide.": kept
        / valid[0].numel(),
        "All masks of the batch share one divisor; each has its own number of valid pixels.": kept
        / valid.sum(),
        "That is a sum over the valid pixels, the mean is asked for.": kept,
    }


def _check_padding(answer: Any, case: tuple[Tensor, Tensor, Tensor], hint: str) -> None:
    got = answer(*(x.clone() for x in case))
    expect_shape(got, (len(case[0]),), hint="One loss per mask of the batch.")
    right = _valid_mean(_focal_pixels(case[0], case[1]), case[2])
    expect_close(got, right, hint=hint, mistakes=_padding_mistakes(*case))


@E_07_4.stage("no padding: the focal loss of section 2")
def _(answer: Any) -> None:
    logits, masks, valid = _batch(7)
    hint = "Where every pixel is valid, the focal loss of section 2 should come out, and it does not."
    _check_padding(answer, (logits, masks, torch.ones_like(valid)), hint)


@E_07_4.stage("the mean is over the valid pixels of each mask")
def _(answer: Any) -> None:
    _check_padding(
        answer, _batch(8), "Without padding it was right. Which pixels add, and which are counted?"
    )


@E_07_4.stage("garbage in the padding changes nothing")
def _(answer: Any) -> None:
    logits, masks, valid = _batch(9)
    changed = (torch.where(valid, logits, 30.0), masks & valid, valid)
    _check_padding(answer, changed, "Large logits in the padding leak into your result.")


@E_07_4.stage("no gradient reaches the padding")
def _(answer: Any) -> None:
    logits, masks, valid = _batch(10)
    free = logits.clone().requires_grad_()
    slope = _gradient(answer, free, masks, valid)
    expect(slope.abs()[valid].sum() > 0, "No gradient reaches the valid pixels: stay within torch functions.")
    expect(slope.abs()[~valid].max() == 0, "Padded logits still get a gradient.")


def _gradient(answer: Callable[..., Any], free: Tensor, masks: Tensor, valid: Tensor) -> Tensor:
    total = answer(free, masks.clone(), valid.clone())
    parts = list(total) if isinstance(total, list | tuple) else [total]
    sums = [part.sum() for part in parts if isinstance(part, Tensor)]
    expect(
        any(part.requires_grad for part in sums), "The result has no gradient: stay within torch functions."
    )
    (slope,) = torch.autograd.grad(torch.stack(sums).sum(), free, allow_unused=True)
    if slope is None:
        raise Wrong(
            "The result's gradient does not lead back to the logits: you went on from a cut-off copy."
        )
    return slope
