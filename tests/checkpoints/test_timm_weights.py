"""Weights of timm's models: read in their own layout, refused where they do not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors.torch import save_file

from rvos_edu.checkpoints import load_timm
from rvos_edu.errors import CheckpointError

RESNET, CONVNEXT = "resnet18", "convnext_atto"  # names with points, and with list indices before them


@pytest.fixture(scope="module")
def resnet() -> Any:
    """A whole classifier with statistics of its own."""
    torch.manual_seed(0)
    model = timm.create_model(RESNET)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
    return model.eval()


def state(model: Any) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_file_as_timm_saves_it(resnet: Any, suffix: str, tmp_path: Path) -> None:
    """The last of our maps is what the whole model would pool."""
    path = tmp_path / f"model{suffix}"
    if suffix == ".pth":
        torch.save(resnet.state_dict(), path)
    else:
        save_file(state(resnet), path)
    encoder = load_timm(path, name=RESNET).eval()
    image = torch.randn(1, 3, 40, 48)
    with torch.no_grad():
        expected = resnet.forward_features(image)
        maps = encoder(image[:, None])
    assert [tuple(m.shape) for m in maps] == [
        (1, 1, 64, 10, 12),
        (1, 1, 128, 5, 6),
        (1, 1, 256, 3, 3),
        (1, 1, 512, 2, 2),
    ]
    torch.testing.assert_close(maps[-1][:, 0], expected)
    own, given = encoder.state_dict(), state(resnet)
    assert {key.removeprefix("body.") for key in own} == {
        key for key in given if not key.startswith("fc.") and not key.endswith("num_batches_tracked")
    }
    assert all(torch.equal(tensor, given[key.removeprefix("body.")]) for key, tensor in own.items())


def test_names_of_stages_in_a_list() -> None:
    """stages.0 of the whole model is stages_0 of the one that gives maps; the norm of its head gives none."""
    torch.manual_seed(1)
    whole = state(timm.create_model(CONVNEXT))
    own = load_timm(whole, name=CONVNEXT).state_dict()
    name = "stages.3.blocks.1.mlp.fc1.weight"
    assert torch.equal(own["body.stages_3.blocks.1.mlp.fc1.weight"], whole[name])
    assert len(own) == len(whole) - 4 and "head.norm.weight" in whole and "head.fc.weight" in whole


def test_the_classifier_may_be_another_or_missing(resnet: Any) -> None:
    other = state(resnet) | {"fc.weight": torch.zeros(7, 512), "fc.bias": torch.zeros(7)}
    bare = {key: tensor for key, tensor in state(resnet).items() if not key.startswith("fc.")}
    for weights in (other, bare, {"state_dict": bare}, {f"module.{key}": bare[key] for key in bare}):
        own = load_timm(weights, name=RESNET).state_dict()
        assert torch.equal(own["body.layer4.1.conv2.weight"], bare["layer4.1.conv2.weight"])


def test_anything_else_is_one_error_that_names_the_keys(resnet: Any, tmp_path: Path) -> None:
    weights = state(resnet)
    del weights["layer1.0.conv1.weight"]
    weights["layer5.0.conv1.weight"] = torch.zeros(1)
    path = tmp_path / "model.safetensors"
    save_file(weights, path)
    with pytest.raises(CheckpointError) as error:
        load_timm(path, name=RESNET)
    message = str(error.value)
    assert "1 missing (body.layer1.0.conv1.weight)" in message and "\n" not in message
    assert "1 unexpected (layer5.0.conv1.weight)" in message and str(path) in message
    wide = state(resnet) | {"conv1.weight": torch.zeros(64, 3, 3, 3)}
    with pytest.raises(
        CheckpointError, match=r"body.conv1.weight \[64, 3, 3, 3\] instead of \[64, 3, 7, 7\]"
    ):
        load_timm(wide, name=RESNET)
    with pytest.raises(CheckpointError, match="does not fit.* missing"):
        load_timm(weights, name="resnet26")


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="resnet.pth is missing"):
        load_timm(tmp_path / "resnet.pth", name=RESNET)
    (tmp_path / "cut.pth").write_bytes(b"PK\x03\x04")
    with pytest.raises(CheckpointError, match="cut.pth is damaged"):
        load_timm(tmp_path / "cut.pth", name=RESNET)
    with pytest.raises(ValueError, match="timm has no model 'resnet5'"):
        load_timm({}, name="resnet5")


def test_timm_fetches_them(resnet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    create, asked = timm.create_model, []

    def fetching(name: str, pretrained: bool = False, **options: Any) -> Any:
        if pretrained:
            asked.append(name)
            return resnet
        return create(name, **options)

    monkeypatch.setattr("rvos_edu.checkpoints.timm_weights.timm.create_model", fetching)
    own = load_timm("timm", name="resnet18.a1_in1k").state_dict()
    assert asked == ["resnet18.a1_in1k"]
    assert torch.equal(own["body.conv1.weight"], resnet.state_dict()["conv1.weight"])


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (LocalEntryNotFoundError("cannot find the file.\nPlease check"), "cannot find the file. It"),
        (
            RuntimeError("No pretrained weights exist for resnet18."),
            "No pretrained weights exist for resnet18. It",
        ),
        (ConnectionError(), "ConnectionError"),
    ],
)
def test_without_a_network_it_says_so(error: Exception, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    create = timm.create_model

    def failing(name: str, pretrained: bool = False, **options: Any) -> Any:
        if pretrained:
            raise error
        return create(name, **options)

    monkeypatch.setattr("rvos_edu.checkpoints.timm_weights.timm.create_model", failing)
    with pytest.raises(CheckpointError) as raised:
        load_timm("timm", name=RESNET)
    message = str(raised.value)
    assert message.startswith("timm could not fetch weights of 'resnet18': ") and reason in message
    assert "needs the network once; or give a file" in message and "\n" not in message
