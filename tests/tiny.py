"""A model, a tokenizer and truths small enough for unit tests."""

from __future__ import annotations

from dataclasses import replace

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from rvos_edu.config import (
    FrameEncoderConfig,
    MTTRConfig,
    R2VOSConfig,
    TemporalEncoderConfig,
    TextEncoderConfig,
)
from rvos_edu.models import MTTR, R2VOS
from rvos_edu.structures import Target

WORDS = ["<s>", "<pad>", "</s>", "<unk>", "the", "red", "circle", "square", "moving", "left", "right", "a"]


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """One token per word, <s> and </s> around, RoBERTa's ids for the special ones."""
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
    )


def tiny_config() -> MTTRConfig:
    """Everything of MTTR, as small as it gets."""
    return MTTRConfig(
        temporal_encoder=TemporalEncoderConfig(
            embed_dim=8, depths=[1, 1, 1], heads=[1, 2, 4], window=[2, 3, 3]
        ),
        text_encoder=TextEncoderConfig(
            source="tiny", hidden_size=16, layers=1, heads=2, feedforward=32, vocab_size=12, max_positions=20
        ),
        d_model=64,
        heads=4,
        feedforward=32,
        encoder_layers=1,
        decoder_layers=2,
        queries=5,
    )


def tiny_model(seed: int = 0) -> MTTR:
    """In evaluation mode, with a tokenizer."""
    torch.manual_seed(seed)
    return MTTR(tiny_config(), tokenizer=tiny_tokenizer()).eval()


def tiny_r2vos_config(**changes: object) -> R2VOSConfig:
    """Everything of R2-VOS, as small as it gets; `changes` name other parts."""
    sizes = tiny_config()
    config = R2VOSConfig(
        frame_encoder=FrameEncoderConfig(kind="video-swin", video_swin=sizes.temporal_encoder),
        text_encoder=sizes.text_encoder,
        d_model=32,
        heads=4,
        feedforward=32,
        encoder_layers=1,
        points=2,
        reconstruction_layers=1,
        reconstruction_feedforward=32,
        decoder_layers=2,
        queries=3,
        mask_dim=8,
    )
    return replace(config, **changes)


def tiny_r2vos(seed: int = 0, **changes: object) -> R2VOS:
    """In evaluation mode, with a tokenizer."""
    torch.manual_seed(seed)
    return R2VOS(tiny_r2vos_config(**changes), tokenizer=tiny_tokenizer()).eval()


def square_target(frames: int = 2, height: int = 16, width: int = 24, referred: int = 0) -> Target:
    """Two instances: an upper left and a lower right square; the second is absent from the first frame."""
    masks = torch.zeros(2, frames, height, width, dtype=torch.bool)
    masks[0, :, : height // 2, : width // 2] = True
    masks[1, 1:, height // 2 :, width // 2 :] = True
    return Target(masks, referred)


def perfect_logits(target: Target, queries: int, *, first: int = 0, size: float = 20.0) -> Tensor:
    """Logits [1, A, N, H, W] at full resolution: query `first` + i draws instance i, the others nothing."""
    instances, frames, height, width = target.masks.shape
    logits = torch.full((1, frames, queries, height, width), -size)
    for i in range(instances):
        logits[0, :, first + i] = target.masks[i] * 2 * size - size
    return logits
