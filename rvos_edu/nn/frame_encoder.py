"""Frame encoders of R2-VOS: timm's 2-D backbones by name, and Video Swin (tables A and C)."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import timm
import torch
import torch.nn.functional as F
from timm.layers import Format, freeze_batch_norm_2d
from torch import Tensor, nn
from torch.func import functional_call

from rvos_edu.config import FrameEncoderConfig
from rvos_edu.errors import ConfigError
from rvos_edu.nn.temporal_encoder import PATCH, TemporalEncoder

STRIDES = (4, 8, 16, 32)
PROBE = 97  # pixels: one more than all strides divide


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
            [B, T, C, h, w] per stride; h is H / stride rounded up, at strides from 8 on in some networks
            down. A network that rounds down at stride 4 sees zeros to the right and below, so that its
            patches fit.

        Raises:
            ConfigError: if the model takes no frames of this size.
        """
        height, width = frames.shape[-2:]
        x = frames.flatten(0, 1)
        if (height % PATCH or width % PATCH) and self._rounds_down:
            x = F.pad(x, (0, -width % PATCH, 0, -height % PATCH))
        try:
            maps = self.body(x)
        except (RuntimeError, AssertionError) as error:
            if self._shapes(x.shape[-2], x.shape[-1]) is not None:  # something else is wrong
                raise
            raise ConfigError(
                f"timm model {self.name!r} does not take frames of {height}x{width} ({error}): expected one "
                "for frames of any size"
            ) from error
        if self.rows_last:
            maps = [y.permute(0, 3, 1, 2) for y in maps]
        return [y.unflatten(0, frames.shape[:2]) for y in maps]

    @cached_property
    def _rounds_down(self) -> bool:
        """Whether the network drops rows and columns that fill no patch of 4x4, or refuses them (Swin)."""
        if self.rows_last:
            return True
        shapes = self._shapes(PROBE, PROBE)
        return shapes is not None and shapes[0][-1] < -(-PROBE // PATCH)

    @torch.no_grad()
    def _shapes(self, height: int, width: int) -> list[torch.Size] | None:
        """Shapes of the maps of one frame, found without numbers; None if the size alone is an error."""
        tensors = [*self.body.named_parameters(), *self.body.named_buffers()]
        with torch.device("meta"):
            weights = {name: torch.empty_like(tensor, device="meta") for name, tensor in tensors}
            frame = torch.empty(1, 3, height, width, dtype=next(self.body.parameters()).dtype)
            try:
                return [x.shape for x in functional_call(self.body, weights, (frame,))]
            except (RuntimeError, AssertionError):
                return None


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
