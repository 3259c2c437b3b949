"""Where an object query of a trained model looks: pixels of every frame, and words (MTTR, section C.2)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from rvos_edu.config import ExperimentConfig
from rvos_edu.data import collate, eval_transform
from rvos_edu.models import MTTR
from rvos_edu.structures import VideoSample


@dataclass(frozen=True)
class QueryAttention:
    """Attention of one query in the last decoder layer, mean over heads; pixels and words sum to 1 per frame.

    Args:
        pixels: float32 [A, h', w'], the stride-16 map.
        words: float32 [A, L].
        tokens: the L tokens, start and end included.
    """

    pixels: np.ndarray
    words: np.ndarray
    tokens: list[str]


@torch.inference_mode()
def query_attention(
    model: MTTR, sample: VideoSample, query: int, *, config: ExperimentConfig
) -> QueryAttention:
    """Run the model on one stored clip and return what `query` attends to.

    Raises:
        ValueError: if there is no such query, or the model has no tokenizer.
    """
    if not 0 <= query < model.config.queries:
        raise ValueError(f"query must be in 0..{model.config.queries - 1}, got {query}")
    shown = eval_transform(config.data)(replace(sample, target=None))
    tokens = model.text_encoder.tokenize([sample.expression])
    batch = collate([shown]).to(next(model.parameters()).device)
    out = model(batch.frames, tokens, annotated=batch.annotated, return_attention=True)
    assert out.attention is not None and model.tokenizer is not None
    weights = out.attention.decoder[-1, 0, :, :, query].mean(1).float().cpu()  # [A, S]
    height, width = out.attention.grid
    return QueryAttention(
        pixels=weights[:, : height * width].unflatten(1, (height, width)).numpy(),
        words=weights[:, height * width :].numpy(),
        tokens=list(model.tokenizer.convert_ids_to_tokens(tokens["input_ids"][0].tolist())),
    )
