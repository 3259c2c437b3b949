"""Multimodal transformer: pixels and words of each frame in one sequence (MTTR, sections 3.3 and C.2)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rvos_edu.nn.attention import Attention, FeedForward


@dataclass(frozen=True)
class TransformerOutput:
    """What the transformer says about every frame.

    Args:
        memory: [B, S, D], encoder output, pixels first, then words.
        states: [Z, B, N, D], normalised decoder states, one per object query.
        encoder_weights: [layers, B, heads, S, S] if asked for.
        decoder_weights: [Z, B, heads, N, S] if asked for.
    """

    memory: Tensor
    states: Tensor
    encoder_weights: Tensor | None = None
    decoder_weights: Tensor | None = None


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward, each with a residual and a layer norm behind it (post-norm)."""

    def __init__(self, d_model: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(d_model, heads, dropout)
        self.feedforward = FeedForward(d_model, feedforward, dropout)
        self.norm1 = nn.LayerNorm(d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Tensor, positions: Tensor, keep: Tensor | None, *, return_weights: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """x, positions [B, S, D]; keep bool [B, S]; returns [B, S, D] and the weights if asked for."""
        query = x + positions
        mixed, weights = self.attention(query, query, x, keep, return_weights=return_weights)
        x = self.norm1(x + self.dropout(mixed))
        x = self.norm2(x + self.dropout(self.feedforward(x)))
        return x, weights


class DecoderLayer(nn.Module):
    """Self-attention among object queries, attention to the memory, feed-forward (post-norm)."""

    def __init__(self, d_model: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.self_attention = Attention(d_model, heads, dropout)
        self.cross_attention = Attention(d_model, heads, dropout)
        self.feedforward = FeedForward(d_model, feedforward, dropout)
        self.norm1 = nn.LayerNorm(d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.norm3 = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Tensor,
        queries: Tensor,
        memory: Tensor,
        keys: Tensor,
        keep: Tensor | None,
        *,
        return_weights: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """x [B, N, D] content, queries [N, D] position part, memory and keys (with positions) [B, S, D]."""
        query = x + queries
        mixed, _ = self.self_attention(query, query, x)
        x = self.norm1(x + self.dropout(mixed))
        mixed, weights = self.cross_attention(x + queries, keys, memory, keep, return_weights=return_weights)
        x = self.norm2(x + self.dropout(mixed))
        x = self.norm3(x + self.dropout(self.feedforward(x)))
        return x, weights


class MultimodalTransformer(nn.Module):
    """DETR's transformer on sequences of pixels and words; frames never see each other here.

    Args:
        d_model: D.
        heads: attention heads.
        feedforward: hidden width.
        encoder_layers, decoder_layers: numbers of layers.
        dropout: rate.
    """

    def __init__(
        self,
        d_model: int,
        heads: int,
        *,
        feedforward: int,
        encoder_layers: int,
        decoder_layers: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.encoder = nn.ModuleList(
            EncoderLayer(d_model, heads, feedforward, dropout) for _ in range(encoder_layers)
        )
        self.decoder = nn.ModuleList(
            DecoderLayer(d_model, heads, feedforward, dropout) for _ in range(decoder_layers)
        )
        self.norm = nn.LayerNorm(d_model)

    def forward(
        self,
        sequence: Tensor,
        positions: Tensor,
        queries: Tensor,
        padding: Tensor | None = None,
        *,
        return_attention: bool = False,
    ) -> TransformerOutput:
        """Encode each sequence, then let the object queries read from it.

        Args:
            sequence: [B, S, D], pixels first, then words; one per frame.
            positions: [B, S, D], added to queries and keys of every layer; zero for words.
            queries: [N, D], learned, shared by all frames.
            padding: bool [B, S], True where padded; at least one token per row must be real.
            return_attention: also return weights (slower, explicit form).
        """
        keep = None if padding is None else ~padding
        memory, encoder_weights = sequence, []
        for layer in self.encoder:
            memory, weights = layer(memory, positions, keep, return_weights=return_attention)
            encoder_weights.append(weights)
        keys = memory + positions
        x = queries.new_zeros(len(sequence), *queries.shape)
        states, decoder_weights = [], []
        for layer in self.decoder:
            x, weights = layer(x, queries, memory, keys, keep, return_weights=return_attention)
            states.append(self.norm(x))
            decoder_weights.append(weights)
        return TransformerOutput(
            memory=memory,
            states=torch.stack(states),
            encoder_weights=torch.stack(encoder_weights) if return_attention else None,
            decoder_weights=torch.stack(decoder_weights) if return_attention else None,
        )
