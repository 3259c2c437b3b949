"""Save and load: round trip, half precision, damaged and foreign checkpoints, nothing half-written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from rvos_edu.errors import CheckpointError
from rvos_edu.models import MTTR, pretrained
from tests.tiny import tiny_model


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model().save_pretrained(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "copy"))


def edit_config(folder: Path, change: Any) -> None:
    content = json.loads((folder / "config.json").read_text())
    change(content)
    (folder / "config.json").write_text(json.dumps(content))


@torch.no_grad()
def test_round_trip(saved: Path) -> None:
    first, second = tiny_model(), MTTR.from_pretrained(saved)
    frames = torch.randn(1, 2, 3, 16, 16)
    assert not second.training and second.config == first.config
    assert second(frames, ["the Red  circle"]).mask_logits.equal(
        first(frames, ["the red circle"]).mask_logits
    )
    assert not [key for key in load_file(saved / "model.safetensors") if "relative_position_index" in key]


def test_half_precision_files_load_as_float32(tmp_path: Path) -> None:
    tiny_model().save_pretrained(tmp_path / "half", dtype=torch.float16)
    assert load_file(tmp_path / "half" / "model.safetensors")["queries.weight"].dtype == torch.float16
    weight = MTTR.from_pretrained(tmp_path / "half").queries.weight
    assert weight.dtype == torch.float32
    assert torch.allclose(weight, tiny_model().queries.weight, atol=2e-3)


def test_without_tokenizer(tmp_path: Path) -> None:
    MTTR(tiny_model().config).save_pretrained(tmp_path / "plain")
    assert MTTR.from_pretrained(tmp_path / "plain").tokenizer is None


def test_another_architecture_names_the_keys(copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    weights["querys.weight"] = weights.pop("queries.weight")
    weights["mask_head.out.bias"] = torch.zeros(9)
    save_file(weights, copy / "model.safetensors")
    with pytest.raises(CheckpointError) as error:
        MTTR.from_pretrained(copy)
    text = str(error.value)
    assert "1 missing (queries.weight)" in text and "1 unexpected (querys.weight)" in text
    assert "mask_head.out.bias [9] instead of [8]" in text
    assert "nearest to querys.weight is queries.weight" in text


def test_other_sizes_in_the_config(copy: Path) -> None:
    edit_config(copy, lambda c: c.update(queries=7))
    with pytest.raises(CheckpointError, match=r"queries.weight \[5, 64\] instead of \[7, 64\]"):
        MTTR.from_pretrained(copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(querys=3), "unknown key querys, did you mean queries"),
        (lambda c: c["temporal_encoder"].pop("depths"), "lacks the keys temporal_encoder.depths"),
        (lambda c: c.update(heads="4"), "heads must be int, got '4'"),
        (lambda c: c.update(text_encoder=3), "text_encoder must hold keys and values"),
    ],
)
def test_bad_config(copy: Path, change: Any, message: str) -> None:
    edit_config(copy, change)
    with pytest.raises(CheckpointError, match=message):
        MTTR.from_pretrained(copy)


def test_damaged_files(copy: Path) -> None:
    whole = (copy / "model.safetensors").read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"not a checkpoint" * 9):
        (copy / "model.safetensors").write_bytes(damaged)
        with pytest.raises(CheckpointError, match="damaged or no safetensors"):
            MTTR.from_pretrained(copy)
    (copy / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"model.safetensors is missing"):
        MTTR.from_pretrained(copy)
    (copy / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="not readable JSON"):
        MTTR.from_pretrained(copy)


def test_no_such_model(tmp_path: Path) -> None:
    for name in (tmp_path, tmp_path / "nothing", "../../etc"):
        with pytest.raises(CheckpointError, match="expected a folder with config.json, a hub id or one of"):
            MTTR.from_pretrained(name)


def test_a_full_disk_leaves_the_old_model(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {file.name: file.read_bytes() for file in copy.iterdir()}

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pretrained, "save_file", full)
    with pytest.raises(ValueError, match="disk is full"):
        tiny_model(seed=1).save_pretrained(copy)
    assert {file.name: file.read_bytes() for file in copy.iterdir()} == before
    assert [p.name for p in copy.parent.iterdir()] == [copy.name]
