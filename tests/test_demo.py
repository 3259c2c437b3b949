"""The demo on a tiny dataset with a tiny model: every part is there, and nothing else is touched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from rvos_edu import demo
from rvos_edu.config import ExperimentConfig
from rvos_edu.errors import DataError
from rvos_edu.models import MTTR
from rvos_edu.presets import to_yaml
from tests.engine.conftest import text_encoder, tiny, tree, write_tree

__all__ = ["text_encoder", "tiny", "tree"]  # fixtures


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
    page = demo.run(
        "demo",
        model=str(tmp_path / "trained"),
        training=str(tmp_path / "trained" / "config.yaml"),
        root=root,
        videos=2,
    )
    assert sorted(p.name for p in (tmp_path / "demo").iterdir()) == [
        "demo.json", "evaluation", "report.html", "result.png", "segmentation", "training",
    ]  # fmt: skip
    assert (tmp_path / "demo" / "segmentation" / "overlay.mp4").stat().st_size > 0
    assert (tmp_path / "demo" / "training" / "model" / "model.safetensors").is_file()
    assert len(json.loads((tmp_path / "demo" / "demo.json").read_text())["seconds"]) == 4
    text = page.read_text()
    assert "From a sentence to masks" in text and "Watching it learn" in text
    assert text.count("data:image/png;base64,") == 8 and 'src="http' not in text
    demo.make_room(tmp_path / "demo")
    assert sorted(p.name for p in (tmp_path / "demo").iterdir()) == [
        "demo.json", "report.html", "result.png",
    ]  # fmt: skip


def test_other_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match="holds other files"):
        demo.run(tmp_path)
    with pytest.raises(DataError, match="is a file"):
        demo.run(tmp_path / "thesis.txt")
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
