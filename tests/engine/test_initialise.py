"""What a run starts from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from rvos_edu.config import ExperimentConfig, FrameEncoderConfig, R2VOSExperimentConfig
from rvos_edu.engine.initialise import initial_model, training_clips, validation_videos
from rvos_edu.errors import CheckpointError, ConfigError


def test_text_encoder_comes_from_its_folder(tiny: ExperimentConfig, text_encoder: Path) -> None:
    model = initial_model(tiny)
    own = model.text_encoder.roberta.state_dict()
    saved = load_file(text_encoder / "model.safetensors")
    name = "encoder.layer.0.attention.self.query.weight"
    assert torch.equal(own[name], saved[name])
    assert model.tokenizer is not None
    assert model.tokenizer("the red square")["input_ids"] == [0, 5, 7, 6, 2]


def test_a_language_model_with_heads_will_do(
    tiny: ExperimentConfig, text_encoder: Path, tmp_path: Path
) -> None:
    """The published RoBERTa files hold `roberta.*`, `lm_head.*` and position ids; here also in float16."""
    for item in text_encoder.iterdir():
        (tmp_path / item.name).write_bytes(item.read_bytes())
    saved = load_file(text_encoder / "model.safetensors")
    weights = {f"roberta.{name}": tensor.half() for name, tensor in saved.items()}
    weights |= {"lm_head.bias": torch.zeros(20), "roberta.embeddings.position_ids": torch.arange(20)}
    save_file(weights, tmp_path / "model.safetensors")
    model = initial_model(replace(tiny, init=replace(tiny.init, text_encoder=str(tmp_path))))
    name = "encoder.layer.0.attention.self.query.weight"
    own = model.text_encoder.roberta.state_dict()[name]
    assert own.dtype == torch.float32
    assert torch.equal(own, saved[name].half().float())


def test_a_text_encoder_of_other_sizes(tiny: ExperimentConfig) -> None:
    wider = replace(tiny.model.text_encoder, feedforward=64)
    with pytest.raises(
        CheckpointError, match=r"intermediate\.dense\.weight \[32, 32\] instead of \[64, 32\]"
    ):
        initial_model(replace(tiny, model=replace(tiny.model, text_encoder=wider)))
    heads = replace(tiny.model.text_encoder, heads=4)
    with pytest.raises(CheckpointError, match="num_attention_heads is 2, the config says 4"):
        initial_model(replace(tiny, model=replace(tiny.model, text_encoder=heads)))


def test_temporal_encoder_from_kinetics_weights(tiny: ExperimentConfig, tmp_path: Path) -> None:
    """A 2x4x4 kernel becomes 1x4x4 by its sum over time."""
    weights = {
        name: torch.randn_like(t) for name, t in initial_model(tiny).temporal_encoder.state_dict().items()
    }
    kernel = torch.randn(8, 3, 2, 4, 4)
    path = tmp_path / "swin.safetensors"
    save_file({**weights, "patch_embed.proj.weight": kernel}, path)
    config = replace(tiny, init=replace(tiny.init, temporal_encoder=str(path)))
    own = initial_model(config).temporal_encoder.state_dict()
    torch.testing.assert_close(own.pop("patch_embed.proj.weight"), kernel.sum(2, keepdim=True))
    assert all(torch.equal(own[name], weights[name]) for name in own)
    deeper = replace(tiny.model.temporal_encoder, depths=[2, 1, 1])
    with pytest.raises(CheckpointError, match="does not fit this architecture.* missing"):
        initial_model(replace(config, model=replace(config.model, temporal_encoder=deeper)))


def test_frame_encoder_from_weights_of_timm(tiny_r2vos: R2VOSExperimentConfig, tmp_path: Path) -> None:
    name, path = "mobilenetv3_small_050", tmp_path / "mobilenet.safetensors"
    torch.manual_seed(5)
    whole = {key: tensor.clone() for key, tensor in timm.create_model(name).state_dict().items()}
    save_file(whole, path)
    model = replace(tiny_r2vos.model, frame_encoder=FrameEncoderConfig(name=name))
    config = replace(tiny_r2vos, model=model, init=replace(tiny_r2vos.init, frame_encoder=str(path)))
    own = initial_model(config).frame_encoder.state_dict()
    assert len(own) > 100
    assert all(torch.equal(own[key], whole[key.removeprefix("body.")]) for key in own)
    hub = tmp_path / "mobilenet.lamb_in1k"  # a folder as on the hub, named by its whole path
    hub.mkdir()
    save_file(whole, hub / "model.safetensors")
    again = initial_model(replace(config, init=replace(config.init, frame_encoder=str(hub))))
    assert torch.equal(again.frame_encoder.state_dict()["body.conv_stem.weight"], whole["conv_stem.weight"])
    initial_model(config).save_pretrained(tmp_path / "model")
    tagged = replace(model, frame_encoder=FrameEncoderConfig(name=f"{name}.lamb_in1k"))
    again = replace(config, model=tagged, init=replace(config.init, model=str(tmp_path / "model")))
    stem = initial_model(again).frame_encoder.state_dict()["body.conv_stem.weight"]
    assert torch.equal(stem, whole["conv_stem.weight"])  # a tag names weights, not sizes
    del whole["conv_stem.weight"]
    save_file(whole, path)
    with pytest.raises(CheckpointError, match=r"mobilenet.safetensors does not fit.*body\.conv_stem\.weight"):
        initial_model(config)


@pytest.mark.parametrize(
    ("encoder", "source", "message"),
    [
        (
            FrameEncoderConfig(name="resnet18"),
            "nano-video-swin",
            "is a Video Swin of this package, but .*null",
        ),
        (None, "timm", "is 'timm', but model.frame_encoder.kind is 'video-swin': expected a file"),
    ],
)
def test_weights_of_the_other_kind_of_frame_encoder(
    tiny_r2vos: R2VOSExperimentConfig, encoder: FrameEncoderConfig | None, source: str, message: str
) -> None:
    model = tiny_r2vos.model if encoder is None else replace(tiny_r2vos.model, frame_encoder=encoder)
    with pytest.raises(ConfigError, match=f"init.frame_encoder .*{message}"):
        initial_model(replace(tiny_r2vos, model=model, init=replace(tiny_r2vos.init, frame_encoder=source)))


def test_only_a_text_encoder_with_a_rate_learns(tiny_r2vos: R2VOSExperimentConfig) -> None:
    for rate in (0.0, 1e-5):
        optimizer = replace(tiny_r2vos.optimizer, lr_text_encoder=rate)
        text = initial_model(replace(tiny_r2vos, optimizer=optimizer)).train().text_encoder
        assert all(parameter.requires_grad == (rate > 0) for parameter in text.parameters())
        assert text(["the red square"]).words.requires_grad == text.roberta.training == (rate > 0)


def test_a_whole_model(tiny: ExperimentConfig, tmp_path: Path) -> None:
    model = initial_model(tiny)
    model.save_pretrained(tmp_path)
    config = replace(tiny, init=replace(tiny.init, text_encoder=None, model=str(tmp_path)))
    config = replace(config, model=replace(config.model, dropout=0.3))
    again = initial_model(config)
    own = model.state_dict()
    assert all(torch.equal(own[name], tensor) for name, tensor in again.state_dict().items())
    assert again.tokenizer is not None and again.config.dropout == 0.3
    fewer = replace(
        config.model, queries=4, temporal_encoder=replace(config.model.temporal_encoder, heads=[1, 1, 2])
    )
    with pytest.raises(
        ConfigError,
        match=r"another architecture: model\.temporal_encoder\.heads is \[1, 1, 2\].*model\.queries is 4",
    ):
        initial_model(replace(config, model=fewer))


def test_missing_parts(tiny: ExperimentConfig) -> None:
    for part in ("temporal_encoder", "text_encoder", "model"):
        with pytest.raises(CheckpointError, match="no-such-part"):
            initial_model(replace(tiny, init=replace(tiny.init, **{part: "no-such-part"})))


def test_data_of_the_two_splits(tiny: ExperimentConfig) -> None:
    data, clips = training_clips(tiny)
    assert clips == list(range(7)) and [len(data[clip]) for clip in clips] == [2] * 7
    few, clips = training_clips(replace(tiny, data=replace(tiny.data, train_videos=3)))
    assert [few.dataset.clips[clip].video for clip in clips] == ["train000", "train001", "train002"]
    assert len(validation_videos(tiny).clips) == 2


def test_an_epoch_with_every_expression_has_an_item_per_sentence(tiny: ExperimentConfig) -> None:
    data = replace(tiny.data, every_expression=True, expressions_per_clip=1)
    grouped, items = training_clips(replace(tiny, data=data))
    assert len(items) == len(grouped) == len(grouped.dataset) > 7
    few, chosen = training_clips(replace(tiny, data=replace(data, train_videos=1)))
    assert {few.dataset.clips[few.clip_of(i)].video for i in chosen} == {"train000"}
