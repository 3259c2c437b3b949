"""Every setting of an experiment as dataclasses, read from the YAML presets in `configs/`."""

from __future__ import annotations

from dataclasses import dataclass, field

from rvos_edu.config_models import (
    FrameEncoderConfig,
    MTTRConfig,
    R2VOSConfig,
    TemporalEncoderConfig,
    TextEncoderConfig,
)

__all__ = [
    "EXPERIMENTS",
    "AnyExperiment",
    "AnyModelConfig",
    "DataConfig",
    "ExperimentConfig",
    "FrameEncoderConfig",
    "InferenceConfig",
    "InitConfig",
    "LossConfig",
    "MTTRConfig",
    "OptimizerConfig",
    "PretrainConfig",
    "R2VOSConfig",
    "R2VOSDataConfig",
    "R2VOSExperimentConfig",
    "R2VOSInferenceConfig",
    "R2VOSInitConfig",
    "R2VOSLossConfig",
    "TemporalEncoderConfig",
    "TextEncoderConfig",
    "TrainConfig",
]


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

    Each value is a shipped name, a file or a folder. `frame_encoder`: of a Video Swin; for timm a file in its
    own layout, or "timm": the weights that timm names for the model, which it fetches. `model` starts from a
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
        every_expression: an epoch shows each sentence of each clip once, as both papers count epochs; if not,
            each clip once, with a few of its sentences.
        mask_stride: the truth of training clips is reduced by this factor, losses cost its square less.
        skip_bad: leave out faulty videos and sentences, which are looked for once, instead of stopping there.
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
    every_expression: bool = True
    mask_stride: int = 1
    short_side: int = 360
    max_side: int = 640
    flip: float = 0.5
    skip_bad: bool = False


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

    Args:
        lr_temporal_encoder: of the part that sees frames, R2-VOS's frame encoder too.
        lr_text_encoder: 0: it stays frozen, as both papers have it in the training on videos.
    """

    lr: float = 1e-4
    lr_temporal_encoder: float = 5e-5
    lr_text_encoder: float = 0.0
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
        evaluate_every: steps between looks at the valid split, the last step included; 0: never, None: after
            each epoch.
        freeze_temporal_encoder_steps: the temporal encoder learns nothing before this step on videos; in a
            pre-training on images its rate alone decides.
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
    evaluate_every: int | None = 0
    evaluate_samples: int | None = None
    freeze_temporal_encoder_steps: int = 0


@dataclass
class PretrainConfig:
    """Training on images with sentences before the training on videos (R2-VOS, supplement C).

    What is not here is as in the training on videos, which then starts from the weights that were best on the
    images' split val.

    Args:
        epochs: 0: no pre-training.
        steps: stop after this many optimiser steps, whatever `epochs` says; None: by epochs only.
        images: name of a dataset of images.
        root: its folder.
        batch_size: images per process and step before accumulation.
        evaluate_every, evaluate_samples: as in `train`.
    """

    epochs: int = 0
    steps: int | None = None
    images: str = "refcoco-joint"
    root: str | None = None
    batch_size: int = 1
    evaluate_every: int | None = None
    evaluate_samples: int | None = None
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)


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
    pretrain: PretrainConfig = field(default_factory=PretrainConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    inference: R2VOSInferenceConfig = field(default_factory=R2VOSInferenceConfig)


AnyModelConfig = MTTRConfig | R2VOSConfig
AnyExperiment = ExperimentConfig | R2VOSExperimentConfig
EXPERIMENTS: dict[str, type[AnyExperiment]] = {"mttr": ExperimentConfig, "r2vos": R2VOSExperimentConfig}
