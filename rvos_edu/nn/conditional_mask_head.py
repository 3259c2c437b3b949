"""Masks by convolutions that every query makes for itself (published R2-VOS; CondInst, section 3)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rvos_edu.nn.mlp import MLP

STRIDE = 4  # pixels per step of the mask features
COORDINATES = 2


class ConditionalMaskHead(nn.Module):
    """Three dynamic 1x1 convolutions on the mask features and on where each pixel lies.

    A controller turns every instance embedding into the weights and biases of its three convolutions. They
    also see, in pixels, how far to the right of and below each pixel the instance's reference point lies, so
    that equal objects at two places can be told apart.

    Args:
        d_model: D.
        mask_dim: C, channels of the mask features.
        channels: between the dynamic convolutions.
    """

    def __init__(self, d_model: int, mask_dim: int, channels: int = 8) -> None:
        super().__init__()
        self.weights = ((channels, mask_dim + COORDINATES), (channels, channels), (1, channels))
        count = sum(outputs * (inputs + 1) for outputs, inputs in self.weights)
        self.controller = MLP(d_model, d_model, d_model, count)
        for layer in self.controller:
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    def kernels(self, states: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Weights [..., outputs, inputs] and biases [..., outputs] of the three convolutions.

        The controller's channels hold the weights of all three first (outputs, then inputs; of the first
        convolution the features come before x and y), then their biases.

        Args:
            states: [..., D].
        """
        areas = [outputs * inputs for outputs, inputs in self.weights]
        parts = self.controller(states).split([*areas, *(outputs for outputs, _ in self.weights)], dim=-1)
        shaped = (part.unflatten(-1, shape) for part, shape in zip(parts, self.weights, strict=False))
        return list(zip(shaped, parts[len(areas) :], strict=True))

    def forward(self, states: Tensor, features: Tensor, references: Tensor, sizes: Tensor) -> Tensor:
        """Mask logits of every query; in float32, because coordinates reach hundreds of pixels.

        Args:
            states: [Z, M, N, D].
            features: [M, C, h, w] at stride 4.
            references: [Z, M, N, 2], x and y of each query's reference point in 0..1 of the real frame.
            sizes: [M, 2], height and width of the real (unpadded) frames in pixels.

        Returns:
            [Z, M, N, h, w].
        """
        kernels = self.kernels(states)
        with torch.autocast(states.device.type, enabled=False):
            (first, shift), *rest = [(weight.float(), bias.float()) for weight, bias in kernels]
            points = references.float() * sizes.flip(-1)[:, None].float()  # [Z, M, N, 2] in pixels
            steps = points[..., None] - _locations(features)  # [Z, M, N, 2, hw]
            seen, placed = first.split([first.shape[-1] - COORDINATES, COORDINATES], dim=-1)
            x = torch.einsum("zmnoc,mcp->zmnop", seen, features.float().flatten(2))
            x = x + placed @ steps + shift[..., None]
            for weight, bias in rest:
                x = weight @ F.relu(x) + bias[..., None]
        return x.squeeze(-2).unflatten(-1, features.shape[-2:])


def _locations(features: Tensor) -> Tensor:
    """x and y of the middle of every step of a map, in pixels: [2, hw]."""
    rows, columns = (
        torch.arange(length, device=features.device) * STRIDE + STRIDE / 2 for length in features.shape[-2:]
    )
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()])
