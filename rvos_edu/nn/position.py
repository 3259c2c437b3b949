"""Sine position codes of pixels (MTTR, section C.2; R2-VOS, supplement C; DETR, section A.4) and of words."""

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
    return _grid(padding, d_model, shift=0.0)


def centred_sine_positions(padding: Tensor, d_model: int) -> Tensor:
    """The same code taken at the centre of each pixel, half a pixel before its count (R2-VOS).

    Args, returns and raises: as `sine_positions`.
    """
    return _grid(padding, d_model, shift=0.5)


def word_positions(padding: Tensor, d_model: int) -> Tensor:
    """1-D sine position code of words, counted over real words and scaled to 0..2 pi (R2-VOS).

    Args:
        padding: bool [B, L], True where padded.
        d_model: D, even.

    Returns:
        float32 [B, L, D].

    Raises:
        ValueError: if `d_model` is odd.
    """
    if d_model % 2:
        raise ValueError(f"d_model must be even for 1-D sine positions, got {d_model}")
    return _waves(_scaled((~padding).float().cumsum(1), dim=1), d_model)


def _grid(padding: Tensor, d_model: int, *, shift: float) -> Tensor:
    if d_model % 4:
        raise ValueError(f"d_model must be a multiple of 4 for 2-D sine positions, got {d_model}")
    real = (~padding).float()
    halves = [_waves(_scaled(real.cumsum(axis), dim=axis, shift=shift), d_model // 2) for axis in (1, 2)]
    return torch.cat(halves, dim=-1)


def _scaled(counts: Tensor, dim: int, shift: float = 0.0) -> Tensor:
    last = counts.select(dim, -1).unsqueeze(dim)
    return (counts - shift) / (last + 1e-6) * (2 * math.pi)


def _waves(coordinates: Tensor, channels: int) -> Tensor:
    pairs = torch.arange(channels // 2, device=coordinates.device, dtype=torch.float32)
    angles = coordinates[..., None] / TEMPERATURE ** (2 * pairs / channels)  # [..., channels / 2]
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)
