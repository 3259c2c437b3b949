"""Instance kernels, masks and reference scores from object queries (MTTR, section 3.4)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class MaskHead(nn.Module):
    """One dynamic 1x1 kernel per query and frame; its dot product with the pixel features is the mask.

    Args:
        d_model: D.
        kernel_dim: K.
    """

    def __init__(self, d_model: int, kernel_dim: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(d_model, d_model)
        self.out = nn.Linear(d_model, kernel_dim)

    def kernels(self, states: Tensor) -> Tensor:
        """Object queries [..., N, D] -> kernels [..., N, K]."""
        return self.out(F.relu(self.hidden(states)))

    def forward(self, states: Tensor, pixels: Tensor) -> Tensor:
        """Mask logits of every query: no bias, no coordinates.

        Args:
            states: [Z, B, N, D].
            pixels: [B, K, h, w].

        Returns:
            [Z, B, N, h, w].
        """
        logits = torch.matmul(self.kernels(states), pixels.flatten(2))  # [Z, B, N, K] x [B, K, hw]
        return logits.unflatten(-1, pixels.shape[-2:])


class ReferenceHead(nn.Linear):
    """Whether a query is the referred object, per frame: two logits, index 0 = referred.

    Args:
        d_model: D.
    """

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model, 2)
