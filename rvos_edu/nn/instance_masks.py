"""Masks as linear combinations of the mask features (R2-VOS, supplement D, figure B)."""

from __future__ import annotations

from torch import Tensor, nn

from rvos_edu.nn.mask_head import MaskHead


class LinearMaskHead(nn.Module):
    """Two linear layers give every instance embedding the weights of its combination.

    It is called like `ConditionalMaskHead`, but does not look at where an instance is.

    Args:
        d_model: D.
        mask_dim: C, channels of the mask features.
    """

    def __init__(self, d_model: int, mask_dim: int) -> None:
        super().__init__()
        self.combine = MaskHead(d_model, mask_dim)

    def forward(self, states: Tensor, features: Tensor, references: Tensor, sizes: Tensor) -> Tensor:
        """Mask logits of every query.

        Args:
            states: [Z, M, N, D].
            features: [M, C, h, w].
            references: [Z, M, N, 2], not used.
            sizes: [M, 2], not used.

        Returns:
            [Z, M, N, h, w].
        """
        return self.combine(states, features)
