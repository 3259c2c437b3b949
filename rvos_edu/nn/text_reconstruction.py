"""From the grounded video back to the sentence, and what that is used for (R2-VOS, supplement A.3, C, D).

e is the embedding of the sentence, e' the one reconstructed from the video.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rvos_edu.nn.mlp import MLP
from rvos_edu.nn.multimodal_transformer import DecoderLayer
from rvos_edu.nn.text_encoder import TextProjection


class TextReconstruction(nn.Module):
    """D_e: one learned query reads the grounded pixels of all frames of a clip and becomes e'.

    Args:
        d_model: D.
        heads: attention heads.
        feedforward: hidden width.
        layers: number of post-norm decoder layers.
        dropout: rate.
    """

    def __init__(self, d_model: int, heads: int, *, feedforward: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.randn(1, d_model))
        self.layers = nn.ModuleList(DecoderLayer(d_model, heads, feedforward, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(d_model)

    def forward(self, features: Tensor, positions: Tensor, padding: Tensor | None = None) -> Tensor:
        """Reconstruct one sentence embedding per clip.

        Args:
            features: [B, T, D, h, w], f_early.
            positions: [B, T, h, w, D], part of the keys and of the values.
            padding: bool [B, T, h, w], True where padded; each clip has a real pixel.

        Returns:
            e' [B, D].
        """
        memory = (features.movedim(2, -1) + positions).flatten(1, 3)  # [B, T h w, D]
        keep = None if padding is None else ~padding.flatten(1)
        x = self.query.expand(len(memory), 1, -1)
        nowhere = torch.zeros_like(self.query)  # the query is all content
        for layer in self.layers:
            x, _ = layer(x, nowhere, memory, memory, keep)
        return self.norm(x)[:, 0]


class FusedText(nn.Module):
    """z = e + LayerNorm(Linear([e; e'])), the content of every instance query (R2-VOS, figure B).

    Args:
        d_model: D.
    """

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.mix = TextProjection(2 * d_model, d_model, dropout=0.0)

    def forward(self, sentence: Tensor, reconstructed: Tensor) -> Tensor:
        """e and e' [B, D] -> z [B, D]."""
        return sentence + self.mix(torch.cat([sentence, reconstructed], dim=-1))


class AlignmentClassifier(nn.Module):
    """Whether a sentence fits a video, from e and e': the 1(A) of the paper (R2-VOS, supplement A.3).

    Args:
        d_model: D.
    """

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.layers = MLP(2 * d_model, d_model, d_model, 1)

    def forward(self, sentence: Tensor, reconstructed: Tensor) -> Tensor:
        """e and e' [B, D] -> logits [B], positive = the sentence does not match."""
        return self.layers(torch.cat([sentence, reconstructed], dim=-1))[:, 0]


class MeanOfWords(nn.Module):
    """Sentence embedding as the mean of the real words; for text encoders without a trained pooler."""

    def forward(self, words: Tensor, padding: Tensor) -> Tensor:
        """Words [B, L, C], padding bool [B, L], True where padded -> [B, C]."""
        real = ~padding[..., None]
        return words.masked_fill(~real, 0.0).sum(1) / real.sum(1).clamp(min=1)


class FirstToken(nn.Module):
    """RoBERTa's pooler: linear layer and tanh of the start token, the first real one.

    Args:
        hidden: C, width of the text encoder.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.dense = nn.Linear(hidden, hidden)

    def forward(self, words: Tensor, padding: Tensor) -> Tensor:
        """Words [B, L, C], padding bool [B, L], True where padded -> [B, C]."""
        start = (~padding).int().argmax(1)  # [B]
        return self.dense(words[torch.arange(len(words), device=words.device), start]).tanh()
