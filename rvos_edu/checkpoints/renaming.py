"""From the names of published weights to ours: prefixes, packed attention, sizes of the text encoder."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from torch import Tensor

from rvos_edu.config import TextEncoderConfig
from rvos_edu.errors import CheckpointError

# Start of a published name, as a pattern, and ours.
Renaming = tuple[str, str | Callable[[re.Match[str]], str]]
_PACKED = re.compile(r"(.+)\.in_proj_(weight|bias)")


def rename(state: Mapping[str, Tensor], renamings: Sequence[Renaming]) -> dict[str, Tensor]:
    """Weights under our names; a packed [3D, D] projection becomes query, key and value.

    Args:
        state: published names and weights.
        renamings: the first that fits the start of a name is taken; other names stay as they are.
    """
    weights: dict[str, Tensor] = {}
    for key, value in state.items():
        name = _renamed(key, renamings)
        if match := _PACKED.fullmatch(name):
            for part, piece in zip(("query", "key", "value"), value.chunk(3), strict=True):
                weights[f"{match.group(1)}.{part}.{match.group(2)}"] = piece
        else:
            weights[name.replace(".out_proj.", ".out.")] = value
    return weights


def size_of(state: Mapping[str, Tensor], key: str, axis: int = 0, *, model: str) -> int:
    """Length of an axis of a weight.

    Raises:
        CheckpointError: if there is no such weight; names the key and the model that was looked for.
    """
    if key not in state or state[key].ndim <= axis:
        raise CheckpointError(f"no published {model} checkpoint: the key {key} is missing")
    return int(state[key].shape[axis])


def count_below(state: Mapping[str, Tensor], prefix: str) -> int:
    """Number of layers under a prefix."""
    return len({key[len(prefix) :].split(".")[0] for key in state if key.startswith(prefix)})


def text_config(state: Mapping[str, Tensor], prefix: str, heads: int, *, model: str) -> TextEncoderConfig:
    """Sizes of a RoBERTa whose names begin with `prefix`; `heads` cannot be read.

    Raises:
        CheckpointError: if a key is missing.
    """

    def size(key: str, axis: int = 0) -> int:
        return size_of(state, prefix + key, axis, model=model)

    return TextEncoderConfig(
        hidden_size=size("embeddings.word_embeddings.weight", 1),
        layers=count_below(state, f"{prefix}encoder.layer."),
        heads=heads,
        feedforward=size("encoder.layer.0.intermediate.dense.weight"),
        vocab_size=size("embeddings.word_embeddings.weight"),
        max_positions=size("embeddings.position_embeddings.weight"),
    )


def _renamed(key: str, renamings: Sequence[Renaming]) -> str:
    for pattern, name in renamings:
        renamed, changed = re.subn("^" + pattern, name, key)
        if changed:
            return renamed
    return key
