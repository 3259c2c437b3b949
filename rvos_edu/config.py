"""Every setting of an experiment as dataclasses, read from the YAML presets in `configs/`."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class TemporalEncoderConfig:
    """Video Swin with a 1x4x4 patch, three stages (MTTR, sections 3.2 and C.1)."""

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
class InitConfig:
    """Pretrained parts that training starts from; None starts from random weights.

    Each value is a shipped name, a file or a folder. `model` starts from a whole model.
    """

    temporal_encoder: str | None = None
    text_encoder: str | None = None
    model: str | None = None


@dataclass
class DataConfig:
    """Which clips are seen, and how they are cut and resized.

    Args:
        train_videos: keep only so many training videos (Moving Shapes: make so many).
        annotated_frames: random subset of a clip's annotated frames per training step; None: all.
        expressions_per_clip: sentences per clip and training step; they share the temporal encoder's work.
        mask_stride: the truth of training clips is reduced by this factor, losses cost its square less.
    """

    name: str = "refer-youtube-vos"
    root: str | None = None
    level: str = "full"
    seed: int = 0
    train_videos: int | None = None
    train_split: str = "train"
    valid_split: str = "valid"
    window: int = 12
    annotated_frames: int | None = None
    expressions_per_clip: int = 1
    mask_stride: int = 1
    short_side: int = 360
    max_side: int = 640
    flip: float = 0.5


@dataclass
class LossConfig:
    """Weights of MTTR's matching cost and losses (sections 3.5, 3.6, C.4)."""

    dice: float = 5.0
    focal: float = 2.0
    reference: float = 2.0
    not_referred: float = 0.1
    normalise: str = "paper"


@dataclass
class OptimizerConfig:
    """AdamW and its schedule (section C.4). Milestones are epochs; the cosine schedule ends at zero."""

    lr: float = 1e-4
    lr_temporal_encoder: float = 5e-5
    weight_decay: float = 1e-4
    clip_norm: float = 0.1
    schedule: str = "step"
    milestones: list[int] = field(default_factory=lambda: [20])
    factor: float = 0.4
    warmup_steps: int = 0


@dataclass
class TrainConfig:
    """Length, batches, precision and bookkeeping of a training run.

    Args:
        steps: stop after this many optimiser steps, whatever `epochs` says; None: by epochs only.
        batch_size: clips per process and step before accumulation.
        freeze_temporal_encoder_steps: the temporal encoder learns nothing before this step.
    """

    epochs: int = 30
    steps: int | None = None
    batch_size: int = 1
    accumulate: int = 1
    precision: str = "no"
    workers: int = 4
    seed: int = 42
    log_every: int = 10
    checkpoint_every: int = 500
    evaluate_every: int = 0
    evaluate_samples: int | None = None
    freeze_temporal_encoder_steps: int = 0


@dataclass
class InferenceConfig:
    """How whole videos are segmented: the longest single window, and the overlap of longer ones."""

    max_frames: int = 36
    overlap: int = 4
    voting: bool = True
    order: str = "threshold-first"


@dataclass
class ExperimentConfig:
    """One preset: all that `rvos-edu train`, `evaluate` and `segment` read."""

    name: str = "custom"
    model: MTTRConfig = field(default_factory=MTTRConfig)
    init: InitConfig = field(default_factory=InitConfig)
    data: DataConfig = field(default_factory=DataConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    inference: InferenceConfig = field(default_factory=InferenceConfig)
