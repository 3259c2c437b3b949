"""Kinetics-400 weights of Video Swin for the encoders of MTTR (section C.1) and R2-VOS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from rvos_edu.checkpoints.reading import read_state, weights_file
from rvos_edu.checkpoints.video_swin import INDEX, read_config, to_torchvision
from rvos_edu.models.pretrained import ASSETS, WEIGHTS_FILE, load_weights
from rvos_edu.nn.temporal_encoder import ALL_STAGES, STAGES, TemporalEncoder

PATCH = "patch_embed.proj.weight"
# Norms and heads behind the stages, which neither model has.
DROPPED = ("features.7.", "norm.", "head.", "heads.", "cls_head.")
# The fourth stage and the down-sampling before it, which MTTR does not have.
FOURTH = ("features.5.", "features.6.")


def load_kinetics_video_swin(
    path_or_state_dict: str | Path | Mapping[str, Any],
    *,
    window: Sequence[int] | None = None,
    stages: int = STAGES,
) -> TemporalEncoder:
    """2x4x4 weights as a 1x4x4 temporal encoder: the two temporal slices of the patch kernel are summed.

    Args:
        path_or_state_dict: a shipped name, a file or a state dict, in the authors' key layout (with or
            without `backbone.`) or torchvision's; stages beyond those asked for may be missing.
        window: [frames, rows, columns], where neither the weights nor the file's metadata tell.
        stages: 3 as in MTTR, or 4 as in R2-VOS.

    Raises:
        CheckpointError: if the weights are missing, damaged, unsafe or no Video Swin.
    """
    source = path_or_state_dict
    if not isinstance(source, Mapping):
        source = shipped_weights(source) or weights_file(source)
        window = window or _stored_window(source)
    state = read_state(source, wrappers=("state_dict", "model"))
    if any(key.startswith("backbone.") for key in state):
        state = {key.removeprefix("backbone."): value for key, value in state.items()}
    state = to_torchvision(state)
    config = read_config(state, window, stages=stages)
    dropped = DROPPED if stages == ALL_STAGES else DROPPED + FOURTH
    kept = {k: v for k, v in state.items() if not k.startswith(dropped) and not k.endswith(INDEX)}
    kept[PATCH] = sum_over_time(kept[PATCH])
    encoder = TemporalEncoder(config)
    load_weights(encoder, kept, source="the given state dict" if isinstance(source, Mapping) else source)
    return encoder


def sum_over_time(kernel: Tensor) -> Tensor:
    """Patch kernel [C, 3, t, 4, 4] -> [C, 3, 1, 4, 4]; the same as showing every frame t times (C.1)."""
    return kernel.float().sum(2, keepdim=True)


def _stored_window(path: Path) -> list[int] | None:
    """The window that a safetensors file names in its metadata, as the shipped one does."""
    try:
        with safe_open(path, framework="pt") as file:
            window = (file.metadata() or {}).get("window")
    except (SafetensorError, OSError):
        return None  # not such a file; reading its weights says what is wrong
    return None if window is None else [int(size) for size in window.split(",")]


def shipped_weights(name: str | Path) -> Path | None:
    """The Video Swin that the package ships under a bare name; None for any other name and for paths."""
    path = ASSETS / str(name) / WEIGHTS_FILE
    if Path(name).name != str(name) or not path.is_file():
        return None
    with safe_open(path, framework="pt") as file:
        return path if PATCH in file.keys() else None  # noqa: SIM118 - this file is no mapping
