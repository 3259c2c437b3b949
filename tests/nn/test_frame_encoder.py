"""Frame encoders: maps of timm's backbones and of Video Swin with all four stages."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn
from torchvision.models.video.swin_transformer import SwinTransformer3d

from rvos_edu.config import FrameEncoderConfig, TemporalEncoderConfig
from rvos_edu.errors import ConfigError
from rvos_edu.nn.frame_encoder import FrameEncoder, VideoFrameEncoder, build_frame_encoder

SIZES = {"embed_dim": 8, "window": [2, 3, 3], "drop_path": 0.1}


def video_swin(stages: int) -> VideoFrameEncoder:
    torch.manual_seed(0)
    sizes = TemporalEncoderConfig(depths=[1, 2, 1, 2][:stages], heads=[1, 2, 4, 8][:stages], **SIZES)  # type: ignore[arg-type]
    encoder = build_frame_encoder(FrameEncoderConfig(kind="video-swin", video_swin=sizes))
    assert isinstance(encoder, VideoFrameEncoder)
    return encoder.eval()


@torch.no_grad()
def test_resnet_is_the_backbone_itself() -> None:
    """Every frame alone through timm's ResNet, in evaluation mode or not: batch norm is frozen."""
    torch.manual_seed(0)
    encoder = build_frame_encoder(FrameEncoderConfig(kind="timm", name="resnet18"))
    assert encoder.channels == (64, 128, 256, 512) and encoder.strides == (4, 8, 16, 32)
    plain = timm.create_model("resnet18", pretrained=False).eval()
    weights = {f"body.{key}": value for key, value in plain.state_dict().items()}
    missing, unused = encoder.load_state_dict(weights, strict=False)
    assert not missing and all(key.startswith("body.fc") or "num_batches" in key for key in unused)
    frames = torch.randn(2, 3, 3, 50, 70)
    maps = encoder.train()(frames)
    assert [tuple(x.shape[-2:]) for x in maps] == [(13, 18), (7, 9), (4, 5), (2, 3)]
    for channels, x in zip(encoder.channels, maps, strict=True):
        assert x.shape[:3] == (2, 3, channels)
    deepest = plain.forward_features(frames[1, 2:])
    torch.testing.assert_close(maps[-1][1, 2:], deepest, atol=1e-4, rtol=1e-4)
    assert not [m for m in encoder.modules() if isinstance(m, nn.BatchNorm2d)]


@pytest.mark.parametrize("name", ["convnext_atto", "mobilenetv3_small_050"])
@torch.no_grad()
def test_other_backbones_by_name(name: str) -> None:
    encoder = FrameEncoder(name).eval()
    maps = encoder(torch.randn(1, 2, 3, 64, 96))
    for channels, stride, x in zip(encoder.channels, encoder.strides, maps, strict=True):
        assert x.shape == (1, 2, channels, 64 // stride, 96 // stride)


@torch.no_grad()
def test_swin_takes_any_size() -> None:
    """Its windows would only fit 224x224; channels come last inside and third outside."""
    encoder = FrameEncoder("swin_tiny_patch4_window7_224").eval()
    assert encoder.channels == (96, 192, 384, 768)
    maps = encoder(torch.randn(1, 1, 3, 50, 70))
    sizes = [(96, 13, 18), (192, 7, 9), (384, 4, 5), (768, 2, 3)]
    assert [tuple(x.shape) for x in maps] == [(1, 1, *size) for size in sizes]
    assert all(x.isfinite().all() for x in maps)


@pytest.mark.parametrize("stages", [3, 4])
@torch.no_grad()
def test_video_swin_is_torchvisions(stages: int) -> None:
    encoder = video_swin(stages)
    swin = SwinTransformer3d([1, 4, 4], 8, [1, 2, 1, 2], [1, 2, 4, 8], [2, 3, 3], num_classes=1).eval()
    assert not swin.load_state_dict(encoder.state_dict(), strict=False).unexpected_keys
    frames = torch.randn(1, 3, 3, 33, 57)
    maps = encoder(frames)
    assert encoder.channels == (8, 16, 32, 64)[:stages] and encoder.strides == (4, 8, 16, 32)[:stages]
    x = swin.patch_embed(frames.transpose(1, 2))
    for number, ours in enumerate(maps):
        x = swin.features[2 * number](x)
        stride = encoder.strides[number]
        assert ours.shape == (1, 3, encoder.channels[number], -(-33 // stride), -(-57 // stride))
        assert torch.equal(ours, x.permute(0, 1, 4, 2, 3))
        if number < stages - 1:
            x = swin.features[2 * number + 1](x)


def test_nothing_is_unused_in_four_stages() -> None:
    encoder = video_swin(4).train()
    sum(x.square().mean() for x in encoder(torch.randn(1, 2, 3, 64, 64))).backward()  # type: ignore[union-attr]
    assert all(p.grad is not None for p in encoder.parameters())


@pytest.mark.parametrize("name", ["hiera_tiny_224", "hrnet_w18_small"])
def test_a_backbone_of_fixed_size_or_stride_says_so(name: str) -> None:
    encoder = FrameEncoder(name)
    with pytest.raises(ConfigError, match=f"'{name}' does not take frames of 70x98 .*any size"):
        encoder(torch.zeros(1, 1, 3, 70, 98))


def test_what_is_not_about_the_size_is_told_as_it_is() -> None:
    """Another type or device at a size that the network takes: torch's own words."""
    encoder = FrameEncoder("resnet18").eval()
    frames = torch.zeros(1, 1, 3, 64, 64)
    for wrong in (frames.double(), frames.half()):
        with pytest.raises(RuntimeError, match=r"expected scalar type|Input type .* should be the same"):
            encoder(wrong)
    with pytest.raises(RuntimeError, match="device"):
        encoder(frames.to("meta"))
    encoder.body.forward = _out_of_memory  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="^not enough memory$"):
        encoder(frames)


def _out_of_memory(frames: torch.Tensor) -> list[torch.Tensor]:
    if frames.device.type == "meta":
        return [frames]
    raise RuntimeError("not enough memory")


def test_a_wrong_size_is_one_whatever_the_type_of_the_weights() -> None:
    encoder = FrameEncoder("hrnet_w18_small").double()
    assert encoder(torch.zeros(1, 1, 3, 32, 64).double())[0].shape == (1, 1, 128, 8, 16)
    with pytest.raises(ConfigError, match="does not take frames of 70x98"):
        encoder(torch.zeros(1, 1, 3, 70, 98).double())


@pytest.mark.parametrize("name", ["convnext_atto", "poolformer_s12", "resnet18"])
@torch.no_grad()
def test_sides_that_no_patch_divides(name: str) -> None:
    """Patches are filled with zeros only where the network would drop the rest: ResNet sees what it got."""
    torch.manual_seed(0)
    encoder, frames = FrameEncoder(name).eval(), torch.randn(1, 1, 3, 90, 161)
    maps = encoder(frames)
    assert maps[0].shape[-2:] == (23, 41)
    filled = nn.functional.pad(frames, (0, 3, 0, 2))
    expected = encoder.body((frames if name == "resnet18" else filled)[0])
    assert all(torch.equal(ours[0], theirs) for ours, theirs in zip(maps, expected, strict=True))
    if name == "resnet18":
        assert not torch.equal(maps[0][0], encoder.body(filled[0])[0])


def test_bad_names_are_errors() -> None:
    with pytest.raises(ValueError, match="timm has no model 'resnet51'"):
        FrameEncoder("resnet51")
    with pytest.raises(ValueError, match=r"'vit_tiny_patch16_224' has maps at strides \(16, 16, 16, 16\)"):
        FrameEncoder("vit_tiny_patch16_224")
    with pytest.raises(ValueError, match="kind must be 'timm' or 'video-swin', got 'none'"):
        build_frame_encoder(FrameEncoderConfig(kind="none", channels=[8, 16]))
    with pytest.raises(ValueError, match="three or four stages"):
        sizes = TemporalEncoderConfig(depths=[1, 1], heads=[1, 1])
        build_frame_encoder(FrameEncoderConfig(kind="video-swin", video_swin=sizes))
