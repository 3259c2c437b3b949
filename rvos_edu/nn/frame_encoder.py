"""Frame encoders of R2-VOS: timm's 2-D backbones by name, and Video Swin (tables A and C)."""

from __future__ import annotations

from typing import Any

import timm
import torch
import torch.nn.functional as F
from timm.layers import Format, freeze_batch_norm_2d
from torch import Tensor, nn

from rvos_edu.config import FrameEncoderConfig
from rvos_edu.errors import ConfigError
from rvos_edu.nn.temporal_encoder import PATCH, TemporalEncoder

STRIDES = (4, 8, 16, 32)


class FrameEncoder(nn.Module):
    """A 2-D backbone of timm that sees every frame on its own; batch norm keeps its stored statistics.

    Args:
        name: of a timm model; its weights start random, nothing is downloaded.

    Attributes:
        channels: of the maps at `strides`.
        strides: 4, 8, 16, 32.

    Raises:
        ValueError: if timm has no such model, or its maps do not lie at strides 4 to 32.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        body = _create(name)
        self.name = name
        self.strides = tuple(body.feature_info.reduction())
        self.channels = tuple(body.feature_info.channels())
        if self.strides != STRIDES:
            raise ValueError(f"timm model {name!r} has maps at strides {self.strides}, expected {STRIDES}")
        self.rows_last = getattr(body, "output_fmt", Format.NCHW) is Format.NHWC  # windows: Swin
        self.body = freeze_batch_norm_2d(body)

    def forward(self, frames: Tensor) -> list[Tensor]:
        """Maps of every frame.

        Args:
            frames: float [B, T, 3, H, W], normalised.

        Returns:
            [B, T, C, h, w] per stride; h is H / stride rounded up (down, where a network cuts patches).

        Raises:
            ConfigError: if the model takes no frames of this size.
        """
        x = frames.flatten(0, 1)
        if self.rows_last:  # its patches of 4x4 have to fit
            height, width = x.shape[-2:]
            x = F.pad(x, (0, -width % PATCH, 0, -height % PATCH))
        try:
            maps = self.body(x)
        except (torch.OutOfMemoryError, torch.AcceleratorError):  # nothing to do with the size
            raise
        except (RuntimeError, AssertionError) as error:
            height, width = frames.shape[-2:]
            raise ConfigError(
                f"timm model {self.name!r} does not take frames of {height}x{width} ({error}): expected one "
                "for frames of any size"
            ) from error
        if self.rows_last:
            maps = [y.permute(0, 3, 1, 2) for y in maps]
        return [y.unflatten(0, frames.shape[:2]) for y in maps]


class VideoFrameEncoder(TemporalEncoder):
    """Video Swin called like `FrameEncoder`: channels before rows; frames see their neighbours in time.

    Weights of a `TemporalEncoder` load into it as they are.
    """

    def forward(self, frames: Tensor) -> list[Tensor]:
        """Frames float [B, T, 3, H, W] -> [B, T, C, h, w] per stride, h = ceil(H / stride)."""
        return [x.permute(0, 1, 4, 2, 3) for x in super().forward(frames)]


def build_frame_encoder(config: FrameEncoderConfig) -> FrameEncoder | VideoFrameEncoder:
    """The encoder that a configuration names.

    Args:
        config: `kind` "timm" reads `name`, "video-swin" reads `video_swin`.

    Raises:
        ValueError: for another kind, or sizes that do not fit.
    """
    if config.kind == "timm":
        return FrameEncoder(config.name)
    if config.kind == "video-swin":
        return VideoFrameEncoder(config.video_swin)
    raise ValueError(f"frame encoder kind must be 'timm' or 'video-swin', got {config.kind!r}")


def _create(name: str) -> Any:
    # timm's Swin takes one size of frames only, unless told otherwise.
    options: dict[str, Any] = {"strict_img_size": False} if name.startswith("swin") else {}
    if not timm.is_model(name):
        raise ValueError(f"timm has no model {name!r}; timm.list_models() names all")
    try:
        return timm.create_model(
            name, pretrained=False, features_only=True, out_indices=(-4, -3, -2, -1), **options
        )
    except (AssertionError, RuntimeError, TypeError, AttributeError) as error:
        raise ValueError(f"timm model {name!r} does not give maps at four strides: {error}") from error
