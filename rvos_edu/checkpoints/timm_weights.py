"""ImageNet weights of timm's models, from which the published R2-VOS starts its frame encoder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor

from rvos_edu.checkpoints.reading import read_state, weights_file
from rvos_edu.checkpoints.reference_backbone import BATCHES
from rvos_edu.errors import CheckpointError
from rvos_edu.models.pretrained import load_weights
from rvos_edu.nn.frame_encoder import FrameEncoder

FETCH = "timm"


def load_timm(path_or_state_dict: str | Path | Mapping[str, Any], *, name: str) -> FrameEncoder:
    """Weights of a timm model as a frame encoder.

    Args:
        path_or_state_dict: a .safetensors file, a folder of the hub with model.safetensors, a file of
            `torch.save` or a dict, with the names of `timm.create_model(name).state_dict()`; "timm": what
            timm names for the model, fetched by it once, over the network. The classifier and other layers
            that give no map are not looked at.
        name: of the timm model, perhaps with a tag: "resnet50.tv_in1k".

    Raises:
        ValueError: if timm has no such model, or its maps do not fit; see `FrameEncoder`.
        CheckpointError: if the weights are missing, damaged, unsafe, cannot be fetched or do not fit; names
            the keys.
    """
    encoder = FrameEncoder(name)
    source = path_or_state_dict
    if source == FETCH:
        state = _fetch(name)
    else:
        where = source if isinstance(source, Mapping) else weights_file(source)
        state = read_state(where, wrappers=("state_dict", "model"))
    ours = {_plain(key.removeprefix("body.").removeprefix("model.")): key for key in encoder.state_dict()}
    with torch.device("meta"):
        whole = {_plain(key) for key in timm.create_model(name).state_dict()}
    weights = {
        ours.get(_plain(key), key): value
        for key, value in state.items()
        if not key.endswith(BATCHES) and (_plain(key) in ours or _plain(key) not in whole)
    }
    load_weights(encoder, weights, source="the given state dict" if isinstance(source, Mapping) else source)
    return encoder


def _plain(key: str) -> str:
    """Names of a whole model and of the one that gives maps differ in points only: layers.0, layers_0."""
    return key.replace(".", "_")


def _fetch(name: str) -> dict[str, Tensor]:
    try:
        state: dict[str, Tensor] = timm.create_model(name, pretrained=True).state_dict()
    except Exception as error:  # without a network, clients of hubs fail in many ways
        reason = (str(error).strip() or type(error).__name__).split("\n")[0].rstrip(".")
        raise CheckpointError(
            f"timm could not fetch weights of {name!r}: {reason}. It needs the network once; or give a file"
        ) from error
    return state
