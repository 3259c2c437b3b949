"""Every setting of an experiment as dataclasses, read from the YAML presets in `configs/`."""

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


@dataclass
class InitConfig:
    """Pretrained parts that training starts from; None starts from random weights.

    Each value is a shipped name, a file or a folder. `model` starts from a whole model.
    """

    temporal_encoder: str | None = None
    text_encoder: str | None = None
    model: str | None = None


@dataclass
class R2VOSInitConfig:
    """Pretrained parts that training starts from; None starts from random weights.

    Each value is a shipped name, a file or a folder; `frame_encoder` of a Video Swin. `model` starts from a
    whole model.
    """

    frame_encoder: str | None = None
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
class R2VOSDataConfig(DataConfig):
    """Also: how many sentences of other videos each clip is shown as wrong.

    Args:
        negatives_per_clip: 0: none (ablation); None: as many as it has true ones.
    """

    negatives_per_clip: int | None = None


@dataclass
class LossConfig:
    """Weights of MTTR's matching cost and losses (sections 3.5, 3.6, C.4)."""

    dice: float = 5.0
    focal: float = 2.0
    reference: float = 2.0
    not_referred: float = 0.1
    normalise: str = "paper"


@dataclass
class R2VOSLossConfig:
    """Weights of R2-VOS's losses (supplement, section C); `mask` multiplies `dice` and `focal`.

    Args:
        relation: how the cycle is closed: "relational", "point-wise" (ablation) or "none" (ablation).
    """

    text: float = 0.1
    cls: float = 2.0
    mask: float = 2.0
    align: float = 1.0
    angle: float = 10.0
    l1: float = 5.0
    giou: float = 2.0
    dice: float = 2.0
    focal: float = 5.0
    relation: str = "relational"
    normalise: str = "paper"


@dataclass
class OptimizerConfig:
    """AdamW and its schedule (section C.4). Milestones are epochs; the cosine schedule ends at zero.

    `lr_temporal_encoder` is that of the part that sees frames, R2-VOS's frame encoder too.
    """

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
class R2VOSInferenceConfig(InferenceConfig):
    """Also: whether videos that a sentence does not fit stay empty, 1(A), and from which probability on."""

    align_filter: bool = True
    align_threshold: float = 0.5


@dataclass
class ExperimentConfig:
    """One preset of MTTR: all that `rvos-edu train`, `evaluate` and `segment` read."""

    architecture: str = "mttr"
    name: str = "custom"
    model: MTTRConfig = field(default_factory=MTTRConfig)
    init: InitConfig = field(default_factory=InitConfig)
    data: DataConfig = field(default_factory=DataConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    inference: InferenceConfig = field(default_factory=InferenceConfig)


@dataclass
class R2VOSExperimentConfig:
    """One preset of R2-VOS; chosen by `architecture: r2vos`."""

    architecture: str = "r2vos"
    name: str = "custom"
    model: R2VOSConfig = field(default_factory=R2VOSConfig)
    init: R2VOSInitConfig = field(default_factory=R2VOSInitConfig)
    data: R2VOSDataConfig = field(default_factory=R2VOSDataConfig)
    loss: R2VOSLossConfig = field(default_factory=R2VOSLossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    inference: R2VOSInferenceConfig = field(default_factory=R2VOSInferenceConfig)


AnyModelConfig = MTTRConfig | R2VOSConfig
AnyExperiment = ExperimentConfig | R2VOSExperimentConfig
EXPERIMENTS: dict[str, type[AnyExperiment]] = {"mttr": ExperimentConfig, "r2vos": R2VOSExperimentConfig}
