"""Instance embeddings of every frame from one sentence (R2-VOS, supplement D, figure B)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rvos_edu.nn.mlp import MLP
from rvos_edu.nn.multimodal_transformer import DecoderLayer
from rvos_edu.nn.visual_encoder import flatten_maps

PRIOR = 0.01  # probability of "referred" before training (RetinaNet, section 4.1)


@dataclass(frozen=True)
class DecodedInstances:
    """What a decoder says about every query of every frame; M = B * T frames.

    Args:
        states: [Z, M, N, D], instance embeddings z_t, last decoder layer last.
        boxes: [Z, M, N, 4], centre x, centre y, width, height in 0..1 of the real frame.
        class_logits: [Z, M, N, 1], positive = referred.
        references: [Z, M, N, 2], x and y in 0..1 that masks may be measured from: the centres of the boxes,
            without gradient.
    """

    states: Tensor
    boxes: Tensor
    class_logits: Tensor
    references: Tensor


class InstanceHeads(nn.Module):
    """Box and class of every instance embedding; every decoder layer has weights of its own.

    Args:
        d_model: D.
        layers: Z.
    """

    def __init__(self, d_model: int, layers: int) -> None:
        super().__init__()
        self.boxes = nn.ModuleList(MLP(d_model, d_model, d_model, 4) for _ in range(layers))
        self.classes = nn.ModuleList(_classifier(d_model) for _ in range(layers))

    def gather(self, states: Sequence[Tensor], boxes: Sequence[Tensor]) -> DecodedInstances:
        """Embeddings [M, N, D] and boxes [M, N, 4] of every layer, with their classes, as one."""
        logits = [head(x) for head, x in zip(self.classes, states, strict=True)]
        stacked = torch.stack(list(boxes))
        return DecodedInstances(
            states=torch.stack(list(states)),
            boxes=stacked,
            class_logits=torch.stack(logits),
            references=stacked[..., :2].detach(),
        )


class InstanceDecoder(nn.Module):
    """The decoder D_v: queries made of the fused text embedding look at one frame each time.

    All N queries of a frame start from the same embedding; learned positions tell them apart. They attend to
    one another and to the tokens of all maps of their frame; the weights are shared by all frames.

    Args:
        d_model: D.
        heads: attention heads.
        layers: Z.
        feedforward: hidden width.
        dropout: rate.
        queries: N.
    """

    def __init__(
        self, d_model: int, heads: int, *, layers: int, feedforward: int, dropout: float, queries: int
    ) -> None:
        super().__init__()
        self.queries = nn.Embedding(queries, d_model)
        self.layers = nn.ModuleList(DecoderLayer(d_model, heads, feedforward, dropout) for _ in range(layers))
        self.heads = InstanceHeads(d_model, layers)

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
            maps: of the visual encoder, [M, D, h, w] each.
            positions: [M, h, w, D] each.
            padding: bool [M, h, w] each, True where padded; every frame needs a real token.
        """
        memory, _ = flatten_maps(maps)  # [M, S, D]
        keys = memory + torch.cat([x.flatten(1, 2) for x in positions], dim=1)
        keep = None if padding is None else ~torch.cat([x.flatten(1) for x in padding], dim=1)
        x = text[:, None].expand(-1, self.queries.num_embeddings, -1)
        states, boxes = [], []
        for layer, box in zip(self.layers, self.heads.boxes, strict=True):
            x, _ = layer(x, self.queries.weight, memory, keys, keep)
            states.append(x)
            boxes.append(box(x).float().sigmoid())
        return self.heads.gather(states, boxes)


def _classifier(d_model: int) -> nn.Linear:
    """One logit that starts at the prior, because few queries are the referred object."""
    classifier = nn.Linear(d_model, 1)
    nn.init.constant_(classifier.bias, math.log(PRIOR / (1 - PRIOR)))
    return classifier
