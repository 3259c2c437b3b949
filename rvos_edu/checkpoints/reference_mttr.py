"""Checkpoints in the key layout of the published MTTR implementation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import PreTrainedTokenizerFast

from rvos_edu.checkpoints.reading import read_state
from rvos_edu.checkpoints.renaming import Renaming, count_below, rename, size_of, text_config
from rvos_edu.checkpoints.video_swin import INDEX, read_config, to_torchvision
from rvos_edu.config import MTTRConfig
from rvos_edu.models import MTTR
from rvos_edu.models.pretrained import load_weights

BACKBONE = "backbone."
RENAMED: tuple[Renaming, ...] = (
    (r"transformer\.text_encoder\.", "text_encoder.roberta."),
    (r"transformer\.txt_proj\.fc\.", "text_projection.linear."),
    (r"transformer\.txt_proj\.layer_norm\.", "text_projection.norm."),
    (r"transformer\.decoder\.norm\.", "transformer.norm."),
    (r"transformer\.encoder\.layers\.(\d+)\.self_attn\.", r"transformer.encoder.\1.attention."),
    (r"transformer\.decoder\.layers\.(\d+)\.self_attn\.", r"transformer.decoder.\1.self_attention."),
    (r"transformer\.decoder\.layers\.(\d+)\.multihead_attn\.", r"transformer.decoder.\1.cross_attention."),
    (r"transformer\.(encoder|decoder)\.layers\.(\d+)\.linear1\.", r"transformer.\1.\2.feedforward.expand."),
    (r"transformer\.(encoder|decoder)\.layers\.(\d+)\.linear2\.", r"transformer.\1.\2.feedforward.contract."),
    (r"transformer\.(encoder|decoder)\.layers\.", r"transformer.\1."),
    (r"is_referred_head\.", "reference_head."),
    (r"instance_kernels_head\.layers\.0\.", "mask_head.hidden."),
    (r"instance_kernels_head\.layers\.1\.", "mask_head.out."),
    (r"obj_queries\.", "queries."),
    (r"vid_embed_proj\.", "pixel_projection."),
    (r"spatial_decoder\.lay1\.", "spatial_decoder.block16.0.0."),
    (r"spatial_decoder\.gn1\.", "spatial_decoder.block16.0.1."),
    (r"spatial_decoder\.lay2\.", "spatial_decoder.block16.1.0."),
    (r"spatial_decoder\.gn2\.", "spatial_decoder.block16.1.1."),
    (r"spatial_decoder\.adapter1\.", "spatial_decoder.lateral8."),
    (r"spatial_decoder\.lay3\.", "spatial_decoder.block8.0."),
    (r"spatial_decoder\.gn3\.", "spatial_decoder.block8.1."),
    (r"spatial_decoder\.adapter2\.", "spatial_decoder.lateral4."),
    (r"spatial_decoder\.lay4\.", "spatial_decoder.block4.0."),
    (r"spatial_decoder\.gn4\.", "spatial_decoder.block4.1."),
    (r"spatial_decoder\.out_lay\.", "spatial_decoder.out."),
)


def load_reference_mttr(
    path_or_state_dict: str | Path | Mapping[str, Any],
    *,
    heads: int = 8,
    text_heads: int = 12,
    tokenizer: PreTrainedTokenizerFast | str | Path | None = None,
    window: Sequence[int] | None = None,
) -> MTTR:
    """A published MTTR checkpoint as our model, in evaluation mode; sizes are read from the weights.

    Args:
        path_or_state_dict: file or dict, perhaps with `model_state_dict` around and `module.` before names.
        heads: of the multimodal transformer, which shapes cannot tell.
        text_heads: of the text encoder, likewise.
        tokenizer: a tokenizer, or a folder or hub id of one; without it the model takes token ids only.
        window: of the temporal encoder, only where the weights cannot tell.

    Raises:
        CheckpointError: if the file is missing, damaged or unsafe, or keys differ; names them.
    """
    state = read_state(path_or_state_dict, wrappers=("model_state_dict",))
    state = {key: value for key, value in state.items() if not key.endswith("position_ids")}
    swin = to_torchvision({k.removeprefix(BACKBONE): v for k, v in state.items() if k.startswith(BACKBONE)})
    rest = {k: v for k, v in state.items() if not k.startswith(BACKBONE)}
    config = _config(swin, rest, heads, text_heads, window)
    model = MTTR(config, tokenizer=tokenizer)
    weights = {f"temporal_encoder.{k}": v for k, v in swin.items() if not k.endswith(INDEX)}
    weights |= rename(rest, RENAMED)
    named = "the given state dict" if isinstance(path_or_state_dict, Mapping) else path_or_state_dict
    load_weights(model, weights, source=named)
    return model.eval()


def _config(
    swin: Mapping[str, Tensor],
    rest: Mapping[str, Tensor],
    heads: int,
    text_heads: int,
    window: Sequence[int] | None,
) -> MTTRConfig:
    """Sizes from shapes."""

    def size(key: str, axis: int = 0) -> int:
        return size_of(rest, key, axis, model="MTTR")

    return MTTRConfig(
        temporal_encoder=read_config(swin, window),
        text_encoder=text_config(rest, "transformer.text_encoder.", text_heads, model="MTTR"),
        d_model=size("obj_queries.weight", 1),
        heads=heads,
        feedforward=size("transformer.encoder.layers.0.linear1.weight"),
        encoder_layers=count_below(rest, "transformer.encoder.layers."),
        decoder_layers=count_below(rest, "transformer.decoder.layers."),
        queries=size("obj_queries.weight"),
        kernel_dim=size("spatial_decoder.out_lay.weight"),
    )
