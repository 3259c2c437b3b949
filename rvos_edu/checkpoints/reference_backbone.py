"""Frame encoders inside published R2-VOS checkpoints: ResNet, Video Swin, or none."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from rvos_edu.checkpoints.renaming import count_below
from rvos_edu.checkpoints.video_swin import INDEX, read_config, to_torchvision
from rvos_edu.config import FrameEncoderConfig
from rvos_edu.errors import CheckpointError
from rvos_edu.nn.temporal_encoder import ALL_STAGES

BODY = "body."
BATCHES = "num_batches_tracked"  # frozen batch norm does not count
# Blocks per stage and whether they are bottlenecks -> name.
RESNETS: dict[tuple[tuple[int, ...], bool], str] = {
    ((2, 2, 2, 2), False): "resnet18",
    ((3, 4, 6, 3), False): "resnet34",
    ((3, 4, 6, 3), True): "resnet50",
    ((3, 4, 23, 3), True): "resnet101",
    ((3, 8, 36, 3), True): "resnet152",
}


def read_frame_encoder(state: Mapping[str, Tensor]) -> tuple[FrameEncoderConfig, dict[str, Tensor]]:
    """What the published model sees frames with, and its weights under our names.

    Args:
        state: weights below `backbone.0.`, torchvision's names for a ResNet, the authors' or torchvision's
            for Video Swin, with or without `body.`; not empty.

    Raises:
        CheckpointError: if it is neither.
    """
    state = {key.removeprefix(BODY): value for key, value in state.items() if not key.endswith(BATCHES)}
    if "layer1.0.conv1.weight" in state:
        weights = {f"body.{key}": value for key, value in state.items()}
        return FrameEncoderConfig(kind="timm", name=_resnet(state)), weights
    patch = state.get("patch_embed.proj.weight")
    if patch is None or patch.ndim != 5:
        raise CheckpointError(
            "the backbone of the checkpoint is neither a ResNet nor a Video Swin; its keys begin with "
            f"{sorted(state)[:3]}"
        )
    swin = to_torchvision(state)
    # The norm behind the last stage belongs to a classifier; indices are rebuilt from the window.
    weights = {k: v for k, v in swin.items() if not k.startswith("norm.") and not k.endswith(INDEX)}
    return FrameEncoderConfig(kind="video-swin", video_swin=read_config(swin, stages=ALL_STAGES)), weights


def _resnet(state: Mapping[str, Tensor]) -> str:
    blocks = tuple(count_below(state, f"layer{stage}.") for stage in range(1, 5))
    name = RESNETS.get((blocks, "layer1.0.conv3.weight" in state))
    if name is None:
        raise CheckpointError(
            f"the backbone of the checkpoint is a ResNet of {blocks} blocks, which has no name"
        )
    return name
