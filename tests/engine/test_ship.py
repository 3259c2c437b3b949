"""From the folder of a run into the package: files, float16, checksums, log; nothing by halves."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from rvos_edu.checksums import verify_checksums, write_checksums
from rvos_edu.engine.ship import ship
from rvos_edu.errors import CheckpointError
from rvos_edu.models import VideoModel, model_from_pretrained
from tests.tiny import tiny_model, tiny_r2vos


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def test_parts_are_copied_with_their_log(tmp_path: Path) -> None:
    video = write(tmp_path / "video", video_swin__safetensors="swin", log__jsonl="one\n", other__txt="no")
    text = write(
        tmp_path / "text",
        config__json="{}",
        model__safetensors="words",
        tokenizer__json="[]",
        tokenizer_config__json="{}",
        log__jsonl="two\n",
    )
    assets, logs = tmp_path / "assets", tmp_path / "docs" / "training"
    assert ship("nano-video-swin", video, assets=assets, logs=logs) == assets / "nano-video-swin"
    ship("nano-roberta", text, assets=assets, logs=logs)
    assert [p.name for p in (assets / "nano-video-swin").iterdir()] == ["model.safetensors"]
    assert (assets / "nano-video-swin" / "model.safetensors").read_text() == "swin"
    assert len(list((assets / "nano-roberta").iterdir())) == 4
    assert (logs / "nano-video-swin.jsonl").read_text() == "one\n"
    assert (logs / "nano-roberta.jsonl").read_text() == "two\n"
    write_checksums(assets)
    report = verify_checksums(assets)
    assert len(report.good) == 5 and not (report.changed or report.missing or report.unlisted)


@pytest.mark.parametrize("model", [tiny_model(), tiny_r2vos()], ids=["mttr", "r2vos"])
def test_a_model_is_halved_and_loads(model: VideoModel, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path / "run" / "model")
    write(tmp_path / "run", metrics__jsonl="{}\n")
    write(tmp_path / "run-1-masks", metrics__jsonl="first\n")
    write(tmp_path / "run-other", metrics__jsonl="not a stage of it\n")
    target = ship("nano-mttr", tmp_path / "run", assets=tmp_path / "assets", logs=tmp_path / "logs")
    weights = load_file(target / "model.safetensors")
    assert all(w.dtype in (torch.float16, torch.int64) for w in weights.values())
    assert not [key for key in weights if "index" in key]
    assert (tmp_path / "logs" / "run-1-masks.jsonl").read_text() == "first\n"
    assert not (tmp_path / "logs" / "run-other.jsonl").exists()
    again = model_from_pretrained(target)
    assert type(again) is type(model)
    assert again.tokenizer is not None and (tmp_path / "logs" / "nano-mttr.jsonl").is_file()
    for name, value in model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    "there, missing", [("video_swin.safetensors", "log.jsonl"), ("log.jsonl", "video_swin")]
)
def test_a_run_without_weights_or_log_changes_nothing(there: str, missing: str, tmp_path: Path) -> None:
    run = write(tmp_path / "run", **{there: "new"})
    old = write(tmp_path / "assets" / "nano-video-swin", model__safetensors="old")
    with pytest.raises(CheckpointError, match=missing):
        ship("nano-video-swin", run, assets=tmp_path / "assets", logs=tmp_path / "logs")
    assert (old / "model.safetensors").read_text() == "old" and not (tmp_path / "logs").exists()
    with pytest.raises(CheckpointError, match="train nano-mttr first"):
        ship("nano-mttr", run, assets=tmp_path / "assets", logs=tmp_path / "logs")
