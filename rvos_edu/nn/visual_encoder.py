"""Visual encoder of R2-VOS: maps of several sizes, deformable attention within each frame.

The supplement only names it; the published code uses Deformable DETR's encoder (sections 4.2 and A.1).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rvos_edu.config_checks import NORM_GROUPS
from rvos_edu.nn.attention import FeedForward
from rvos_edu.nn.conv_norm import MaskedGroupNorm
from rvos_edu.nn.deformable_attention import DeformableAttention, rows_per_step


class Projection(nn.Sequential):
    """Convolution to D channels and a group norm of real pixels."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__(conv, MaskedGroupNorm(NORM_GROUPS, conv.out_channels))

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        """x [M, C, h, w], padding bool [M, h', w'] of the result [M, D, h', w'], which is zero there."""
        conv, norm = self
        return norm(conv(x), padding)


class FeaturePyramid(nn.Module):
    """Maps of the frame encoder brought to one width, and coarser ones made from the last.

    Args:
        channels: of the maps that come in, finest first.
        d_model: D, a multiple of 32 (groups of the norm).
        extra_levels: number of coarser maps, each of half the size of the one before.

    Raises:
        ValueError: if `d_model` is no multiple of 32.
    """

    def __init__(self, channels: Sequence[int], d_model: int, extra_levels: int = 1) -> None:
        super().__init__()
        if d_model % NORM_GROUPS:
            raise ValueError(
                f"d_model must be a multiple of {NORM_GROUPS} (groups of the norm), got {d_model}"
            )
        self.projections = nn.ModuleList(Projection(nn.Conv2d(width, d_model, 1)) for width in channels)
        self.extra = nn.ModuleList(
            Projection(nn.Conv2d(width, d_model, 3, stride=2, padding=1))
            for width in [channels[-1], *[d_model] * extra_levels][:extra_levels]
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.xavier_uniform_(module.weight)
                assert module.bias is not None
                nn.init.zeros_(module.bias)

    def forward(self, maps: Sequence[Tensor], padding: Sequence[Tensor] | None = None) -> list[Tensor]:
        """Maps of one width, and the coarser ones.

        Args:
            maps: [M, C, h, w] each, finest first.
            padding: bool [M, h, w] for every map that comes out, True where padded; nothing by default. The
                real part of an extra map is half as large as that of the one before, rounded up.

        Returns:
            [M, D, h, w] each, as many as `maps` and the extra ones; zero where padded, and on real pixels
            what maps without padding give.

        Raises:
            ValueError: if there is no padding for one of the maps that come out.
        """
        count = len(self.projections) + len(self.extra)
        hidden: list[Tensor | None] = [None] * count if padding is None else list(padding)
        if len(hidden) != count:
            raise ValueError(f"expected the padding of {count} maps, got {len(hidden)}")
        if padding is not None:
            maps = [x.masked_fill(padded[:, None], 0.0) for x, padded in zip(maps, padding, strict=False)]
        parts = zip(self.projections, maps, hidden[: len(maps)], strict=True)
        levels = [project(x, padded) for project, x, padded in parts]
        x = maps[-1]
        for reduce, padded in zip(self.extra, hidden[len(maps) :], strict=True):
            x = reduce(x, padded)
            levels.append(x)
        return levels


class DeformableEncoderLayer(nn.Module):
    """Deformable self-attention and feed-forward, each with a residual and a layer norm behind it."""

    def __init__(
        self, d_model: int, heads: int, *, levels: int, points: int, feedforward: int, dropout: float
    ) -> None:
        super().__init__()
        self.attention = DeformableAttention(d_model, heads, levels, points)
        self.feedforward = FeedForward(d_model, feedforward, dropout)
        self.norm1 = nn.LayerNorm(d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Tensor,
        positions: Tensor,
        references: Tensor,
        shapes: Sequence[tuple[int, int]],
        padding: Tensor | None,
    ) -> Tensor:
        """x, positions [M, S, D]; the rest as in `DeformableAttention.forward`; returns [M, S, D]."""
        mixed = self.attention(x + positions, references, x, shapes, padding)
        x = self.norm1(x + self.dropout(mixed))
        tokens = x.flatten(0, 1)
        steps = tokens.split(rows_per_step(tokens, self.feedforward.expand.out_features))
        return torch.cat([self.norm2(t + self.dropout(self.feedforward(t))) for t in steps]).view_as(x)


class VisualEncoder(nn.Module):
    """Every pixel of every map reads from all maps of its own frame.

    Args:
        d_model: D.
        heads: attention heads.
        levels: number of maps.
        points: samples per head and map.
        layers: number of layers.
        feedforward: hidden width.
        dropout: rate.
    """

    def __init__(
        self,
        d_model: int,
        heads: int,
        *,
        levels: int,
        points: int,
        layers: int,
        feedforward: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.level_embedding = nn.Parameter(torch.randn(levels, d_model))
        self.layers = nn.ModuleList(
            DeformableEncoderLayer(
                d_model, heads, levels=levels, points=points, feedforward=feedforward, dropout=dropout
            )
            for _ in range(layers)
        )

    def forward(
        self, maps: Sequence[Tensor], positions: Sequence[Tensor], padding: Sequence[Tensor] | None = None
    ) -> list[Tensor]:
        """Encode the maps of M frames.

        Args:
            maps: [M, D, h, w] each, finest first.
            positions: [M, h, w, D] each.
            padding: bool [M, h, w] each, True where padded.

        Returns:
            [M, D, h, w] each; where padded, numbers without meaning.

        Raises:
            ValueError: if there are not as many maps as levels.
        """
        levels = len(self.level_embedding)
        if not len(maps) == len(positions) == levels:
            raise ValueError(f"expected {levels} maps and positions, got {len(maps)} and {len(positions)}")
        x, shapes = flatten_maps(maps)
        places = torch.cat(
            [p.flatten(1, 2) + e for p, e in zip(positions, self.level_embedding, strict=True)], dim=1
        )
        ratios = x.new_ones(len(x), len(maps), 2) if padding is None else valid_ratios(padding)
        references = pixel_centres(shapes, ratios)
        padded = None if padding is None else torch.cat([p.flatten(1) for p in padding], dim=1)
        for layer in self.layers:
            x = layer(x, places, references, shapes, padded)
        return unflatten_maps(x, shapes)


def flatten_maps(maps: Sequence[Tensor]) -> tuple[Tensor, list[tuple[int, int]]]:
    """Maps [M, D, h, w] -> their tokens [M, S, D], row by row, one map after the other, and every (h, w)."""
    shapes = [(x.shape[-2], x.shape[-1]) for x in maps]
    return torch.cat([x.flatten(2) for x in maps], dim=2).transpose(1, 2), shapes


def unflatten_maps(tokens: Tensor, shapes: Sequence[tuple[int, int]]) -> list[Tensor]:
    """The opposite of `flatten_maps`."""
    parts = tokens.transpose(1, 2).split([h * w for h, w in shapes], dim=-1)
    return [part.unflatten(-1, shape) for part, shape in zip(parts, shapes, strict=True)]


def valid_ratios(padding: Sequence[Tensor]) -> Tensor:
    """Which part of every map's width and height is real, float32 [M, levels, 2].

    Args:
        padding: bool [M, h, w] per map, True where padded; real pixels fill the upper left corner.
    """
    edges = [(~x[:, 0], ~x[:, :, 0]) for x in padding]  # first row and first column
    return torch.stack([torch.stack([_share(x), _share(y)], dim=-1) for x, y in edges], dim=1)


def pixel_centres(shapes: Sequence[tuple[int, int]], ratios: Tensor) -> Tensor:
    """Where the pixels of every map lie on every map, in 0..1 of its padded size.

    Args:
        shapes: (h, w) of every map.
        ratios: [M, levels, 2], see `valid_ratios`: the same part of the real frame is meant on each map.

    Returns:
        [M, S, levels, 2], x and y.
    """
    centres = []
    for (h, w), ratio in zip(shapes, ratios.unbind(1), strict=True):
        rows = (torch.arange(h, device=ratios.device) + 0.5) / h
        columns = (torch.arange(w, device=ratios.device) + 0.5) / w
        grid = torch.stack([columns.expand(h, w), rows[:, None].expand(h, w)], dim=-1).flatten(0, 1)
        centres.append(grid / ratio[:, None])  # in 0..1 of the real frame; beyond 1 where padded
    return torch.cat(centres, dim=1)[:, :, None] * ratios[:, None]


def _share(real: Tensor) -> Tensor:
    return real.sum(-1).clamp(min=1) / real.shape[-1]  # a frame of nothing counts as one pixel
