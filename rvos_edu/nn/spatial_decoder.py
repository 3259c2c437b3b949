"""Spatial decoder: an FPN from stride 16 to stride 4 (MTTR, sections 3.4 and C.3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

GROUPS = 8


@dataclass(frozen=True)
class Laterals:
    """Temporal encoder features brought to the decoder's widths; shared by all sentences about a clip.

    Args:
        stride8: [B, D / 2, h8, w8].
        stride4: [B, D / 4, h4, w4].
    """

    stride8: Tensor
    stride4: Tensor


class GroupNorm(nn.GroupNorm):
    """Group norm that also takes a group of a single value (a 1x1 map), which becomes its bias."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, h, w] -> [B, C, h, w]."""
        return torch.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)


class ConvBlock(nn.Sequential):
    """3x3 convolution, group norm, ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=1), GroupNorm(GROUPS, outputs), nn.ReLU(inplace=True)
        )


class SpatialDecoder(nn.Module):
    """Per-pixel features of every frame, to be multiplied with the instance kernels.

    Args:
        d_model: D, channels of the encoder memory.
        channels: channels of the temporal encoder at strides 4 and 8.
        kernel_dim: K, channels of the result.

    Raises:
        ValueError: if D is not a multiple of 64 (8 groups of D / 8 channels).
    """

    def __init__(self, d_model: int, channels: tuple[int, int], kernel_dim: int) -> None:
        super().__init__()
        if d_model % (GROUPS * 8):
            raise ValueError(
                f"d_model must be a multiple of {GROUPS * 8} for the spatial decoder, got {d_model}"
            )
        self.block16 = nn.Sequential(ConvBlock(d_model, d_model), ConvBlock(d_model, d_model // 2))
        self.lateral8 = nn.Conv2d(channels[1], d_model // 2, 1)
        self.block8 = ConvBlock(d_model // 2, d_model // 4)
        self.lateral4 = nn.Conv2d(channels[0], d_model // 4, 1)
        self.block4 = ConvBlock(d_model // 4, d_model // 8)
        self.out = nn.Conv2d(d_model // 8, kernel_dim, 3, padding=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, a=1)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def laterals(self, stride4: Tensor, stride8: Tensor) -> Laterals:
        """1x1 convolutions of the temporal encoder's maps [B, C, h, w]."""
        return Laterals(stride8=self.lateral8(stride8), stride4=self.lateral4(stride4))

    def forward(self, memory: Tensor, laterals: Laterals) -> Tensor:
        """Visual part of the memory [B, D, h16, w16] and laterals -> [B, K, h4, w4]."""
        x = self.block16(memory)
        x = self.block8(laterals.stride8 + _enlarge(x, laterals.stride8))
        x = self.block4(laterals.stride4 + _enlarge(x, laterals.stride4))
        return self.out(x)


def _enlarge(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[-2:], mode="nearest")
