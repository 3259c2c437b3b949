"""Decoder of the published R2-VOS: queries that look around a point, and boxes refined by every layer.

Deformable DETR, sections 4.1 and A.4 (iterative bounding box refinement).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rvos_edu.nn.attention import Attention, FeedForward
from rvos_edu.nn.deformable_attention import DeformableAttention
from rvos_edu.nn.instance_decoder import DecodedInstances, InstanceHeads
from rvos_edu.nn.mlp import MLP
from rvos_edu.nn.visual_encoder import flatten_maps, valid_ratios

EPS = 1e-5  # keeps logits of references finite
FIRST_SIZE = -2.0  # logit of the boxes' width and height before training: 12 % of the frame


class DeformableDecoderLayer(nn.Module):
    """Self-attention among queries, deformable attention to the maps, feed-forward (post-norm)."""

    def __init__(
        self, d_model: int, heads: int, *, levels: int, points: int, feedforward: int, dropout: float
    ) -> None:
        super().__init__()
        self.self_attention = Attention(d_model, heads, dropout)
        self.cross_attention = DeformableAttention(d_model, heads, levels, points)
        self.feedforward = FeedForward(d_model, feedforward, dropout)
        self.norm1 = nn.LayerNorm(d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.norm3 = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Tensor,
        queries: Tensor,
        references: Tensor,
        values: Tensor,
        shapes: list[tuple[int, int]],
        padding: Tensor | None,
    ) -> Tensor:
        """One round of looking.

        Args:
            x: [M, N, D], content of the queries.
            queries: [N, D], their position part.
            references: [M, N, levels, 2 or 4], points or boxes to look around, in 0..1 of each padded map.
            values: [M, S, D], tokens of all maps.
            shapes: (h, w) of every map.
            padding: bool [M, S], True where padded.

        Returns:
            [M, N, D].
        """
        query = x + queries
        mixed, _ = self.self_attention(query, query, x)
        x = self.norm1(x + self.dropout(mixed))
        seen = self.cross_attention(x + queries, references, values, shapes, padding)
        x = self.norm2(x + self.dropout(seen))
        return self.norm3(x + self.dropout(self.feedforward(x)))


class DeformableInstanceDecoder(nn.Module):
    """The published D_v, called like `InstanceDecoder`.

    The learned position of a query tells where it first looks. Each layer then moves and sizes the box that
    the next one looks around; no gradient runs back through a finished box.

    Args:
        d_model: D.
        heads: attention heads.
        layers: Z.
        feedforward: hidden width.
        dropout: rate.
        queries: N.
        levels: number of maps.
        points: samples per head and level.
    """

    def __init__(
        self,
        d_model: int,
        heads: int,
        *,
        layers: int,
        feedforward: int,
        dropout: float,
        queries: int,
        levels: int,
        points: int,
    ) -> None:
        super().__init__()
        self.queries = nn.Embedding(queries, d_model)
        self.reference_points = nn.Linear(d_model, 2)
        self.layers = nn.ModuleList(
            DeformableDecoderLayer(
                d_model, heads, levels=levels, points=points, feedforward=feedforward, dropout=dropout
            )
            for _ in range(layers)
        )
        self.heads = InstanceHeads(d_model, layers)
        nn.init.xavier_uniform_(self.reference_points.weight)
        nn.init.zeros_(self.reference_points.bias)
        for number, box in enumerate(self.heads.boxes):
            _start_at_reference(box, first=number == 0)

    def forward(
        self,
        text: Tensor,
        maps: Sequence[Tensor],
        positions: Sequence[Tensor],
        padding: Sequence[Tensor] | None = None,
    ) -> DecodedInstances:
        """Embeddings, boxes and classes of every layer.

        Args:
            text: [M, D], the fused embedding z of the sentence, once per frame.
            maps: of the visual encoder, [M, D, h, w] each, as many as `levels`.
            positions: [M, h, w, D] each; not used, references tell the place.
            padding: bool [M, h, w] each, True where padded.
        """
        values, shapes = flatten_maps(maps)
        ratios = values.new_ones(len(values), len(maps), 2) if padding is None else valid_ratios(padding)
        padded = None if padding is None else torch.cat([x.flatten(1) for x in padding], dim=1)
        queries = self.queries.weight
        x = text[:, None].expand(-1, len(queries), -1)
        references = self.reference_points(queries).float().sigmoid().expand(len(x), -1, -1)  # [M, N, 2]
        states, boxes = [], []
        for layer, box in zip(self.layers, self.heads.boxes, strict=True):
            x = layer(x, queries, _on_maps(references, ratios), values, shapes, padded)
            states.append(x)
            boxes.append(_refine(references, box(x).float()))
            references = boxes[-1].detach()
        return self.heads.gather(states, boxes)


def _start_at_reference(box: nn.Module, *, first: bool) -> None:
    """Before training a box stays where the query looks; the first layer gives it its size."""
    assert isinstance(box, MLP) and isinstance(last := box[-1], nn.Linear)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    if first:
        nn.init.constant_(last.bias.data[2:], FIRST_SIZE)


def _on_maps(references: Tensor, ratios: Tensor) -> Tensor:
    """[M, N, 2 or 4] in 0..1 of the real frame -> [M, N, levels, 2 or 4] in 0..1 of every padded map."""
    return references[:, :, None] * ratios.repeat(1, 1, references.shape[-1] // 2)[:, None]


def _refine(references: Tensor, change: Tensor) -> Tensor:
    """Points or boxes [M, N, 2 or 4] in 0..1, changed by logits [M, N, 4]; a point has no size yet."""
    logits = references.logit(eps=EPS)
    return (change + F.pad(logits, (0, 4 - logits.shape[-1]))).sigmoid()
