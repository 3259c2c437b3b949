"""Linear layers with ReLU between: box heads, controllers, classifiers (DETR, section 3.2)."""

from __future__ import annotations

from itertools import pairwise

from torch import nn


class MLP(nn.Sequential):
    """[..., first width] -> [..., last width].

    Args:
        widths: of the input, of every hidden layer and of the output; at least two.

    Raises:
        ValueError: for fewer than two widths.
    """

    def __init__(self, *widths: int) -> None:
        if len(widths) < 2:
            raise ValueError(f"an MLP needs the widths of its input and output, got {list(widths)}")
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [nn.Linear(inputs, outputs), nn.ReLU(inplace=True)]
        super().__init__(*layers[:-1])
