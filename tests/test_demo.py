"""The demo on a tiny dataset with a tiny model: every part is there, and nothing else is touched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from rvos_edu import demo
from rvos_edu.config import ExperimentConfig, R2VOSExperimentConfig
from rvos_edu.errors import ConfigError, DataError
from rvos_edu.models import MTTR
from rvos_edu.presets import to_yaml
from tests.engine.conftest import text_encoder, tiny, tree, write_tree
from tests.tiny import tiny_model, tiny_r2vos

__all__ = ["text_encoder", "tiny", "tree"]  # fixtures


def judge_config() -> R2VOSExperimentConfig:
    config = R2VOSExperimentConfig()
    config.data.short_side, config.data.max_side = 32, 48
    return config


def test_every_part_is_there(
    tiny: ExperimentConfig, text_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    root = write_tree(tmp_path / "data", {"train": 4, "valid": 2, "test": 3})
    tiny.data.root = str(root)
    tiny.train.steps = 2
    torch.manual_seed(0)
    MTTR(tiny.model, tokenizer=text_encoder).save_pretrained(tmp_path / "trained" / "model")
    (tmp_path / "trained" / "config.yaml").write_text(to_yaml(tiny))
    tiny_r2vos().save_pretrained(tmp_path / "judge" / "model")
    (tmp_path / "judge" / "config.yaml").write_text(to_yaml(judge_config()))
    page = demo.run(
        "demo",
        model=str(tmp_path / "trained"),
        judge=str(tmp_path / "judge"),
        training=str(tmp_path / "trained" / "config.yaml"),
        root=root,
        videos=2,
    )
    assert sorted(p.name for p in (tmp_path / "demo").iterdir()) == [
        "demo.json", "evaluation", "false-sentence", "false-sentence.png", "report.html", "result.png",
        "segmentation", "training",
    ]  # fmt: skip
    assert (tmp_path / "demo" / "segmentation" / "overlay.mp4").stat().st_size > 0
    assert (tmp_path / "demo" / "training" / "model" / "model.safetensors").is_file()
    assert len(json.loads((tmp_path / "demo" / "demo.json").read_text())["seconds"]) == 5
    text = page.read_text()
    assert "From a sentence to masks" in text and "Watching it learn" in text
    assert text.count("data:image/png;base64,") == 9 and 'src="http' not in text
    assert "A sentence that fits nothing" in text and "of 3 true sentences" in text
    for name in ("true", "false"):
        votes = json.loads((tmp_path / "demo" / "false-sentence" / name / "votes.json").read_text())
        assert votes["mismatch"] is not None and votes["rejected"] is (not votes["aligned"])
    demo.make_room(tmp_path / "demo")
    assert sorted(p.name for p in (tmp_path / "demo").iterdir()) == [
        "demo.json", "false-sentence.png", "report.html", "result.png",
    ]  # fmt: skip


def test_other_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match="holds other files"):
        demo.run(tmp_path)
    with pytest.raises(DataError, match="is a file"):
        demo.run(tmp_path / "thesis.txt")
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_only_a_model_that_judges_is_asked_a_false_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(demo, "load_model", lambda name: (tiny_model(), ExperimentConfig()))
    with pytest.raises(ConfigError, match="nano-mttr is not an R2-VOS"):
        demo.run(tmp_path / "demo", judge="nano-mttr")
