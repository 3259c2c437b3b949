"""Multi-head attention and feed-forward block (Attention Is All You Need, sections 3.2 and 3.3)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """Multi-head attention over batch-first sequences.

    Args:
        d_model: D, a multiple of `heads`.
        heads: number of heads.
        dropout: rate on the attention weights, in training.

    Raises:
        ValueError: if `heads` does not divide `d_model`.
    """

    def __init__(self, d_model: int, heads: int, dropout: float) -> None:
        super().__init__()
        if d_model % heads:
            raise ValueError(f"d_model {d_model} is not a multiple of {heads} heads")
        self.heads = heads
        self.dropout = dropout
        self.query = nn.Linear(d_model, d_model)
        self.key = nn.Linear(d_model, d_model)
        self.value = nn.Linear(d_model, d_model)
        self.out = nn.Linear(d_model, d_model)
        for part in (self.query, self.key, self.value):
            # Xavier over the three as one [3D, D] matrix, as in DETR.
            nn.init.xavier_uniform_(part.weight, gain=math.sqrt(0.5))
            nn.init.zeros_(part.bias)
        nn.init.xavier_uniform_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        keep: Tensor | None = None,
        *,
        return_weights: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """softmax(Q K^T / sqrt(D / heads)) V for every head.

        Args:
            query: [B, Q, D].
            key, value: [B, S, D].
            keep: bool [B, S], True for keys that may be attended to; None keeps all.
            return_weights: run the explicit form and return its weights.

        Returns:
            [B, Q, D], and [B, heads, Q, S] if asked for.
        """
        q, k, v = (
            part(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # [B, heads, tokens, D / heads]
            for part, x in ((self.query, query), (self.key, key), (self.value, value))
        )
        mask = None if keep is None else keep[:, None, None, :]
        rate = self.dropout if self.training else 0.0
        weights = None
        if return_weights:
            mixed, weights = _explicit(q, k, v, mask, rate)
        else:
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=rate)
        return self.out(mixed.transpose(1, 2).flatten(2)), weights


class FeedForward(nn.Module):
    """Two linear layers with ReLU and dropout between.

    Args:
        d_model: D.
        width: hidden width.
        dropout: rate.
    """

    def __init__(self, d_model: int, width: int, dropout: float) -> None:
        super().__init__()
        self.expand = nn.Linear(d_model, width)
        self.contract = nn.Linear(width, d_model)
        self.dropout = nn.Dropout(dropout)
        nn.init.xavier_uniform_(self.expand.weight)
        nn.init.xavier_uniform_(self.contract.weight)

    def forward(self, x: Tensor) -> Tensor:
        """[..., D] -> [..., D]."""
        return self.contract(self.dropout(F.relu(self.expand(x))))


def _explicit(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, rate: float) -> tuple[Tensor, Tensor]:
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    weights = scores.softmax(-1)
    return torch.dropout(weights, rate, train=rate > 0) @ v, weights
