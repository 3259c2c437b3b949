"""Temporal encoder: shapes, drop path, buffers, time; golden values are in test_parity_table."""

from __future__ import annotations

import pytest
import torch
from torchvision.ops import StochasticDepth

from rvos_edu.config import TemporalEncoderConfig
from rvos_edu.nn.temporal_encoder import TemporalEncoder


def tiny(**changes: object) -> TemporalEncoder:
    sizes = {"embed_dim": 8, "depths": [1, 1, 1], "heads": [1, 2, 4], "window": [2, 3, 3]} | changes
    torch.manual_seed(0)
    return TemporalEncoder(TemporalEncoderConfig(**sizes)).eval()  # type: ignore[arg-type]


@pytest.mark.parametrize(("frames", "height", "width"), [(1, 1, 1), (3, 33, 57), (1, 16, 16)])
def test_any_size(frames: int, height: int, width: int) -> None:
    stages = tiny()(torch.randn(2, frames, 3, height, width))
    for stage, (channels, stride) in zip(stages, ((8, 4), (16, 8), (32, 16)), strict=True):
        assert stage.shape == (2, frames, -(-height // stride), -(-width // stride), channels)
        assert stage.isfinite().all()


def test_drop_path_rates_are_those_of_four_stages() -> None:
    """Swin-T has 12 blocks: rates 0, .1/11, ..., of which the first ten remain (section C.1)."""
    encoder = tiny(depths=[2, 2, 6], drop_path=0.1)
    rates = [m.p for m in encoder.modules() if isinstance(m, StochasticDepth)]
    assert rates == pytest.approx([0.1 * i / 11 for i in range(10)])


def test_drop_path_rates_of_all_four_stages() -> None:
    encoder = tiny(depths=[1, 1, 2, 2], heads=[1, 2, 4, 8], drop_path=0.2)
    rates = [m.p for m in encoder.modules() if isinstance(m, StochasticDepth)]
    assert rates == pytest.approx([0.2 * i / 5 for i in range(6)])


def test_index_buffers_are_not_saved_and_nothing_is_unused() -> None:
    encoder = tiny()
    assert not [key for key in encoder.state_dict() if "relative_position_index" in key]
    sum(stage.square().sum() for stage in encoder.train()(torch.randn(1, 4, 3, 64, 64))).backward()  # type: ignore
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.parameters())


def test_frames_see_their_neighbours() -> None:
    encoder, frames = tiny(), torch.randn(1, 2, 3, 16, 16)
    changed = frames.clone()
    changed[:, 1] = 0
    with torch.no_grad():
        before, after = encoder(frames)[2][:, 0], encoder(changed)[2][:, 0]
    assert (before - after).abs().max() > 1e-5


def test_bad_sizes_are_errors() -> None:
    with pytest.raises(ValueError, match="three or four stages"):
        tiny(depths=[2, 2])
    with pytest.raises(ValueError, match="stage 1 has 8 channels, which 3 heads"):
        tiny(heads=[3, 2, 4])
