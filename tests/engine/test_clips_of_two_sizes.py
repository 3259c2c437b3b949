"""Final masks of R2-VOS do not depend on the batch that a clip is shown in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rvos_edu.config import FrameEncoderConfig, R2VOSExperimentConfig
from rvos_edu.engine.inference import predict
from rvos_edu.structures import VideoSample
from tests.tiny import tiny_r2vos

CHANNELS = [4, 8, 16, 24]


class Pixels(nn.Module):
    """A frame encoder whose steps see their upper left pixel alone, so that it leaks no padding."""

    def forward(self, frames: Tensor) -> list[Tensor]:
        strides = (4, 8, 16, 32)
        picked = [frames[..., ::stride, ::stride] for stride in strides]
        return [x.repeat(1, 1, count, 1, 1)[:, :, :count] for x, count in zip(picked, CHANNELS, strict=True)]


def clip(height: int, width: int) -> list[VideoSample]:
    generator = torch.Generator().manual_seed(width)
    frames = torch.randint(0, 256, (2, 3, height, width), generator=generator, dtype=torch.uint8)
    names = ("00000", "00001")
    sample = VideoSample(frames, "the red circle", None, (0, 1), str(width), "0", names, (height, width))
    return [sample, replace(sample, expression="a square moving left", expression_id="1")]


@pytest.mark.parametrize("order", ["threshold-first", "resize-first"])
def test_a_clip_alone_and_beside_a_larger_one(order: str) -> None:
    torch.manual_seed(0)
    model = tiny_r2vos(frame_encoder=FrameEncoderConfig(kind="none", channels=CHANNELS))
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.1 * torch.randn_like(weight)
    model.frame_encoder = Pixels()  # type: ignore[assignment]
    config = R2VOSExperimentConfig()
    config.data.short_side, config.data.max_side = 46, 70
    config.inference.order = order
    clips = [clip(92, 100), clip(100, 92), clip(92, 184)]  # shown at 46x50, 50x46 and 35x70
    together = predict(model, clips, config=config)
    assert together[0][0].geometry.padded == (50, 70)
    assert [found[0].geometry.shown for found in together] == [(46, 50), (50, 46), (35, 70)]
    for number, samples in enumerate(clips):
        [alone] = predict(model, [samples], config=config)
        for ours, expected in zip(together[number], alone, strict=True):
            np.testing.assert_array_equal(ours.voted, expected.voted)
            np.testing.assert_array_equal(ours.per_frame, expected.per_frame)
            np.testing.assert_allclose(ours.probable(), expected.probable(), atol=1e-4)
            for one, other in zip(ours.candidates([0, 1]), expected.candidates([0, 1]), strict=True):
                np.testing.assert_array_equal(one, other)
                assert 0 < one.mean() < 1
