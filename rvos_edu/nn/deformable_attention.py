"""Multi-scale deformable attention (Deformable DETR, section 4.1), the visual encoder's in R2-VOS."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CACHED = 2**19  # numbers per thread and step on a CPU: 2 MB stay in its cache, two to three times as fast


@dataclass(frozen=True)
class Samples:
    """Where every query looks, and how much each place counts.

    Args:
        locations: [B, Q, heads, levels, points, 2], x and y in 0..1 of each padded map.
        weights: [B, Q, heads, levels, points], their sum over levels and points is 1.
    """

    locations: Tensor
    weights: Tensor


class DeformableAttention(nn.Module):
    """Every query reads a few places around its reference, on maps of several sizes.

    Args:
        d_model: D, a multiple of `heads`.
        heads: number of heads.
        levels: number of maps.
        points: samples per head and map.

    Raises:
        ValueError: if `heads` does not divide `d_model`.
    """

    def __init__(self, d_model: int, heads: int, levels: int, points: int) -> None:
        super().__init__()
        if d_model % heads:
            raise ValueError(f"d_model {d_model} is not a multiple of {heads} heads")
        self.heads, self.levels, self.points = heads, levels, points
        self.offsets = nn.Linear(d_model, heads * levels * points * 2)
        self.weights = nn.Linear(d_model, heads * levels * points)
        self.value = nn.Linear(d_model, d_model)
        self.out = nn.Linear(d_model, d_model)
        nn.init.zeros_(self.offsets.weight)
        self.offsets.bias.data = _rays(heads, levels, points).flatten()
        nn.init.zeros_(self.weights.weight)
        nn.init.zeros_(self.weights.bias)
        for part in (self.value, self.out):
            nn.init.xavier_uniform_(part.weight)
            nn.init.zeros_(part.bias)

    def samples(self, query: Tensor, references: Tensor, shapes: Sequence[tuple[int, int]]) -> Samples:
        """The places that `forward` reads from; arguments and errors as there."""
        if references.shape[-2:] not in ((self.levels, 2), (self.levels, 4)) or len(shapes) != self.levels:
            raise ValueError(
                f"expected references [B, Q, {self.levels}, 2 or 4] and {self.levels} shapes, "
                f"got {tuple(references.shape)} and {list(shapes)}"
            )
        split = (self.heads, self.levels, self.points)
        offsets = self.offsets(query).unflatten(-1, (*split, 2))
        weights = self.weights(query).unflatten(-1, (self.heads, -1)).float().softmax(-1)
        centres = references[:, :, None, :, None]  # [B, Q, 1, levels, 1, 2 or 4]
        if references.shape[-1] == 2:  # offsets count pixels of each map
            sizes = torch.tensor([[w, h] for h, w in shapes], dtype=torch.float32, device=query.device)
            steps = 1 / sizes[:, None]
        else:  # offsets count half boxes, shared by the points
            steps = centres[..., 2:] * (0.5 / self.points)
        return Samples(
            locations=centres[..., :2] + offsets * steps,
            weights=weights.unflatten(-1, (self.levels, self.points)),
        )

    def forward(
        self,
        query: Tensor,
        references: Tensor,
        values: Tensor,
        shapes: Sequence[tuple[int, int]],
        padding: Tensor | None = None,
    ) -> Tensor:
        """Weighted sum of bilinear samples, for every head.

        Args:
            query: [B, Q, D], with positions.
            references: [B, Q, levels, 2 or 4], points, or boxes (cx, cy, w, h), in 0..1 of each padded map.
            values: [B, S, D], tokens of all maps, row by row, one map after the other.
            shapes: (h, w) of every map; S is the sum of h w.
            padding: bool [B, S], True where padded; such tokens, and places outside a map, read as zero.

        Returns:
            [B, Q, D].

        Raises:
            ValueError: if shapes do not fit.
        """
        tokens = sum(h * w for h, w in shapes)
        if values.shape[1] != tokens:
            raise ValueError(f"maps of shapes {list(shapes)} have {tokens} tokens, got {values.shape[1]}")
        places = self.samples(query, references, shapes)
        values = self.value(values)
        if padding is not None:
            values = values.masked_fill(padding[..., None], 0.0)
        heads = values.to(places.locations.dtype).unflatten(-1, (self.heads, -1))
        return self.out(sample_maps(heads, places, shapes))


def sample_maps(values: Tensor, places: Samples, shapes: Sequence[tuple[int, int]]) -> Tensor:
    """Weighted sum of bilinear samples; values [B, S, heads, C] -> [B, Q, heads * C]."""
    batch, queries, heads = places.locations.shape[:3]
    # One row per (frame, head), queries innermost, for long inner loops: [rows, levels, points, Q, ...].
    flat = values.permute(0, 2, 3, 1).flatten(0, 1)  # [rows, C, S]
    grid = (2 * places.locations - 1).permute(0, 2, 3, 4, 1, 5).flatten(0, 1)
    weights = places.weights.permute(0, 2, 3, 4, 1).flatten(0, 1)
    rows = rows_per_step(flat, flat.shape[1] * weights.shape[2] * queries)
    parts = [
        _sample_rows(*part, shapes)
        for part in zip(flat.split(rows), grid.split(rows), weights.split(rows), strict=True)
    ]
    return torch.cat(parts).view(batch, -1, queries).transpose(1, 2)


def rows_per_step(x: Tensor, numbers: int) -> int:
    """How many rows of x to work on at once, if each makes so many numbers: all, but on a CPU few."""
    if x.device.type != "cpu":
        return max(1, len(x))
    return torch.get_num_threads() * max(1, CACHED // max(1, numbers))


def _sample_rows(flat: Tensor, grid: Tensor, weights: Tensor, shapes: Sequence[tuple[int, int]]) -> Tensor:
    """[n, C, S], [n, levels, points, Q, 2], [n, levels, points, Q] -> [n, C, Q]."""
    maps = flat.split([h * w for h, w in shapes], dim=-1)
    total = flat.new_zeros(())
    for x, shape, places, counts in zip(maps, shapes, grid.unbind(1), weights.unbind(1), strict=True):
        read = F.grid_sample(x.unflatten(-1, shape), places, align_corners=False)  # [n, C, points, Q]
        for sample, count in zip(read.unbind(2), counts[:, None].unbind(2), strict=True):
            total = torch.addcmul(total, sample, count)
    return total


def _rays(heads: int, levels: int, points: int) -> Tensor:
    """First offsets [heads, levels, points, 2]: one direction per head, point p goes p + 1 pixels far."""
    angles = torch.arange(heads) * (2 * math.pi / heads)
    directions = torch.stack([angles.cos(), angles.sin()], dim=-1)
    directions = directions / directions.abs().amax(-1, keepdim=True)  # on a square
    distances = torch.arange(1, points + 1)
    return (directions[:, None, None] * distances[:, None]).expand(-1, levels, -1, -1).clone()
