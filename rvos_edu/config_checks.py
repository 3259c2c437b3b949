"""Which values a configuration may hold: ranges, choices and what must fit together."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rvos_edu.config import (
    DataConfig,
    ExperimentConfig,
    InferenceConfig,
    LossConfig,
    MTTRConfig,
    OptimizerConfig,
    TemporalEncoderConfig,
    TextEncoderConfig,
    TrainConfig,
)
from rvos_edu.errors import ConfigError

PRECISIONS = ("no", "bf16", "fp16")
SCHEDULES = ("step", "cosine")
NORMALISERS = ("paper", "reference")
ORDERS = ("threshold-first", "resize-first")
_STAGES = 3  # MTTR keeps three stages of Video Swin (section 3.2)
_GROUPS = 8  # GroupNorm of the spatial decoder, whose narrowest layer has d_model / 8 channels


def check_values(config: ExperimentConfig) -> None:
    """Check every value of a configuration.

    Raises:
        ConfigError: names the key, the value seen and the values allowed.
    """
    _check_model(config.model)
    _check_data(config.data)
    _check_loss(config.loss)
    _check_optimizer(config.optimizer)
    _check_train(config.train)
    _check_inference(config.inference)


def _check_model(model: MTTRConfig) -> None:
    for name in ("heads", "feedforward", "encoder_layers", "decoder_layers", "queries", "kernel_dim"):
        _at_least(f"model.{name}", getattr(model, name), 1)
    _divisible("model.d_model", model.d_model, 8 * _GROUPS, "the spatial decoder's GroupNorm")
    divides = model.d_model % model.heads == 0
    _require(divides, "model.heads", model.heads, f"a divisor of model.d_model = {model.d_model}")
    _between("model.dropout", model.dropout, 0.0, 1.0)
    _check_temporal_encoder(model.temporal_encoder)
    _check_text_encoder(model.text_encoder)


def _check_temporal_encoder(encoder: TemporalEncoderConfig) -> None:
    key = "model.temporal_encoder"
    _at_least(f"{key}.embed_dim", encoder.embed_dim, 1)
    for name in ("depths", "heads", "window"):
        values = getattr(encoder, name)
        _require(len(values) == _STAGES, f"{key}.{name}", values, f"a list of {_STAGES} numbers")
        for value in values:
            _at_least(f"{key}.{name}", value, 1)
    for stage, heads in enumerate(encoder.heads):
        width = encoder.embed_dim * 2**stage
        fits = f"divisors of the stage widths (stage {stage + 1}: {width})"
        _require(width % heads == 0, f"{key}.heads", encoder.heads, fits)
    _between(f"{key}.drop_path", encoder.drop_path, 0.0, 1.0)


def _check_text_encoder(encoder: TextEncoderConfig) -> None:
    key = "model.text_encoder"
    for name in ("hidden_size", "layers", "heads", "feedforward", "vocab_size"):
        _at_least(f"{key}.{name}", getattr(encoder, name), 1)
    _at_least(f"{key}.max_positions", encoder.max_positions, 4)  # two are reserved, <s> and </s> need two
    _divisible(f"{key}.hidden_size", encoder.hidden_size, encoder.heads, f"{key}.heads")
    _positive(f"{key}.layer_norm_eps", encoder.layer_norm_eps)


def _check_data(data: DataConfig) -> None:
    for name in ("window", "expressions_per_clip", "mask_stride", "short_side"):
        _at_least(f"data.{name}", getattr(data, name), 1)
    _at_least("data.seed", data.seed, 0)
    _at_least("data.max_side", data.max_side, data.short_side, " (data.short_side)")
    if data.train_videos is not None:
        _at_least("data.train_videos", data.train_videos, 1)
    if data.annotated_frames is not None:
        _at_least("data.annotated_frames", data.annotated_frames, 1)
        fits = data.annotated_frames <= data.window
        _require(fits, "data.annotated_frames", data.annotated_frames, f"at most data.window = {data.window}")
    _between("data.flip", data.flip, 0.0, 1.0)


def _check_loss(loss: LossConfig) -> None:
    for name in ("dice", "focal", "reference", "not_referred"):
        _not_negative(f"loss.{name}", getattr(loss, name))
    _one_of("loss.normalise", loss.normalise, NORMALISERS)


def _check_optimizer(optimizer: OptimizerConfig) -> None:
    for name in ("lr", "clip_norm", "factor"):
        _positive(f"optimizer.{name}", getattr(optimizer, name))
    for name in ("lr_temporal_encoder", "weight_decay"):
        _not_negative(f"optimizer.{name}", getattr(optimizer, name))
    _one_of("optimizer.schedule", optimizer.schedule, SCHEDULES)
    _at_least("optimizer.warmup_steps", optimizer.warmup_steps, 0)
    milestones = optimizer.milestones
    rising = all(a < b for a, b in zip([0, *milestones], milestones, strict=False))
    _require(rising, "optimizer.milestones", milestones, "rising epochs, the first at least 1")


def _check_train(train: TrainConfig) -> None:
    for name in ("epochs", "batch_size", "accumulate", "log_every", "checkpoint_every"):
        _at_least(f"train.{name}", getattr(train, name), 1)
    for name in ("steps", "evaluate_samples"):
        if getattr(train, name) is not None:
            _at_least(f"train.{name}", getattr(train, name), 1)
    for name in ("workers", "seed", "evaluate_every", "freeze_temporal_encoder_steps"):
        _at_least(f"train.{name}", getattr(train, name), 0)
    _one_of("train.precision", train.precision, PRECISIONS)


def _check_inference(inference: InferenceConfig) -> None:
    _at_least("inference.max_frames", inference.max_frames, 1)
    _at_least("inference.overlap", inference.overlap, 0)
    shorter = inference.overlap < inference.max_frames
    limit = f"less than inference.max_frames = {inference.max_frames}"
    _require(shorter, "inference.overlap", inference.overlap, limit)
    _one_of("inference.order", inference.order, ORDERS)


def _require(condition: bool, key: str, value: object, expected: str) -> None:
    if not condition:
        raise ConfigError(f"{key} must be {expected}, got {value!r}")


def _at_least(key: str, value: int, minimum: int, why: str = "") -> None:
    _require(value >= minimum, key, value, f"at least {minimum}{why}")


def _positive(key: str, value: float) -> None:
    _require(math.isfinite(value) and value > 0, key, value, "a finite number above 0")


def _not_negative(key: str, value: float) -> None:
    _require(math.isfinite(value) and value >= 0, key, value, "a finite number, 0 or more")


def _between(key: str, value: float, low: float, high: float) -> None:
    _require(low <= value <= high, key, value, f"between {low:g} and {high:g}")


def _divisible(key: str, value: int, divisor: int, why: str) -> None:
    _require(value >= 1 and value % divisor == 0, key, value, f"a multiple of {divisor} ({why})")


def _one_of(key: str, value: str, allowed: Sequence[str]) -> None:
    _require(value in allowed, key, value, " or ".join(map(repr, allowed)))
