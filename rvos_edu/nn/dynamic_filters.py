"""Filters that a sentence makes for the pixels of its clip (R2-VOS, supplement A.2, table B)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rvos_edu.nn.conv_norm import ConvNormReLU


class DynamicFilters(nn.Module):
    """K filters made from the words gate the pixels, channel by channel.

    Args:
        d_model: D, a multiple of 8.
        filters: K.

    Raises:
        ValueError: if there is no filter or D is not a multiple of 8.
    """

    def __init__(self, d_model: int, filters: int) -> None:
        super().__init__()
        if filters < 1:
            raise ValueError(f"filters must be at least 1, got {filters}")
        self.count = filters
        self.make = nn.Linear(d_model, d_model)
        self.before = ConvNormReLU(d_model, d_model, 1)
        self.after = ConvNormReLU(filters * d_model, d_model, 1)

    def pool_words(self, words: Tensor, padding: Tensor | None = None) -> Tensor:
        """Mean of K runs of real words, cut as `nn.AdaptiveAvgPool1d` cuts a sentence without padding.

        Args:
            words: [B, L, D].
            padding: bool [B, L], True where padded, anywhere; each sentence has a real word.

        Returns:
            [B, K, D].
        """
        real = torch.ones_like(words[..., 0], dtype=torch.bool) if padding is None else ~padding
        cuts = torch.arange(self.count + 1, device=words.device) * real.sum(1, keepdim=True)  # [B, K + 1]
        first = cuts[:, :-1].div(self.count, rounding_mode="floor")[..., None]  # [B, K, 1]
        last = (cuts[:, 1:] + self.count - 1).div(self.count, rounding_mode="floor")[..., None]
        place = real.cumsum(1)[:, None] - 1  # of each real word among the real words, [B, 1, L]
        member = (first <= place) & (place < last) & real[:, None]  # [B, K, L]
        share = member / member.sum(-1, keepdim=True).clamp(min=1)
        return share.to(words.dtype) @ words.masked_fill(~real[..., None], 0.0)

    def filters_of(self, words: Tensor, padding: Tensor | None = None) -> Tensor:
        """Words [B, L, D], padding bool [B, L] -> filters [B, K, D]; one linear layer makes all of them."""
        return self.make(self.pool_words(words, padding))

    def forward(self, pixels: Tensor, filters: Tensor, padding: Tensor | None = None) -> Tensor:
        """Every filter times every channel, K results side by side, brought back to D channels.

        Args:
            pixels: [M, D, h, w], M = B * T frames.
            filters: [B, K, D], shared by the T frames of a clip.
            padding: bool [M, h, w], True where padded.

        Returns:
            [M, D, h, w], not below zero, zero where padded.
        """
        gates = filters.repeat_interleave(len(pixels) // len(filters), dim=0)  # [M, K, D]
        gated = self.before(pixels, padding)[:, None] * gates[..., None, None]  # [M, K, D, h, w]
        return self.after(gated.flatten(1, 2), padding)
