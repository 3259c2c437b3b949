"""Temporal encoder: Video Swin with a 1x4x4 patch (MTTR, sections 3.2 and C.1; R2-VOS, table A).

MTTR keeps three stages, R2-VOS all four.
"""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models.video.swin_transformer import SwinTransformer3d

from rvos_edu.config import TemporalEncoderConfig

STAGES = 3  # MTTR's
ALL_STAGES = 4  # R2-VOS's
PATCH = 4
LAST_BLOCKS = 2  # blocks of the fourth stage; without it they only exist in the drop-path schedule


class TemporalEncoder(nn.Module):
    """Per-frame features in which every pixel has seen its neighbours in space and time.

    torchvision's Video Swin without its last norm and its head. A window longer than the clip is
    clipped and, in height and width, then reads offsets of the full window, as in the published code.

    Args:
        config: sizes; `depths` and `heads` name three or four stages, `window` is [frames, rows, columns]
            in patches.

    Raises:
        ValueError: if there are not three or four stages, or a width does not divide by its heads.
    """

    def __init__(self, config: TemporalEncoderConfig) -> None:
        super().__init__()
        _check(config)
        blocks = sum(config.depths)
        # The rate grows linearly over all four stages; without the fourth the other blocks keep theirs.
        missing = LAST_BLOCKS if len(config.depths) == STAGES else 0
        last_rate = config.drop_path * (blocks - 1) / (blocks + missing - 1)
        swin = SwinTransformer3d(
            patch_size=[1, PATCH, PATCH],
            embed_dim=config.embed_dim,
            depths=list(config.depths),
            num_heads=list(config.heads),
            window_size=list(config.window),
            stochastic_depth_prob=last_rate,
            num_classes=1,
        )
        self.config = config
        self.patch_embed = swin.patch_embed
        self.features = swin.features
        for module in self.features.modules():
            index = getattr(module, "relative_position_index", None)
            if index is not None:  # rebuilt from the window, never saved
                module.register_buffer("relative_position_index", index, persistent=False)

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of every stage."""
        return tuple(self.config.embed_dim * 2**stage for stage in range(len(self.config.depths)))

    @property
    def strides(self) -> tuple[int, ...]:
        """Pixels per step on the map of every stage."""
        return tuple(PATCH * 2**stage for stage in range(len(self.config.depths)))

    def forward(self, frames: Tensor) -> list[Tensor]:
        """Features of all frames at strides 4, 8, 16 (and 32), before each down-sampling.

        Args:
            frames: float [B, T, 3, H, W], normalised; any T, H, W >= 1.

        Returns:
            one tensor [B, T, h, w, C] per stage with C of `channels`, h = ceil(H / stride).
        """
        x = self.patch_embed(frames.transpose(1, 2))  # [B, T, h, w, C]
        stages = []
        for index, part in enumerate(self.features):
            x = part(x)
            if index % 2 == 0:  # even parts are stages, odd ones merge patches
                stages.append(x)
        return stages


def _check(config: TemporalEncoderConfig) -> None:
    stages = len(config.depths)
    if stages not in (STAGES, ALL_STAGES) or len(config.heads) != stages or len(config.window) != 3:
        raise ValueError(
            "the temporal encoder has three or four stages and a window [frames, rows, columns], got "
            f"depths {config.depths}, heads {config.heads}, window {config.window}"
        )
    for stage, heads in enumerate(config.heads):
        width = config.embed_dim * 2**stage
        if width % heads:
            raise ValueError(f"stage {stage + 1} has {width} channels, which {heads} heads do not divide")
