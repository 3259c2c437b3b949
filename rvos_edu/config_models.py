"""Sizes and parts of the models, as a configuration's section `model` holds them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class TemporalEncoderConfig:
    """Video Swin with a 1x4x4 patch: three stages (MTTR, sections 3.2 and C.1) or all four (R2-VOS)."""

    embed_dim: int = 96
    depths: list[int] = field(default_factory=lambda: [2, 2, 6])
    heads: list[int] = field(default_factory=lambda: [3, 6, 12])
    window: list[int] = field(default_factory=lambda: [8, 7, 7])
    drop_path: float = 0.1


@dataclass
class TextEncoderConfig:
    """RoBERTa; `source` is a hub id, a folder or a shipped name that also holds the tokenizer."""

    source: str = "roberta-base"
    hidden_size: int = 768
    layers: int = 12
    heads: int = 12
    feedforward: int = 3072
    vocab_size: int = 50265
    max_positions: int = 514
    layer_norm_eps: float = 1e-5


@dataclass
class MTTRConfig:
    """Sizes of MTTR; the defaults are those of the paper (section C.4)."""

    temporal_encoder: TemporalEncoderConfig = field(default_factory=TemporalEncoderConfig)
    text_encoder: TextEncoderConfig = field(default_factory=TextEncoderConfig)
    d_model: int = 256
    heads: int = 8
    feedforward: int = 2048
    encoder_layers: int = 3
    decoder_layers: int = 3
    queries: int = 50
    kernel_dim: int = 8
    dropout: float = 0.1


@dataclass
class FrameEncoderConfig:
    """What R2-VOS sees frames with: `kind` "timm" (2-D, by `name`), "video-swin", or "none" (maps come in).

    Args:
        channels: of the maps that come in, strides 4, 8, 16, ..., for `kind` "none" only.
    """

    kind: str = "timm"
    name: str = "resnet50"
    video_swin: TemporalEncoderConfig = field(
        default_factory=lambda: TemporalEncoderConfig(depths=[2, 2, 6, 2], heads=[3, 6, 12, 24])
    )
    channels: list[int] = field(default_factory=list)


@dataclass
class R2VOSConfig:
    """Sizes and parts of R2-VOS; the defaults are those of the supplement (section C), else of the code.

    Args:
        sentence: how words become the embedding e: "mean" or "pooler" (RoBERTa's, for published weights).
        points: samples per head and level of deformable attention.
        extra_levels: maps made by stride-2 convolutions behind the deepest one of the frame encoder.
        grounding: "two-way", or "none" (ablation).
        filters: K, made from the words.
        decoder: "standard" (supplement D) or "deformable" (published code).
        mask_head: "linear" (supplement, figure B) or "conditional" (published code).
        mask_dim: channels of the mask features.
    """

    frame_encoder: FrameEncoderConfig = field(default_factory=FrameEncoderConfig)
    text_encoder: TextEncoderConfig = field(default_factory=TextEncoderConfig)
    sentence: str = "mean"
    d_model: int = 256
    heads: int = 8
    feedforward: int = 2048
    encoder_layers: int = 4
    points: int = 4
    extra_levels: int = 1
    grounding: str = "two-way"
    filters: int = 3
    reconstruction_layers: int = 3
    reconstruction_feedforward: int = 2048
    decoder: str = "standard"
    decoder_layers: int = 3
    queries: int = 5
    mask_head: str = "linear"
    mask_dim: int = 256
    dropout: float = 0.1
