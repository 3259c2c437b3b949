"""Checkpoints in the key layout of the published R2-VOS implementation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import PreTrainedTokenizerFast

from rvos_edu.checkpoints.reading import read_state
from rvos_edu.checkpoints.reference_backbone import read_frame_encoder
from rvos_edu.checkpoints.renaming import Renaming, count_below, rename, size_of, text_config
from rvos_edu.config import FrameEncoderConfig, R2VOSConfig
from rvos_edu.errors import CheckpointError
from rvos_edu.models import R2VOS
from rvos_edu.models.pretrained import load_weights

BACKBONE = "backbone.0."
# Buffers of old libraries, and counts of operations, which the published code overlooks, too.
NOT_WEIGHTS = ("position_ids", "total_ops", "total_params")
DECODER = "transformer.decoder."
BOXES = "bbox_embed."  # shared with the decoder, which stores them once more
FEEDFORWARD = {"linear1": "feedforward.expand", "linear2": "feedforward.contract"}
SAMPLES = {
    "sampling_offsets": "offsets",
    "attention_weights": "weights",
    "value_proj": "value",
    "output_proj": "out",
}
TWO_WAY = {
    "v2v_attn": "self_attention",
    "l2v_attn": "pixels_to_words",
    "v2l_attn": "words_to_pixels",
    "proj_l_q": "word_query",
    "proj_v_kv": "pixel_key_value",
    "linear1": "pixel_feedforward.expand",
    "linear2": "pixel_feedforward.contract",
    "linear_v2l_1": "word_feedforward.expand",
    "linear_v2l_2": "word_feedforward.contract",
    "norm1": "self_norm",
    "norm2": "pixel_norms.0",
    "norm3": "pixel_norms.1",
    "norm_v2l_1": "word_norms.0",
    "norm_v2l_2": "word_norms.1",
}


def _mlp(published: str, ours: str) -> Renaming:
    """Layer j of a published MLP is part 2 j of ours, which counts the ReLUs between too."""
    return published + r"\.layers\.(\d+)\.", lambda m: f"{m.expand(ours)}.{2 * int(m[m.re.groups])}."


def _finer(published: str, ours: str) -> tuple[Renaming, ...]:
    """Convolutions with a norm inside, of the maps finer than the grounded one, counted from 1."""
    start = rf"pixel_decoder\.{published}_([1-3])\."
    return (
        (start + r"norm\.", lambda m: f"mask_pyramid.{ours}.{int(m[1]) - 1}.norm."),
        (start, lambda m: f"mask_pyramid.{ours}.{int(m[1]) - 1}.conv."),
    )


def _convolution(published: str, ours: str) -> tuple[Renaming, ...]:
    start = rf"pixel_decoder\.{published}\."
    return (start + r"norm\.", f"{ours}.norm."), (start, f"{ours}.conv.")


def _layers(published: str, ours: str, parts: Mapping[str, str]) -> tuple[Renaming, ...]:
    return tuple((rf"{published}\.layers\.(\d+)\.{a}\.", rf"{ours}.layers.\1.{b}.") for a, b in parts.items())


def _samples(published: str, ours: str) -> dict[str, str]:
    return {rf"{published}\.{theirs}": f"{ours}.{own}" for theirs, own in SAMPLES.items()}


RENAMED: tuple[Renaming, ...] = (
    (r"text_encoder\.pooler\.", "sentence."),
    (r"text_encoder\.", "text_encoder.roberta."),
    (r"resizer\.fc\.", "text_projection.linear."),
    (r"resizer\.layer_norm\.", "text_projection.norm."),
    (r"fusion_module\.multihead_attn\.", "text_fusion.attention."),
    (r"transformer\.level_embed$", "visual_encoder.level_embedding"),
    *_layers(
        r"transformer\.encoder",
        "visual_encoder",
        _samples("self_attn", "attention") | FEEDFORWARD | {"norm1": "norm1", "norm2": "norm2"},
    ),
    *_convolution("adapter_4", "grounding.lateral"),
    *_convolution("layer_4", "grounding.out"),
    *_convolution("dyn_conv", "grounding.filters.before"),
    *_convolution("pool_conv", "grounding.filters.after"),
    (r"pixel_decoder\.dyn_filter\.", "grounding.filters.make."),
    *((rf"pixel_decoder\.cross_attn\.{a}\.", f"grounding.attention.{b}.") for a, b in TWO_WAY.items()),
    *_layers(
        r"pixel_decoder\.text_decoder",
        "reconstruction",
        FEEDFORWARD
        | {"self_attn": "self_attention", "multihead_attn": "cross_attention"}
        | {f"norm{number}": f"norm{number}" for number in (1, 2, 3)},
    ),
    (r"pixel_decoder\.text_decoder\.norm\.", "reconstruction.norm."),
    (r"pixel_decoder\.text_query\.weight$", "reconstruction.query"),
    *_finer("adapter", "laterals"),
    *_finer("layer", "blocks"),
    (r"pixel_decoder\.mask_features\.", "mask_pyramid.out."),
    (r"transformer\.query_mixer\.fc\.", "fused_text.mix.linear."),
    (r"transformer\.query_mixer\.layer_norm\.", "fused_text.mix.norm."),
    _mlp("neg_classifier", "alignment.layers"),
    (r"query_embed\.", "decoder.queries."),
    (r"transformer\.reference_points\.", "decoder.reference_points."),
    *_layers(
        r"transformer\.decoder",
        "decoder",
        # The published layer counts its norms in another order than it runs them.
        _samples("cross_attn", "cross_attention")
        | FEEDFORWARD
        | {"self_attn": "self_attention", "norm1": "norm2", "norm2": "norm1", "norm3": "norm3"},
    ),
    _mlp(r"bbox_embed\.(\d+)", r"decoder.heads.boxes.\1"),
    (r"class_embed\.", "decoder.heads.classes."),
    _mlp("controller", "mask_head.controller"),
)


def load_reference_r2vos(
    path_or_state_dict: str | Path | Mapping[str, Any],
    *,
    heads: int = 8,
    text_heads: int = 12,
    points: int = 4,
    tokenizer: PreTrainedTokenizerFast | str | Path | None = None,
) -> R2VOS:
    """A published R2-VOS checkpoint as our model, in evaluation mode; sizes are read from the weights.

    Without weights of a backbone the model has no frame encoder and takes feature maps (`from_features`).

    Args:
        path_or_state_dict: file or dict, perhaps with `model` around and `module.` before names.
        heads: of all attention but the text encoder's, which shapes cannot tell.
        text_heads: of the text encoder, likewise.
        points: samples per head and level of deformable attention, likewise.
        tokenizer: a tokenizer, or a folder or hub id of one; without it the model takes token ids only.

    Raises:
        CheckpointError: if the file is missing, damaged or unsafe, or keys differ; names them.
    """
    state = read_state(path_or_state_dict, wrappers=("model",))
    state = _without_copies({k: v for k, v in state.items() if not k.endswith(NOT_WEIGHTS)})
    backbone = {k.removeprefix(BACKBONE): v for k, v in state.items() if k.startswith(BACKBONE)}
    rest = {key: value for key, value in state.items() if not key.startswith(BACKBONE)}
    channels = _channels(rest)
    encoder = FrameEncoderConfig(kind="none", channels=channels)
    weights: dict[str, Tensor] = {}
    if backbone:
        encoder, weights = read_frame_encoder(backbone)
    config = _config(rest, encoder, heads=heads, text_heads=text_heads, points=points)
    levels = (r"input_proj\.(\d+)\.", lambda m: _level(int(m[1]), len(channels) - 1))
    weights = {f"frame_encoder.{key}": value for key, value in weights.items()}
    weights |= rename(rest, (*RENAMED, levels))
    model = R2VOS(config, tokenizer=tokenizer)
    named = "the given state dict" if isinstance(path_or_state_dict, Mapping) else path_or_state_dict
    load_weights(model, weights, source=named)
    return model.eval()


def _without_copies(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights without the second copy of the box heads.

    Raises:
        CheckpointError: if it differs from the first.
    """
    copies = {key for key in state if key.startswith(DECODER + BOXES)}
    for key in copies:
        first = state.get(key.removeprefix(DECODER))
        if first is None or not first.equal(state[key]):
            raise CheckpointError(f"{key} must repeat {key.removeprefix(DECODER)}, but differs from it")
    return {key: value for key, value in state.items() if key not in copies}


def _size(state: Mapping[str, Tensor], key: str, axis: int = 0) -> int:
    return size_of(state, key, axis, model="R2-VOS")


def _channels(state: Mapping[str, Tensor]) -> list[int]:
    """Of the frame encoder's maps, strides 4, 8, ...; coarser levels come from 3x3 convolutions."""
    names = [f"input_proj.{i}.0.weight" for i in range(count_below(state, "input_proj."))]
    given = [_size(state, name, 1) for name in names if _size(state, name, 3) == 1]
    return [_size(state, "pixel_decoder.adapter_1.weight", 1), *given]


def _level(index: int, given: int) -> str:
    return f"pyramid.projections.{index}." if index < given else f"pyramid.extra.{index - given}."


def _config(
    state: Mapping[str, Tensor], encoder: FrameEncoderConfig, *, heads: int, text_heads: int, points: int
) -> R2VOSConfig:
    """Sizes from shapes; the parts are those of the published code."""
    width, levels = _size(state, "query_embed.weight", 1), count_below(state, "input_proj.")
    offsets = _size(state, "transformer.decoder.layers.0.cross_attn.sampling_offsets.weight")
    if offsets != heads * levels * points * 2:
        raise CheckpointError(
            f"sampling_offsets has {offsets} rows, but heads={heads}, points={points} and {levels} levels "
            f"make {heads * levels * points * 2}: pass the heads and points that the model was trained with"
        )
    return R2VOSConfig(
        frame_encoder=encoder,
        text_encoder=text_config(state, "text_encoder.", text_heads, model="R2-VOS"),
        sentence="pooler",
        d_model=width,
        heads=heads,
        feedforward=_size(state, "transformer.encoder.layers.0.linear1.weight"),
        encoder_layers=count_below(state, "transformer.encoder.layers."),
        points=points,
        extra_levels=levels + 1 - len(_channels(state)),
        grounding="two-way",
        filters=_size(state, "pixel_decoder.pool_conv.weight", 1) // width,
        reconstruction_layers=count_below(state, "pixel_decoder.text_decoder.layers."),
        reconstruction_feedforward=_size(state, "pixel_decoder.text_decoder.layers.0.linear1.weight"),
        decoder="deformable",
        decoder_layers=count_below(state, "transformer.decoder.layers."),
        queries=_size(state, "query_embed.weight"),
        mask_head="conditional",
        mask_dim=_size(state, "pixel_decoder.mask_features.weight"),
    )
