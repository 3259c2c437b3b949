"""Who looks at whom in a trained model: object queries, words, pixels of every frame (MTTR, section C.2)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from rvos_edu.config import ExperimentConfig
from rvos_edu.data import collate, eval_transform
from rvos_edu.models import MTTR
from rvos_edu.structures import VideoSample
from rvos_edu.voting import reference_probabilities


@dataclass(frozen=True)
class QueryAttention:
    """Attention of one reader (object query, word or pixel); pixels and words sum to 1 per frame.

    Args:
        pixels: float32 [A, h', w'], the stride-16 map.
        words: float32 [A, L].
        tokens: the L tokens, start and end included.
    """

    pixels: np.ndarray
    words: np.ndarray
    tokens: list[str]


@dataclass(frozen=True)
class AttentionRecord:
    """Every attention weight of one clip and one sentence: run the model once, then look again and again.

    S = h'w' + L tokens: pixels row by row, then words. Layers count from 0, or from -1 backwards; `head` is
    a number, or None for the mean over heads. Holds 4 * A * heads * S * (layers * S + Z * N) bytes.

    Args:
        frames: uint8 [A, H, W, 3], as stored.
        expression: the sentence.
        tokens: its L tokens, start and end included.
        grid: (h', w') of the stride-16 map.
        encoder: float32 [layers, A, heads, S, S].
        decoder: float32 [Z, A, heads, N, S].
        probabilities: float32 [N, A], probability of "referred".
    """

    frames: np.ndarray
    expression: str
    tokens: list[str]
    grid: tuple[int, int]
    encoder: np.ndarray
    decoder: np.ndarray
    probabilities: np.ndarray

    @property
    def voted(self) -> int:
        """The query that all frames choose together."""
        return int(self.probabilities.sum(1).argmax())

    def query(self, query: int, *, layer: int = -1, head: int | None = None) -> QueryAttention:
        """What an object query reads in a decoder layer.

        Raises:
            ValueError: if there is no such query, layer or head.
        """
        return self._split(_of_head(self.decoder, layer, head)[:, _index("query", query, self.decoder, 3)])

    def word(self, word: int, *, layer: int = -1, head: int | None = None) -> QueryAttention:
        """What a word, given by its place in `tokens`, reads in an encoder layer.

        Raises:
            ValueError: if there is no such word, layer or head.
        """
        return self._split(_of_head(self.encoder, layer, head)[:, self._word(word)])

    def pixel(self, row: int, column: int, *, layer: int = -1, head: int | None = None) -> QueryAttention:
        """What a cell of the stride-16 map reads in an encoder layer.

        Raises:
            ValueError: if there is no such cell, layer or head.
        """
        height, width = self.grid
        if not (0 <= row < height and 0 <= column < width):
            raise ValueError(
                f"row and column must be in 0..{height - 1} and 0..{width - 1}, got {row}, {column}"
            )
        return self._split(_of_head(self.encoder, layer, head)[:, row * width + column])

    def readers(self, word: int, *, layer: int = -1, head: int | None = None) -> QueryAttention:
        """How much every pixel and every word reads of one word in an encoder layer; no sum of 1 here.

        Raises:
            ValueError: if there is no such word, layer or head.
        """
        return self._split(_of_head(self.encoder, layer, head)[:, :, self._word(word)])

    def _word(self, word: int) -> int:
        """Place of a word in the sequence."""
        if not 0 <= word < len(self.tokens):
            raise ValueError(f"word must be in 0..{len(self.tokens) - 1}, got {word}")
        return self.grid[0] * self.grid[1] + word

    def _split(self, weights: np.ndarray) -> QueryAttention:
        """[A, S] into pixels and words."""
        cells = self.grid[0] * self.grid[1]
        return QueryAttention(
            weights[:, :cells].reshape(-1, *self.grid), weights[:, cells:], list(self.tokens)
        )


@torch.inference_mode()
def attention_record(model: MTTR, sample: VideoSample, *, config: ExperimentConfig) -> AttentionRecord:
    """Run the model on one stored clip (frames uint8) and keep all attention weights.

    Raises:
        CheckpointError: if the model has no tokenizer.
    """
    shown = eval_transform(config.data)(replace(sample, target=None))
    words = model.text_encoder.tokenize([sample.expression])
    batch = collate([shown]).to(next(model.parameters()).device)
    out = model(batch.frames, words, annotated=batch.annotated, return_attention=True)
    assert out.attention is not None and model.tokenizer is not None
    return AttentionRecord(
        frames=sample.frames[list(sample.annotated)].permute(0, 2, 3, 1).numpy(),
        expression=sample.expression,
        tokens=list(model.tokenizer.convert_ids_to_tokens(words["input_ids"][0].tolist())),
        grid=out.attention.grid,
        encoder=out.attention.encoder[:, 0].float().cpu().numpy(),
        decoder=out.attention.decoder[:, 0].float().cpu().numpy(),
        probabilities=reference_probabilities(out.reference_logits[-1, 0]).T.cpu().numpy(),
    )


def query_attention(
    model: MTTR, sample: VideoSample, query: int, *, config: ExperimentConfig
) -> QueryAttention:
    """Run the model on one stored clip and return what `query` reads in the last layer, mean over heads.

    Raises:
        CheckpointError: if the model has no tokenizer.
        ValueError: if there is no such query.
    """
    return attention_record(model, sample, config=config).query(query)


def _index(name: str, index: int, weights: np.ndarray, axis: int) -> int:
    if not 0 <= index < weights.shape[axis]:
        raise ValueError(f"{name} must be in 0..{weights.shape[axis] - 1}, got {index}")
    return index


def _of_head(weights: np.ndarray, layer: int, head: int | None) -> np.ndarray:
    """[layers, A, heads, R, S] to [A, R, S] of one layer and one head, or of the mean over heads."""
    count = len(weights)
    if not -count <= layer < count:
        raise ValueError(f"layer must be in {-count}..{count - 1}, got {layer}")
    if head is None:
        return weights[layer].mean(1)
    return weights[layer][:, _index("head", head, weights, 2)]
