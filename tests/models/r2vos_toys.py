"""Outputs and truths of R2-VOS for tests of its criterion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from rvos_edu.structures import NegativePairs, R2VOSOutput, Target
from tests.tiny import square_target


def output(masks: Tensor, **parts: Any) -> R2VOSOutput:
    """Everything else zero (boxes: the whole frame) from mask logits [Z, B, A, N, h, w]."""
    clips = masks.shape[1]
    given = {
        "class_logits": torch.zeros(*masks.shape[:4], 1),
        "boxes": torch.tensor([0.5, 0.5, 1.0, 1.0]).repeat(*masks.shape[:4], 1),
        "sentence": torch.zeros(clips, 2),
        "reconstructed": torch.zeros(clips, 2),
        "alignment_logits": torch.zeros(clips),
        "mask_features": torch.zeros(*masks.shape[1:3], 1, *masks.shape[-2:]),
    }
    return R2VOSOutput(mask_logits=masks, **{**given, **parts})


def others(logits: Sequence[float]) -> NegativePairs:
    """Pairs that do not fit."""
    return NegativePairs(torch.zeros(len(logits), 2), torch.zeros(len(logits), 2), torch.tensor(logits))


def random_output(clips: int = 3, negatives: int = 2, seed: int = 0) -> R2VOSOutput:
    """Z = 2, A = 2, N = 4, 4 x 6 cells, D = 5; every tensor requires a gradient."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    leading = (2, clips, 2, 4)
    return R2VOSOutput(
        mask_logits=draw(*leading, 4, 6).requires_grad_(),
        class_logits=draw(*leading, 1).requires_grad_(),
        boxes=draw(*leading, 4).sigmoid().requires_grad_(),
        sentence=draw(clips, 5).requires_grad_(),
        reconstructed=draw(clips, 5).requires_grad_(),
        alignment_logits=draw(clips).requires_grad_(),
        mask_features=torch.zeros(clips, 2, 1, 4, 6),
        negatives=NegativePairs(draw(negatives, 5), draw(negatives, 5), draw(negatives).requires_grad_()),
    )


def random_targets(count: int) -> list[Target]:
    """16 x 24 pixels, two instances, two frames."""
    return [square_target(referred=i % 2) for i in range(count)]
