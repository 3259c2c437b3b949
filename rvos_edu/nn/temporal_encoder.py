"""Temporal encoder: Video Swin with a 1x4x4 patch, three stages (MTTR, sections 3.2 and C.1)."""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models.video.swin_transformer import SwinTransformer3d

from rvos_edu.config import TemporalEncoderConfig

STAGES = 3
PATCH = 4
DROPPED_BLOCKS = 2  # blocks of the fourth stage, which only exists in the drop-path schedule


class TemporalEncoder(nn.Module):
    """Per-frame features in which every pixel has seen its neighbours in space and time.

    torchvision's Video Swin without its fourth stage and its head. A window longer than the clip is
    clipped and, in height and width, then reads offsets of the full window, as in the published code.

    Args:
        config: sizes; `window` is [frames, rows, columns] in patches.

    Raises:
        ValueError: if there are not three stages, or a width does not divide by its heads.
    """

    def __init__(self, config: TemporalEncoderConfig) -> None:
        super().__init__()
        _check(config)
        blocks = sum(config.depths)
        # The rate grows linearly over all four stages; the last block of stage 3 keeps its rate.
        last_rate = config.drop_path * (blocks - 1) / (blocks + DROPPED_BLOCKS - 1)
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
    def channels(self) -> tuple[int, int, int]:
        """Channels of the three stages."""
        width = self.config.embed_dim
        return (width, 2 * width, 4 * width)

    def forward(self, frames: Tensor) -> list[Tensor]:
        """Features of all frames at strides 4, 8 and 16, before each down-sampling.

        Args:
            frames: float [B, T, 3, H, W], normalised; any T, H, W >= 1.

        Returns:
            three tensors [B, T, h, w, C] with C = `channels`, h = ceil(H / stride).
        """
        x = self.patch_embed(frames.transpose(1, 2))  # [B, T, h, w, C]
        stages = []
        for index, part in enumerate(self.features):
            x = part(x)
            if index % 2 == 0:  # even parts are stages, odd ones merge patches
                stages.append(x)
        return stages


def _check(config: TemporalEncoderConfig) -> None:
    if len(config.depths) != STAGES or len(config.heads) != STAGES or len(config.window) != 3:
        raise ValueError(
            "the temporal encoder has three stages and a window [frames, rows, columns], got "
            f"depths {config.depths}, heads {config.heads}, window {config.window}"
        )
    for stage, heads in enumerate(config.heads):
        width = config.embed_dim * 2**stage
        if width % heads:
            raise ValueError(f"stage {stage + 1} has {width} channels, which {heads} heads do not divide")
