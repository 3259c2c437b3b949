"""Losses of MTTR on mask sequences and reference scores (MTTR, section 3.5; supplement A.1, A.3-A.7)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

SMOOTHING = 1.0
ALPHA = 0.25
GAMMA = 2.0


def dice_loss(mask_logits: Tensor, masks: Tensor, valid: Tensor | None = None) -> Tensor:
    """1 - Dice coefficient of each mask, smoothing 1 above and below (A.1, summand of A.3).

    Args:
        mask_logits: [..., H, W].
        masks: bool [..., H, W], the truth.
        valid: bool, broadcasts to [..., H, W]: pixels that count; all by default.

    Returns:
        [...], in 0..1.
    """
    probability = mask_logits.sigmoid()
    if valid is not None:
        probability = probability * valid
        masks = masks & valid
    both = (probability * masks).sum((-2, -1))
    sizes = probability.sum((-2, -1)) + masks.sum((-2, -1))
    return 1 - (2 * both + SMOOTHING) / (sizes + SMOOTHING)


def sigmoid_focal_loss(mask_logits: Tensor, masks: Tensor, valid: Tensor | None = None) -> Tensor:
    """Mean over pixels of -alpha (1 - p)^gamma log p, p the probability of the true class (A.4-A.6).

    Args:
        mask_logits: [..., H, W].
        masks: bool [..., H, W], the truth.
        valid: bool, broadcasts to [..., H, W]: pixels that count; all by default.

    Returns:
        [...].
    """
    wrong = mask_logits * (1 - 2 * masks.to(mask_logits.dtype))  # logit of the false class
    loss = F.softplus(wrong) * wrong.sigmoid() ** GAMMA
    loss = loss * (1 - ALPHA + (2 * ALPHA - 1) * masks)
    if valid is None:
        return loss.mean((-2, -1))
    return (loss * valid).sum((-2, -1)) / valid.sum((-2, -1))


def reference_loss(reference_logits: Tensor, referred: Tensor, weights: Tensor) -> Tensor:
    """Weighted cross-entropy of each query: sum over queries, mean over frames (section 3.5).

    Args:
        reference_logits: [B, A, N, 2], index 0 = referred.
        referred: bool [B, A, N], True where the query is matched to the referred object and it is visible.
        weights: [B, A, N].

    Returns:
        [B].
    """
    logarithms = reference_logits.log_softmax(-1)
    chosen = logarithms[..., 0].where(referred, logarithms[..., 1])
    return -(weights * chosen).sum(-1).mean(-1)
