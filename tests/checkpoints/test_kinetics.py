"""Kinetics weights: both layouts, three or four stages, every frame twice (section C.1)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torchvision.models.video.swin_transformer import SwinTransformer3d

from rvos_edu.checkpoints import load_kinetics_video_swin
from rvos_edu.checkpoints.kinetics import shipped_weights
from rvos_edu.errors import CheckpointError
from rvos_edu.models.pretrained import ASSETS

WINDOW = [2, 3, 3]


def video_swin(stages: int = 4, window: list[int] = WINDOW) -> SwinTransformer3d:
    """A 2x4x4 Video Swin of torchvision."""
    torch.manual_seed(0)
    heads = [1, 2, 4, 8][:stages]
    return SwinTransformer3d([2, 4, 4], 8, [1, 2, 1, 1][:stages], heads, list(window), num_classes=3).eval()


def authors_layout(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """torchvision's names to those of the Video Swin authors."""
    renamed = {}
    for key, value in state.items():
        if match := re.fullmatch(r"features\.(\d+)\.(.+)", key):
            part, rest = int(match.group(1)), match.group(2)
            if part % 2:
                key = f"layers.{part // 2}.downsample.{rest}"
            else:
                rest = rest.replace("mlp.0.", "mlp.fc1.").replace("mlp.3.", "mlp.fc2.")
                key = f"layers.{part // 2}.blocks.{rest}"
        renamed[f"cls_head.fc_cls.{key[5:]}" if key.startswith("head.") else f"backbone.{key}"] = value
    return renamed


@torch.no_grad()
@pytest.mark.parametrize("stages", [3, 4])
@pytest.mark.parametrize("layout", ["torchvision", "authors", "as many stages as asked for"])
def test_equal_to_showing_every_frame_twice(layout: str, stages: int) -> None:
    swin = video_swin(stages if layout == "as many stages as asked for" else 4)
    state = dict(swin.state_dict())
    source = {"meta": {}, "state_dict": authors_layout(state)} if layout == "authors" else state
    encoder = load_kinetics_video_swin(source, stages=stages).eval()
    assert encoder.config.depths == [1, 2, 1, 1][:stages] and encoder.config.heads == [1, 2, 4, 8][:stages]
    assert encoder.config.window == WINDOW
    clip = torch.randn(1, 3, 3, 33, 40)
    x = swin.patch_embed(clip.repeat_interleave(2, dim=1).transpose(1, 2))
    maps = encoder(clip)
    assert len(maps) == stages
    for number, stage in enumerate(maps):
        x = swin.features[2 * number](x)
        assert torch.allclose(x, stage, atol=1e-4)
        x = swin.features[2 * number + 1](x) if number < stages - 1 else x


def test_a_window_that_only_the_table_tells(tmp_path: Path) -> None:
    state = {k: v for k, v in video_swin(3).state_dict().items() if "index" not in k}
    half = {key: value.half() for key, value in state.items()}
    save_file(half, tmp_path / "video_swin.safetensors")
    encoder = load_kinetics_video_swin(tmp_path / "video_swin.safetensors", window=WINDOW)
    assert encoder.config.window == WINDOW
    assert encoder.patch_embed.proj.weight.dtype == torch.float32
    standard = {k: v for k, v in video_swin(3, [8, 7, 7]).state_dict().items() if "index" not in k}
    assert load_kinetics_video_swin(standard).config.window == [8, 7, 7]
    odd = {k: v for k, v in video_swin(3, [8, 5, 7]).state_dict().items() if "index" not in k}
    with pytest.raises(CheckpointError, match="table of 1755 rows: pass window="):
        load_kinetics_video_swin(odd)
    with pytest.raises(CheckpointError, match=r"with window=\[8, 7, 7\]"):
        load_kinetics_video_swin(odd, window=[8, 7, 7])


def test_foreign_weights() -> None:
    with pytest.raises(CheckpointError, match="no Video Swin weights"):
        load_kinetics_video_swin({"conv1.weight": torch.zeros(3)})
    state = {k: v for k, v in video_swin().state_dict().items() if not k.startswith("features.4")}
    with pytest.raises(CheckpointError, match="no stage 3"):
        load_kinetics_video_swin(state)
    with pytest.raises(CheckpointError, match="no stage 4 in the Video Swin weights: expected at least 4"):
        load_kinetics_video_swin(video_swin(3).state_dict(), stages=4)
    state = dict(video_swin().state_dict())
    del state["features.1.norm.bias"]
    with pytest.raises(CheckpointError, match=r"missing \(features.1.norm.bias\)"):
        load_kinetics_video_swin(state)


def test_the_shipped_video_swin_tells_its_window() -> None:
    encoder = load_kinetics_video_swin("nano-video-swin")
    assert encoder.config.window == [8, 5, 7]
    assert encoder.config.depths == [1, 2, 4]


def test_only_bare_names_of_a_video_swin_are_shipped_ones(tmp_path: Path) -> None:
    swin = ASSETS / "nano-video-swin"
    assert shipped_weights("nano-video-swin") == swin / "model.safetensors"
    save_file(dict(video_swin().state_dict()), tmp_path / "model.safetensors")
    for other in (
        tmp_path,
        swin,
        "../assets/nano-video-swin",
        "nano-video-swin/",
        "nano-roberta",
        "nano-mttr",
        "",
    ):
        assert shipped_weights(other) is None
        assert shipped_weights(str(other)) is None
    assert load_kinetics_video_swin(tmp_path, window=WINDOW, stages=4).config.depths == [1, 2, 1, 1]
    assert load_kinetics_video_swin(str(swin)).config.window == [8, 5, 7]
