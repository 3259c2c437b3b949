"""What a run starts from: the model with its pretrained parts, and the data."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path

from torch import Tensor
from transformers import PreTrainedTokenizerFast

from rvos_edu.checkpoints import load_kinetics_video_swin, load_timm
from rvos_edu.checkpoints.kinetics import shipped_weights
from rvos_edu.checkpoints.timm_weights import FETCH
from rvos_edu.config import (
    AnyExperiment,
    AnyModelConfig,
    DataConfig,
    ExperimentConfig,
    FrameEncoderConfig,
    R2VOSExperimentConfig,
    TemporalEncoderConfig,
    TextEncoderConfig,
)
from rvos_edu.data import ClipDataset, GroupedClips, layout_of, load, train_transform
from rvos_edu.data.stored_sides import SPLIT, StoredSides, stored_sides
from rvos_edu.errors import CheckpointError, ConfigError, DataError, RVOSError
from rvos_edu.models import MTTR, R2VOS, VideoModel
from rvos_edu.models.pretrained import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    find_model,
    load_weights,
    read_safetensors,
)
from rvos_edu.models.registry import MODELS


def initial_model(config: AnyExperiment, *, start: str | Path | None = None) -> VideoModel:
    """The model that training begins with: its parts from where `config.init` says, the rest random.

    The text encoder is frozen unless it has a learning rate. MTTR: section C.1 and C.4; R2-VOS: supplement,
    section C.

    Args:
        start: a whole model that is read instead of what `config.init` names.

    Raises:
        ConfigError: if a whole model has other sizes than `config.model`, names the keys; or if nothing in
            the model sees frames.
        CheckpointError: if a part is missing, damaged or of other sizes; names the keys.
    """
    if isinstance(config, R2VOSExperimentConfig) and config.model.frame_encoder.kind == "none":
        raise ConfigError("model.frame_encoder.kind must be 'timm' or 'video-swin' to train, got 'none'")
    whole = start or config.init.model
    model = _from_parts(config) if whole is None else _from_model(config, whole)
    model.text_encoder.requires_grad_(config.optimizer.lr_text_encoder > 0)
    return model


def _from_model(config: AnyExperiment, source: str | Path) -> VideoModel:
    trained = MODELS[config.architecture].from_pretrained(source)
    _check_sizes(source, trained.config, config.model)
    model = _build(config, trained.tokenizer)  # with this run's dropout
    load_weights(model, trained.state_dict(), source=source)
    return model


def _from_parts(config: AnyExperiment) -> VideoModel:
    init = config.init
    model = _build(config, find_model(init.text_encoder or config.model.text_encoder.source))
    if init.text_encoder is not None:
        weights = read_roberta(init.text_encoder, config.model.text_encoder)
        load_weights(model.text_encoder.roberta, weights, source=init.text_encoder)
    if isinstance(config, ExperimentConfig):
        _load_video_swin(model, config.init.temporal_encoder, config.model.temporal_encoder)
        return model
    encoder, source = config.model.frame_encoder, config.init.frame_encoder
    _check_kind(encoder, source)
    if encoder.kind == "video-swin":
        _load_video_swin(model, source, encoder.video_swin)
    elif source is not None:
        weights = load_timm(source, name=encoder.name).state_dict()
        load_weights(model.get_submodule(model.vision), weights, source=source)
    return model


def _build(config: AnyExperiment, tokenizer: PreTrainedTokenizerFast | Path | None) -> VideoModel:
    if isinstance(config, ExperimentConfig):
        return MTTR(config.model, tokenizer=tokenizer)
    try:
        return R2VOS(config.model, tokenizer=tokenizer)
    except RVOSError:
        raise
    except ValueError as error:  # what timm alone knows
        raise ConfigError(f"model: {error}") from error


def _check_kind(encoder: FrameEncoderConfig, source: str | None) -> None:
    """Raise a ConfigError where `init.frame_encoder` names weights for the other kind of frame encoder."""
    if encoder.kind == "video-swin" and source == FETCH:
        raise ConfigError(
            f"init.frame_encoder is {FETCH!r}, but model.frame_encoder.kind is 'video-swin': expected a file "
            "of Video Swin's weights, or null to start from random ones"
        )
    if encoder.kind == "timm" and source is not None and source != FETCH and shipped_weights(source):
        raise ConfigError(
            f"init.frame_encoder {source!r} is a Video Swin of this package, but model.frame_encoder.kind is "
            f"'timm': expected {FETCH!r} (fetches the weights of {encoder.name}), a file of them, or null to "
            "start from random ones"
        )


def _load_video_swin(model: VideoModel, source: str | None, sizes: TemporalEncoderConfig) -> None:
    if source is not None:
        encoder = load_kinetics_video_swin(source, window=sizes.window, stages=len(sizes.depths))
        load_weights(model.get_submodule(model.vision), encoder.state_dict(), source=source)


def read_roberta(source: str, sizes: TextEncoderConfig) -> dict[str, Tensor]:
    """Weights of a RoBERTa without pooler and heads, from a folder, a shipped name or a hub id.

    Raises:
        CheckpointError: if it cannot be read, or what the weights cannot tell differs from `sizes`.
    """
    folder = find_model(source)
    weights = read_safetensors(folder / WEIGHTS_FILE)
    saved = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    for key, wanted in (("num_attention_heads", sizes.heads), ("layer_norm_eps", sizes.layer_norm_eps)):
        if saved.get(key) != wanted:
            raise CheckpointError(f"{source}: {key} is {saved.get(key)}, the config says {wanted}")
    unused = re.compile(r"lm_head\.|pooler\.|embeddings\.(position|token_type)_ids")
    bare = {key.removeprefix("roberta."): tensor for key, tensor in weights.items()}
    return {key: tensor for key, tensor in bare.items() if not unused.match(key)}


def training_clips(config: AnyExperiment) -> tuple[GroupedClips, list[int]]:
    """The training split as clips with a few sentences each, and which of its items to use.

    `data.train_videos` keeps the first so many videos by id (Moving Shapes makes no more than these).

    Raises:
        ConfigError: if frames were stored smaller than they are asked for.
    """
    data = config.data
    stored = stored_sides(Path(data.root)) if data.root and data.train_split == SPLIT else None
    if stored is not None and (data.short_side > stored.short_side or data.max_side > stored.max_side):
        raise ConfigError(
            f"data.short_side, data.max_side are {data.short_side}, {data.max_side}, but {data.root} holds "
            f"frames at {stored.short_side}, {stored.max_side}: ask for no more, or give the folder that it "
            "was made from"
        )
    dataset = load_split(data, data.train_split, window=data.window)
    names = sorted({clip.video for clip in dataset.clips})[: data.train_videos]
    kept = set(names)
    grouped = GroupedClips(
        dataset,
        expressions_per_clip=data.expressions_per_clip,
        transform=train_transform(data, stored=stored == StoredSides(data.short_side, data.max_side)),
        seed=config.train.seed,
        every_expression=data.every_expression,
    )
    items = (i for i in range(len(grouped)) if dataset.clips[grouped.clip_of(i)].video in kept)
    return grouped, list(items)


def validation_videos(config: AnyExperiment) -> ClipDataset:
    """The valid split: whole videos, or windows where the dataset annotates single frames.

    Raises:
        DataError: if its masks are not public.
    """
    split = config.data.valid_split
    dataset = load_split(config.data, split)
    if dataset.clips and dataset.load_places(0, [0])[0].target is None:
        raise DataError(
            f"the split {split!r} of {config.data.name} has no masks to evaluate against: choose another "
            "data.valid_split, or set train.evaluate_every to 0"
        )
    return dataset


def load_split(data: DataConfig, split: str, *, window: int | None = None) -> ClipDataset:
    """A split of a configuration's dataset: whole videos, or training windows of `window` frames."""
    if window is None and layout_of(data.name).windowed:
        window = data.window
    return load(
        data.name,
        split=split,
        root=data.root,
        level=data.level,
        seed=data.seed,
        train_videos=data.train_videos,
        window=window,
        skip_bad=data.skip_bad,
    )


def _check_sizes(source: str | Path, found: AnyModelConfig, wanted: AnyModelConfig) -> None:
    """Sizes must agree; where the text encoder came from does not matter, nor do dropout rates."""
    old, new = (_flat(asdict(config)) for config in (found, wanted))
    for sizes in (old, new):
        if name := sizes.get("frame_encoder.name"):
            sizes["frame_encoder.name"] = str(name).split(".")[0]  # a tag of timm names weights
    free = {
        "text_encoder.source",
        "dropout",
        "temporal_encoder.drop_path",
        "frame_encoder.video_swin.drop_path",
    }
    wrong = [f"model.{key} is {new[key]}, there {old[key]}" for key in new if old[key] != new[key]]
    wrong = [text for text in wrong if text.split()[0].removeprefix("model.") not in free]
    if wrong:
        raise ConfigError(f"init.model {str(source)!r} is of another architecture: {'; '.join(wrong)}")


def _flat(tree: dict[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in tree.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat
