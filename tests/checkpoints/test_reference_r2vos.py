"""Published R2-VOS checkpoints: wrappers, sizes, backbones, second copies, foreign keys, damaged files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from torch import Tensor, nn
from torchvision.models.video.swin_transformer import SwinTransformer3d

import rvos_edu
from rvos_edu.checkpoints import load_reference_r2vos
from rvos_edu.checkpoints.reference_backbone import read_frame_encoder
from rvos_edu.errors import CheckpointError
from rvos_edu.models import R2VOS
from tests import parity
from tests.checkpoints.test_kinetics import authors_layout
from tests.checkpoints.test_reference_mttr import Evil
from tests.parity_r2vos_model import published_model
from tests.tiny import tiny_tokenizer

State = dict[str, Tensor]


@pytest.fixture
def state() -> State:
    return parity.read("r2vos_nano_weights")


def load(source: Any, **more: Any) -> R2VOS:
    return load_reference_r2vos(source, **{"heads": 8, "text_heads": 4, **more})


def with_backbone(state: State, backbone: State, channels: tuple[int, ...]) -> State:
    """The golden weights behind another backbone: its 1x1 convolutions start anew."""
    torch.manual_seed(0)
    changed = dict(state)
    names = ["pixel_decoder.adapter_1.weight", *(f"input_proj.{i}.0.weight" for i in range(3))]
    for name, width in zip(names, channels, strict=True):
        changed[name] = torch.randn(64, width, 1, 1) / width**0.5
    changed["input_proj.3.0.weight"] = torch.randn(64, channels[-1], 3, 3) / channels[-1] ** 0.5 / 3
    return changed | {f"backbone.0.{key}": value for key, value in backbone.items()}


def resnet(name: str) -> nn.Module:
    """torchvision's, with statistics that are not 0 and 1."""
    torch.manual_seed(0)
    network = getattr(torchvision.models, name)(norm_layer=torchvision.ops.FrozenBatchNorm2d)
    for part in network.modules():
        if isinstance(part, torchvision.ops.FrozenBatchNorm2d):
            part.running_mean.normal_(std=0.1)
            part.running_var.uniform_(0.5, 1.5)
            part.bias.normal_(std=0.1)
    return network.eval()


def body(network: nn.Module) -> State:
    return {f"body.{k}": v for k, v in network.state_dict().items() if not k.startswith("fc.")}


def video_swin(patch: int = 1) -> SwinTransformer3d:
    torch.manual_seed(0)
    return SwinTransformer3d([patch, 4, 4], 8, [1, 2, 1, 1], [1, 2, 4, 8], [2, 3, 3], num_classes=3).eval()


def test_a_file_as_published(state: State, tmp_path: Path) -> None:
    """Wrapped, with `module.`, an old `position_ids` buffer and a numpy number beside the weights."""
    state["text_encoder.embeddings.position_ids"] = torch.arange(30)[None]
    wrapped = {
        "epoch": 3,
        "best": np.float64(0.45),
        "model": {f"module.{key}": value for key, value in state.items()},
    }
    torch.save(wrapped, tmp_path / "published.pth")
    model = load(tmp_path / "published.pth")
    expected = published_model().state_dict()
    assert not model.training
    assert all(value.equal(expected[key]) for key, value in model.state_dict().items())


def test_it_is_part_of_the_public_face(state: State) -> None:
    assert rvos_edu.checkpoints.load_reference_r2vos is load_reference_r2vos
    assert isinstance(load({key: value.numpy() for key, value in state.items()}), R2VOS)


def test_sizes_are_read(state: State) -> None:
    config, described = load(state).config, parity.read_json("r2vos_nano")["config"]
    assert config.frame_encoder.kind == "none"
    assert config.frame_encoder.channels == described["feature_channels"]
    assert (config.d_model, config.heads) == (described["hidden"], described["nheads"])
    assert (config.feedforward, config.queries) == (described["feedforward"], described["queries"])
    assert (config.encoder_layers, config.decoder_layers) == (described["enc"], described["dec"])
    assert config.reconstruction_feedforward == described["sentence_feedforward"]
    assert (config.reconstruction_layers, config.filters) == (3, 3)
    assert (config.mask_dim, config.extra_levels, config.points) == (described["mask_dim"], 1, 4)
    assert (config.sentence, config.decoder, config.mask_head) == ("pooler", "deformable", "conditional")
    text = config.text_encoder
    assert text.max_positions == described["text"]["max_position_embeddings"]
    assert (text.hidden_size, text.vocab_size, text.layers) == (48, 80, 1)


def test_without_backbone_it_takes_maps_only(state: State) -> None:
    with pytest.raises(ValueError, match="no frame encoder"):
        load(state)(torch.zeros(1, 1, 3, 32, 32), {})


@torch.no_grad()
def test_a_resnet(state: State) -> None:
    network = resnet("resnet18")
    model = load(with_backbone(state, body(network), (64, 128, 256, 512)), tokenizer=tiny_tokenizer())
    assert model.config.frame_encoder.name == "resnet18"
    frames = torch.randn(1, 2, 3, 64, 96)
    out = model(frames, ["the red circle"])
    assert out.mask_logits.shape == (2, 1, 2, 4, 16, 24) and out.mask_logits.isfinite().all()
    x = network.maxpool(network.relu(network.bn1(network.conv1(frames[0]))))
    assert model.frame_encoder is not None
    for stage, ours in enumerate(model.frame_encoder(frames), 1):
        x = getattr(network, f"layer{stage}")(x)
        torch.testing.assert_close(ours[0], x, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["resnet34", "resnet50", "resnet101"])
def test_resnets_are_told_by_their_blocks(name: str) -> None:
    with torch.device("meta"):
        weights = body(getattr(torchvision.models, name)())
    config, renamed = read_frame_encoder(weights)
    assert (config.kind, config.name) == ("timm", name)
    assert not any("num_batches_tracked" in key for key in renamed)
    del weights["body.layer2.1.conv1.weight"], weights["body.layer2.1.conv2.weight"]
    odd = {key: value for key, value in weights.items() if not key.startswith("body.layer3.1.")}
    with pytest.raises(CheckpointError, match="ResNet of .* blocks, which has no name"):
        read_frame_encoder(odd)


@torch.no_grad()
@pytest.mark.parametrize("layout", ["authors, in a body", "authors", "downsamples apart", "torchvision"])
def test_video_swin(state: State, layout: str) -> None:
    swin = video_swin()
    weights = dict(swin.state_dict())
    if layout != "torchvision":
        renamed = authors_layout(weights).items()
        weights = {k.removeprefix("backbone."): v for k, v in renamed if not k.startswith("cls_head")}
    else:
        weights = {key: value for key, value in weights.items() if not key.startswith("head.")}
    if layout == "downsamples apart":
        for stage in range(3):
            part = f"layers.{stage}.downsample."
            for key in [key for key in weights if key.startswith(part)]:
                weights[f"downsamples.{stage}.{key.removeprefix(part)}"] = weights.pop(key)
    if layout == "authors, in a body":
        weights = {f"body.{key}": value for key, value in weights.items()}
    model = load(with_backbone(state, weights, (8, 16, 32, 64)))
    assert model.config.frame_encoder.kind == "video-swin"
    assert model.config.frame_encoder.video_swin.depths == [1, 2, 1, 1]
    frames = torch.randn(1, 3, 3, 64, 64)
    x = swin.patch_embed(frames.transpose(1, 2))
    assert model.frame_encoder is not None
    for stage, ours in enumerate(model.frame_encoder(frames)):
        x = swin.features[2 * stage](x)
        torch.testing.assert_close(ours.permute(0, 1, 3, 4, 2), x, atol=1e-5, rtol=1e-5)
        x = swin.features[2 * stage + 1](x) if stage < 3 else x


def test_other_backbones_are_refused(state: State) -> None:
    twice = {k: v for k, v in video_swin(patch=2).state_dict().items() if not k.startswith("head.")}
    with pytest.raises(CheckpointError, match=r"of another shape \(frame_encoder.patch_embed.proj.weight"):
        load(with_backbone(state, twice, (8, 16, 32, 64)))
    with pytest.raises(CheckpointError, match="neither a ResNet nor a Video Swin"):
        load(state | {"backbone.0.body.stem.weight": torch.zeros(3)})
    plane = {"backbone.0.body.patch_embed.proj.weight": torch.zeros(8, 3, 4, 4)}  # a 2-D Swin
    with pytest.raises(CheckpointError, match="neither a ResNet nor a Video Swin"):
        load(state | plane)


def test_differing_keys_are_named(state: State) -> None:
    state["neg_head.weight"] = torch.zeros(3)
    del state["resizer.fc.bias"]
    missing = r"1 missing \(text_projection.linear.bias\).*unexpected \(neg_head"
    with pytest.raises(CheckpointError, match=missing):
        load(state)
    with pytest.raises(CheckpointError, match="R2-VOS checkpoint: the key query_embed.weight is missing"):
        load({k: v for k, v in state.items() if not k.startswith("query_embed")})


def test_the_second_copy_of_the_box_heads(state: State) -> None:
    """It may be left out; if it is there, it must be the same."""
    copy = "transformer.decoder.bbox_embed.1.layers.2.bias"
    load({key: value for key, value in state.items() if not key.startswith("transformer.decoder.bbox")})
    with pytest.raises(CheckpointError, match=f"{copy} must repeat bbox_embed.1.layers.2.bias"):
        load(state | {copy: state[copy] + 1})


def test_what_shapes_cannot_tell(state: State) -> None:
    """Half the heads with twice the points fit the shapes too; other products do not."""
    assert load(state, heads=4, points=8).config.points == 8
    with pytest.raises(CheckpointError, match=r"256 rows, but heads=8, points=2 and 4 levels make 128"):
        load(state, points=2)


def test_not_a_r2vos_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no published R2-VOS checkpoint"):
        load({"fc.weight": torch.zeros(2, 2)})
    with pytest.raises(CheckpointError, match="holds no tensors"):
        load({"epoch": 3})
    with pytest.raises(CheckpointError, match="no published R2-VOS checkpoint"):
        load(parity.read("mttr_nano_weights"))
    torch.save({"model": {"a": torch.zeros(1)}, "args": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(CheckpointError, match="pickled code is never run"):
        load(tmp_path / "evil.pth")
    (tmp_path / "cut.pth").write_bytes(b"text, no checkpoint")
    with pytest.raises(CheckpointError, match=r"cut\.pth"):
        load(tmp_path / "cut.pth")
