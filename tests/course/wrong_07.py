"""Wrong answers to the exercises of notebook 07, each with a part of the message meant for it."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from rvos_edu.losses import dice_loss, sigmoid_focal_loss


def _pooled(p: Tensor, masks: Tensor, smoothing: float) -> Tensor:
    return 1 - (2 * (p * masks).sum() + smoothing) / (p.sum() + masks.sum() + smoothing)


def _true(logits: Tensor, masks: Tensor) -> Tensor:
    return torch.where(masks, logits.sigmoid(), 1 - logits.sigmoid())


def _pixels(logits: Tensor, masks: Tensor, gamma: float = 2.0, alpha: float = 0.25) -> Tensor:
    wrong = torch.where(masks, -logits, logits)
    return torch.where(masks, alpha, 1 - alpha) * wrong.sigmoid() ** gamma * F.softplus(wrong)


def _share(
    logits: Tensor, masks: Tensor, gamma: float, *, alpha: float = 0.25, sizes: bool = True
) -> tuple[Tensor, Tensor]:
    free = logits.clone().requires_grad_()
    (slope,) = torch.autograd.grad(_pixels(free, masks, gamma, alpha).sum(), free)
    return (slope.abs() if sizes else slope), _true(logits, masks) > 0.9


def _of(slopes: Tensor, easy: Tensor) -> Tensor:
    return slopes[easy].sum() / slopes.sum()


WRONG: dict[str, list[tuple[Any, str]]] = {
    "07.1": [
        (lambda logits, masks: dice_loss(logits, masks), "The whole clip has one loss"),
        (lambda logits, masks: dice_loss(logits, masks).mean(), "You averaged one Dice per frame"),
        (lambda logits, masks: dice_loss(logits, masks).sum(), "You summed one Dice per frame"),
        (lambda logits, masks: 1 - _pooled(logits.sigmoid(), masks, 1.0), "That is the coefficient"),
        (lambda logits, masks: _pooled(logits, masks, 1.0), "logits as if they were probabilities"),
        (lambda logits, masks: _pooled((logits > 0).float(), masks, 1.0), "You made the mask hard"),
        (lambda logits, masks: _pooled(logits.sigmoid(), masks, 0.0), "The smoothing is missing"),
        (lambda logits, masks: _pooled(logits.sigmoid(), masks, float(len(logits))), "once per frame"),
    ],
    "07.2": [
        (lambda logits, masks, gamma: _share(logits, masks, gamma)[0], "one number is expected"),
        (lambda logits, masks, gamma: -1.0, "A share lies between 0 and 1"),
        (
            lambda logits, masks, gamma: _of(_pixels(logits, masks, gamma), _true(logits, masks) > 0.9),
            "the share of the loss",
        ),
        (
            lambda logits, masks, gamma: (_true(logits, masks) > 0.9).float().mean(),
            "the share of the pixels. How hard",
        ),
        (
            lambda logits, masks, gamma: _of(_share(logits, masks, gamma)[0], logits.sigmoid() > 0.9),
            "whose probability of 'object' is high",
        ),
        (
            lambda logits, masks, gamma: _of(*_share(logits, masks, gamma, alpha=0.5)),
            "A.6 is missing",
        ),
        (
            lambda logits, masks, gamma: _of(*_share(logits, masks, gamma, alpha=0.75)),
            "the wrong way round",
        ),
        (
            lambda logits, masks, gamma: _of(
                torch.where(masks, 0.25, 0.75) * (1 - _true(logits, masks)) ** (gamma + 1),
                _true(logits, masks) > 0.9,
            ),
            "The focal factor was taken as a constant",
        ),
        (lambda logits, masks, gamma: _of(*_share(logits, masks, 2.0)), "the share at gamma 2"),
        (lambda logits, masks, gamma: _of(*_share(logits, masks, 0.0)), "the share at gamma 0"),
    ],
    "07.3": [
        (lambda visible, queries: 0.1, "Count the cells of the table"),
        (lambda visible, queries: 1 / (queries - 1), "as if the object were visible in all frames"),
        (lambda visible, queries: visible.sum() / (len(visible) * queries), "You divided by all cells"),
        (
            lambda visible, queries: visible.sum() / (len(visible) * (queries - 1)),
            "You left out the matched query",
        ),
        (
            lambda visible, queries: (len(visible) * queries - visible.sum()) / visible.sum(),
            "Upside down",
        ),
    ],
    "07.4": [
        (lambda logits, masks, valid: sigmoid_focal_loss(logits, masks), "Padding still counts"),
        (
            lambda logits, masks, valid: sigmoid_focal_loss(logits * valid, masks & valid),
            "it says one half, and pays for it",
        ),
        (
            lambda logits, masks, valid: (_pixels(logits, masks) * valid).mean((-2, -1)),
            "still counted when you divide",
        ),
        (
            lambda logits, masks, valid: (_pixels(logits, masks) * valid).sum((-2, -1)) / valid.sum(),
            "share one divisor",
        ),
        (
            lambda logits, masks, valid: (_pixels(logits, masks) * valid).sum((-2, -1)),
            "a sum over the valid pixels",
        ),
        (
            lambda logits, masks, valid: (_pixels(logits, masks) * valid).sum() / valid.sum(),
            "One loss per mask of the batch",
        ),
        (
            lambda logits, masks, valid: (
                (_pixels(logits, masks) * valid).sum((-2, -1)) / valid.sum((-2, -1))
            ).detach(),
            "has no gradient",
        ),
        (
            lambda logits, masks, valid: [
                ((_pixels(x, m) * v).sum() / v.sum()).item()
                for x, m, v in zip(logits, masks, valid, strict=True)
            ],
            "stay within torch functions",
        ),
        (
            lambda logits, masks, valid: (
                _pixels(logits.detach().requires_grad_(), masks).where(valid, 0.0).sum((-2, -1))
                / valid.sum((-2, -1))
            ),
            "does not lead back to the logits",
        ),
    ],
}
