"""Convolution and group norm that do not see padded pixels (R2-VOS, early grounding)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rvos_edu.nn.spatial_decoder import GROUPS, GroupNorm


class MaskedGroupNorm(GroupNorm):
    """Group norm whose mean and variance are those of the real pixels; padded pixels become zero."""

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        """x [M, C, h, w], padding bool [M, h, w], True where padded -> [M, C, h, w]."""
        if padding is None:
            return super().forward(x)
        real = ~padding[:, None, None]  # [M, 1, 1, h, w]
        grouped = x.to(torch.promote_types(x.dtype, torch.float32)).unflatten(1, (self.num_groups, -1))
        count = (real.sum((2, 3, 4), keepdim=True) * grouped.shape[2]).clamp(min=1)
        mean = (grouped * real).sum((2, 3, 4), keepdim=True) / count
        centred = (grouped - mean) * real
        variance = centred.square().sum((2, 3, 4), keepdim=True) / count
        normed = (centred * torch.rsqrt(variance + self.eps)).flatten(1, 2).to(self.weight.dtype)
        scaled = normed * self.weight[:, None, None] + self.bias[:, None, None]
        return scaled.masked_fill(padding[:, None], 0.0)


class ConvNorm(nn.Module):
    """Convolution without bias, group norm of 8 groups; `ConvNormReLU` puts a ReLU behind them.

    A padded map gives on its real pixels what the map without its padding gives.

    Args:
        inputs, outputs: channels.
        size: side of the kernel, odd.

    Raises:
        ValueError: if `outputs` is not a multiple of 8.
    """

    def __init__(self, inputs: int, outputs: int, size: int) -> None:
        super().__init__()
        if outputs % GROUPS:
            raise ValueError(f"channels must be a multiple of {GROUPS} (groups of the norm), got {outputs}")
        self.conv = nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False)
        self.norm = MaskedGroupNorm(GROUPS, outputs)
        nn.init.kaiming_uniform_(self.conv.weight, a=1)

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        """x [M, inputs, h, w], padding bool [M, h, w] -> [M, outputs, h, w], zero where padded."""
        if padding is not None:
            x = x.masked_fill(padding[:, None], 0.0)
        return self.norm(self.conv(x), padding)


class ConvNormReLU(ConvNorm):
    """Convolution without bias, group norm of 8 groups, ReLU."""

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        """As `ConvNorm`, nothing below zero."""
        return super().forward(x, padding).relu()
