"""Sine position codes of the stride-16 map (MTTR, section C.2; DETR, section A.4)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

TEMPERATURE = 10000.0


def sine_positions(padding: Tensor, d_model: int) -> Tensor:
    """2-D sine position code, rows in the first half of the channels, columns in the second.

    Rows and columns are counted over real pixels and scaled to 0..2 pi, so the code does not depend
    on how far a clip was padded.

    Args:
        padding: bool [B, h, w], True where padded.
        d_model: D, a multiple of 4.

    Returns:
        float32 [B, h, w, D].

    Raises:
        ValueError: if `d_model` is not a multiple of 4.
    """
    if d_model % 4:
        raise ValueError(f"d_model must be a multiple of 4 for 2-D sine positions, got {d_model}")
    real = (~padding).float()
    rows = _scaled(real.cumsum(1), dim=1)
    columns = _scaled(real.cumsum(2), dim=2)
    channels = torch.arange(d_model // 4, device=padding.device, dtype=torch.float32)
    wavelengths = TEMPERATURE ** (4 * channels / d_model)
    return torch.cat([_waves(rows, wavelengths), _waves(columns, wavelengths)], dim=-1)


def _scaled(counts: Tensor, dim: int) -> Tensor:
    last = counts.select(dim, -1).unsqueeze(dim)
    return counts / (last + 1e-6) * (2 * math.pi)


def _waves(coordinates: Tensor, wavelengths: Tensor) -> Tensor:
    angles = coordinates[..., None] / wavelengths  # [B, h, w, D / 4]
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)
