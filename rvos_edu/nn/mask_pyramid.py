"""Mask features: an FPN from f_early up to stride 4 (R2-VOS, supplement D, figure B)."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from rvos_edu.nn.conv_norm import ConvNorm, ConvNormReLU


class MaskPyramid(nn.Module):
    """Per-pixel features of every frame, to be combined by the mask head.

    Args:
        d_model: D, a multiple of 8.
        stride4_channels: C, of the frame encoder's map at stride 4.
        levels: number of maps of the visual encoder between stride 4 and the top.
        mask_dim: channels of the result.

    Raises:
        ValueError: if D is not a multiple of 8.
    """

    def __init__(self, d_model: int, stride4_channels: int, levels: int, mask_dim: int) -> None:
        super().__init__()
        channels = [stride4_channels] + [d_model] * levels  # finest first
        self.laterals = nn.ModuleList(ConvNorm(inputs, d_model, 1) for inputs in channels)
        self.blocks = nn.ModuleList(ConvNormReLU(d_model, d_model, 3) for _ in channels)
        self.out = nn.Conv2d(d_model, mask_dim, 3, padding=1)
        nn.init.kaiming_uniform_(self.out.weight, a=1)
        assert self.out.bias is not None
        nn.init.zeros_(self.out.bias)

    def forward(
        self,
        top: Tensor,
        memory: Sequence[Tensor],
        stride4: Tensor,
        padding: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """Mask features at stride 4.

        Args:
            top: [M, D, h, w], f_early; zero where padded.
            memory: maps [M, D, h, w] of the visual encoder that are finer than the top, finest first.
            stride4: [M, C, h4, w4], from the frame encoder.
            padding: bool [M, h, w] of `stride4` and of each map of `memory`, True where padded.

        Returns:
            [M, mask_dim, h4, w4]; on real pixels what maps without padding give, where padded numbers
            without meaning.

        Raises:
            ValueError: if the number of maps is not the one this pyramid was made for.
        """
        if len(memory) != len(self.laterals) - 1:
            raise ValueError(f"expected {len(self.laterals) - 1} maps finer than the top, got {len(memory)}")
        x = top
        hidden: Sequence[Tensor | None] = [None] * len(self.laterals) if padding is None else padding
        steps = list(zip([stride4, *memory], hidden, self.laterals, self.blocks, strict=True))
        for finer, padded, lateral, block in reversed(steps):
            above = F.interpolate(x, size=finer.shape[-2:], mode="nearest")
            x = block(lateral(finer, padded) + above, padded)
        return self.out(x)
