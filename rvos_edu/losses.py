"""Losses of MTTR on mask sequences and reference scores (MTTR, section 3.6; supplement A.1, A.3-A.7)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

SMOOTHING = 1.0
ALPHA = 0.25
GAMMA = 2.0


def dice_loss(mask_logits: Tensor, masks: Tensor) -> Tensor:
    """1 - Dice coefficient of each mask, smoothing 1 above and below (A.1, summand of A.3).

    Args:
        mask_logits: [..., H, W].
        masks: bool (or 0 and 1) [..., H, W], the truth.

    Returns:
        [...], in 0..1.
    """
    probability, truth = mask_logits.sigmoid(), masks.to(mask_logits.dtype)
    both = (probability * truth).sum((-2, -1))
    sizes = probability.sum((-2, -1)) + truth.sum((-2, -1))
    return 1 - (2 * both + SMOOTHING) / (sizes + SMOOTHING)


def sigmoid_focal_loss(mask_logits: Tensor, masks: Tensor) -> Tensor:
    """Mean over pixels of -alpha (1 - p)^gamma log p, p the probability of the true class (A.4-A.6).

    Args:
        mask_logits: [..., H, W].
        masks: bool (or 0 and 1) [..., H, W], the truth.

    Returns:
        [...].
    """
    truth = masks.to(mask_logits.dtype)
    wrong = mask_logits * (1 - 2 * truth)  # logit of the false class: sigmoid(wrong) = 1 - p
    alpha = (1 - ALPHA) + (2 * ALPHA - 1) * truth
    return (alpha * wrong.sigmoid() ** GAMMA * F.softplus(wrong)).mean((-2, -1))


def reference_loss(reference_logits: Tensor, referred: Tensor, weights: Tensor) -> Tensor:
    """Weighted cross-entropy of each query: sum over queries, mean over frames (section 3.6).

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
