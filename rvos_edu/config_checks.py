"""Which values a configuration may hold: ranges, choices and what must fit together."""

from __future__ import annotations

from rvos_edu.config import (
    AnyExperiment,
    DataConfig,
    ExperimentConfig,
    FrameEncoderConfig,
    InferenceConfig,
    LossConfig,
    MTTRConfig,
    OptimizerConfig,
    PretrainConfig,
    R2VOSConfig,
    R2VOSLossConfig,
    TemporalEncoderConfig,
    TextEncoderConfig,
    TrainConfig,
)
from rvos_edu.config_rules import at_least, between, divisible, not_negative, one_of, positive, require

PRECISIONS = ("no", "bf16", "fp16")
SCHEDULES = ("step", "cosine")
NORMALISERS = ("paper", "reference")
ORDERS = ("threshold-first", "resize-first")
FRAME_ENCODERS = ("timm", "video-swin", "none")
SENTENCES = ("mean", "pooler")
GROUNDINGS = ("two-way", "none")
DECODERS = ("standard", "deformable")
MASK_HEADS = ("linear", "conditional")
RELATIONS = ("relational", "point-wise", "none")
_STAGES = 3  # MTTR keeps three stages of Video Swin (section 3.2)
NORM_GROUPS = 32  # GroupNorm of R2-VOS's projections
_GROUPS = 8  # GroupNorm of the spatial decoder, whose narrowest layer has d_model / 8 channels


def check_values(config: AnyExperiment) -> None:
    """Check every value of a configuration.

    Raises:
        ConfigError: names the key, the value seen and the values allowed.
    """
    if isinstance(config, ExperimentConfig):
        one_of("architecture", config.architecture, ("mttr",))
        _check_model(config.model)
        _check_loss(config.loss)
    else:
        one_of("architecture", config.architecture, ("r2vos",))
        _check_r2vos(config.model)
        _check_r2vos_loss(config.loss)
        if config.data.negatives_per_clip is not None:
            at_least("data.negatives_per_clip", config.data.negatives_per_clip, 0)
        between("inference.align_threshold", config.inference.align_threshold, 0.0, 1.0)
        source = config.init.frame_encoder
        there = source is None or config.model.frame_encoder.kind != "none"
        require(there, "init.frame_encoder", source, "null: model.frame_encoder.kind is 'none'")
        _check_pretrain(config.pretrain)
    _check_data(config.data)
    _check_optimizer("optimizer", config.optimizer)
    _check_train(config.train)
    _check_inference(config.inference)


def _check_model(model: MTTRConfig) -> None:
    for name in ("heads", "feedforward", "encoder_layers", "decoder_layers", "queries", "kernel_dim"):
        at_least(f"model.{name}", getattr(model, name), 1)
    divisible("model.d_model", model.d_model, 8 * _GROUPS, "the spatial decoder's GroupNorm")
    divides = model.d_model % model.heads == 0
    require(divides, "model.heads", model.heads, f"a divisor of model.d_model = {model.d_model}")
    between("model.dropout", model.dropout, 0.0, 1.0)
    _check_video_swin("model.temporal_encoder", model.temporal_encoder, stages=(_STAGES,))
    _check_text_encoder(model.text_encoder)


def _check_r2vos(model: R2VOSConfig) -> None:
    counts = ("heads", "feedforward", "encoder_layers", "points", "filters", "reconstruction_layers")
    for name in (*counts, "reconstruction_feedforward", "decoder_layers", "queries", "mask_dim"):
        at_least(f"model.{name}", getattr(model, name), 1)
    at_least("model.extra_levels", model.extra_levels, 0)
    divisible("model.d_model", model.d_model, NORM_GROUPS, "GroupNorm of the feature maps")
    divides = model.d_model % model.heads == 0
    require(divides, "model.heads", model.heads, f"a divisor of model.d_model = {model.d_model}")
    between("model.dropout", model.dropout, 0.0, 1.0)
    for name, allowed in (
        ("sentence", SENTENCES),
        ("grounding", GROUNDINGS),
        ("decoder", DECODERS),
        ("mask_head", MASK_HEADS),
    ):
        one_of(f"model.{name}", getattr(model, name), allowed)
    _check_frame_encoder(model.frame_encoder)
    _check_text_encoder(model.text_encoder)


def _check_frame_encoder(encoder: FrameEncoderConfig) -> None:
    key = "model.frame_encoder"
    one_of(f"{key}.kind", encoder.kind, FRAME_ENCODERS)
    if encoder.kind == "video-swin":
        _check_video_swin(f"{key}.video_swin", encoder.video_swin, stages=(_STAGES, _STAGES + 1))
    maps = encoder.channels
    if encoder.kind == "none":
        good = len(maps) >= 2 and min(maps) >= 1
        require(good, f"{key}.channels", maps, "the channels of at least two maps, strides 4, 8, ...")
    else:
        require(not maps, f"{key}.channels", maps, f"empty: {encoder.kind} tells its own")


def _check_video_swin(key: str, encoder: TemporalEncoderConfig, *, stages: tuple[int, ...]) -> None:
    at_least(f"{key}.embed_dim", encoder.embed_dim, 1)
    counts = " or ".join(map(str, stages))
    require(len(encoder.depths) in stages, f"{key}.depths", encoder.depths, f"a list of {counts} numbers")
    for name, length in (("depths", len(encoder.depths)), ("heads", len(encoder.depths)), ("window", 3)):
        values = getattr(encoder, name)
        require(len(values) == length, f"{key}.{name}", values, f"a list of {length} numbers")
        for value in values:
            at_least(f"{key}.{name}", value, 1)
    for stage, heads in enumerate(encoder.heads):
        width = encoder.embed_dim * 2**stage
        fits = f"divisors of the stage widths (stage {stage + 1}: {width})"
        require(width % heads == 0, f"{key}.heads", encoder.heads, fits)
    between(f"{key}.drop_path", encoder.drop_path, 0.0, 1.0)


def _check_text_encoder(encoder: TextEncoderConfig) -> None:
    key = "model.text_encoder"
    for name in ("hidden_size", "layers", "heads", "feedforward", "vocab_size"):
        at_least(f"{key}.{name}", getattr(encoder, name), 1)
    at_least(f"{key}.max_positions", encoder.max_positions, 4)  # two are reserved, <s> and </s> need two
    divisible(f"{key}.hidden_size", encoder.hidden_size, encoder.heads, f"{key}.heads")
    positive(f"{key}.layer_norm_eps", encoder.layer_norm_eps)


def _check_data(data: DataConfig) -> None:
    for name in ("window", "expressions_per_clip", "mask_stride", "short_side"):
        at_least(f"data.{name}", getattr(data, name), 1)
    at_least("data.seed", data.seed, 0)
    at_least("data.max_side", data.max_side, data.short_side, " (data.short_side)")
    if data.train_videos is not None:
        at_least("data.train_videos", data.train_videos, 1)
    if data.annotated_frames is not None:
        at_least("data.annotated_frames", data.annotated_frames, 1)
        fits = data.annotated_frames <= data.window
        require(fits, "data.annotated_frames", data.annotated_frames, f"at most data.window = {data.window}")
    between("data.flip", data.flip, 0.0, 1.0)


def _check_loss(loss: LossConfig) -> None:
    for name in ("dice", "focal", "reference", "not_referred"):
        not_negative(f"loss.{name}", getattr(loss, name))
    one_of("loss.normalise", loss.normalise, NORMALISERS)


def _check_r2vos_loss(loss: R2VOSLossConfig) -> None:
    for name in ("text", "cls", "mask", "align", "angle", "l1", "giou", "dice", "focal"):
        not_negative(f"loss.{name}", getattr(loss, name))
    one_of("loss.relation", loss.relation, RELATIONS)
    one_of("loss.normalise", loss.normalise, NORMALISERS)


def _check_optimizer(key: str, optimizer: OptimizerConfig) -> None:
    for name in ("lr", "clip_norm", "factor"):
        positive(f"{key}.{name}", getattr(optimizer, name))
    for name in ("lr_temporal_encoder", "lr_text_encoder", "weight_decay"):
        not_negative(f"{key}.{name}", getattr(optimizer, name))
    one_of(f"{key}.schedule", optimizer.schedule, SCHEDULES)
    at_least(f"{key}.warmup_steps", optimizer.warmup_steps, 0)
    milestones = optimizer.milestones
    rising = all(a < b for a, b in zip([0, *milestones], milestones, strict=False))
    require(rising, f"{key}.milestones", milestones, "rising epochs, the first at least 1")


def _check_train(train: TrainConfig) -> None:
    for name in ("epochs", "batch_size", "accumulate", "log_every", "checkpoint_every"):
        at_least(f"train.{name}", getattr(train, name), 1)
    for name, minimum in (("steps", 1), ("evaluate_samples", 1), ("evaluate_every", 0)):
        if getattr(train, name) is not None:
            at_least(f"train.{name}", getattr(train, name), minimum)
    for name in ("workers", "seed", "freeze_temporal_encoder_steps"):
        at_least(f"train.{name}", getattr(train, name), 0)
    one_of("train.precision", train.precision, PRECISIONS)


def _check_pretrain(pretrain: PretrainConfig) -> None:
    at_least("pretrain.epochs", pretrain.epochs, 0)
    at_least("pretrain.batch_size", pretrain.batch_size, 1)
    for name in ("steps", "evaluate_every", "evaluate_samples"):
        if getattr(pretrain, name) is not None:
            at_least(f"pretrain.{name}", getattr(pretrain, name), 1)
    _check_optimizer("pretrain.optimizer", pretrain.optimizer)


def _check_inference(inference: InferenceConfig) -> None:
    at_least("inference.max_frames", inference.max_frames, 1)
    at_least("inference.overlap", inference.overlap, 0)
    shorter = inference.overlap < inference.max_frames
    limit = f"less than inference.max_frames = {inference.max_frames}"
    require(shorter, "inference.overlap", inference.overlap, limit)
    one_of("inference.order", inference.order, ORDERS)
