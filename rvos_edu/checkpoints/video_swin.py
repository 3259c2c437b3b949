"""Key names and sizes of Video Swin weights, in the authors' layout and in torchvision's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from rvos_edu.config import TemporalEncoderConfig
from rvos_edu.errors import CheckpointError
from rvos_edu.nn.temporal_encoder import STAGES

STANDARD_WINDOW = (8, 7, 7)
LARGEST_SIDE = 33
TABLE = "attn.relative_position_bias_table"
INDEX = "attn.relative_position_index"
_BLOCK = re.compile(r"layers\.(\d+)\.blocks\.(\d+)\.(.+)")
_MERGE = re.compile(r"(?:layers\.(\d+)\.downsample|downsamples\.(\d+))\.(.+)")


def to_torchvision(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the authors' keys (also as MTTR stores them) to torchvision's; those stay as they are."""
    return {_renamed(key): value for key, value in state.items()}


def read_config(
    state: Mapping[str, Tensor], window: Sequence[int] | None = None, *, stages: int = STAGES
) -> TemporalEncoderConfig:
    """Sizes of the first stages from weights under torchvision's names.

    Args:
        state: weights; the index buffers, where present, decide the window beyond doubt.
        stages: how many are asked for, 3 or 4.
        window: [frames, rows, columns], where the weights cannot tell.

    Raises:
        CheckpointError: if the weights are no Video Swin, or the window stays open.
    """
    if "patch_embed.proj.weight" not in state or f"features.0.0.{TABLE}" not in state:
        raise CheckpointError(
            "no Video Swin weights under these names: expected the keys patch_embed.proj.weight and "
            "layers.0.blocks.0.* or features.0.0.*, in a model below backbone."
        )
    depths, heads = [], []
    for stage in range(stages):
        blocks = [
            key for key in state if re.fullmatch(rf"features\.{2 * stage}\.\d+\.{re.escape(TABLE)}", key)
        ]
        if not blocks:
            raise CheckpointError(
                f"no stage {stage + 1} in the Video Swin weights: expected at least {stages}"
            )
        depths.append(len(blocks))
        heads.append(state[blocks[0]].shape[1])
    table, index = state[f"features.0.0.{TABLE}"], state.get(f"features.0.0.{INDEX}")
    return TemporalEncoderConfig(
        embed_dim=state["patch_embed.proj.weight"].shape[0],
        depths=depths,
        heads=heads,
        window=_window(table.shape[0], index, window),
    )


def _renamed(key: str) -> str:
    if match := _BLOCK.fullmatch(key):
        stage, block, rest = match.groups()
        rest = rest.replace("mlp.fc1.", "mlp.0.").replace("mlp.fc2.", "mlp.3.")
        return f"features.{2 * int(stage)}.{block}.{rest}"
    if match := _MERGE.fullmatch(key):
        stage = match.group(1) or match.group(2)
        return f"features.{2 * int(stage) + 1}.{match.group(3)}"
    return key


def _window(entries: int, index: Tensor | None, given: Sequence[int] | None) -> list[int]:
    """The window with `entries` table rows: given, told by the index, standard, or the only T x S x S."""
    fitting = [
        (t, h, w)
        for t in range(1, LARGEST_SIDE)
        for h in range(1, LARGEST_SIDE)
        for w in range(1, LARGEST_SIDE)
        if (2 * t - 1) * (2 * h - 1) * (2 * w - 1) == entries
    ]
    if given is not None:
        fitting = [size for size in fitting if size == tuple(given)]
    if index is not None:
        fitting = [size for size in fitting if _same_index(size, index)]
    if STANDARD_WINDOW in fitting:
        return list(STANDARD_WINDOW)
    square = [size for size in fitting if size[1] == size[2]]
    for choice in (fitting, square):
        if len(choice) == 1:
            return list(choice[0])
    raise CheckpointError(
        f"the window cannot be read from a bias table of {entries} rows"
        f"{'' if given is None else f' with window={list(given)}'}: pass window=..., one of {fitting[:8]}"
    )


def _same_index(size: tuple[int, int, int], index: Tensor) -> bool:
    """Whether a saved index buffer is that of this window (its first row tells)."""
    t, h, w = size
    if index.shape[0] != t * h * w:
        return False
    axes = torch.meshgrid(*(torch.arange(n) for n in size), indexing="ij")
    steps = ((2 * h - 1) * (2 * w - 1), 2 * w - 1, 1)
    parts = [((n - 1 - axis) * step).flatten() for n, axis, step in zip(size, axes, steps, strict=True)]
    return torch.equal(torch.stack(parts).sum(0), index[0].cpu().long())
