"""Notes of data in evaluation.json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rvos_edu.data import VideoDataset, refer_youtube_vos_layout
from rvos_edu.engine import evaluate as module
from rvos_edu.engine.evaluation_notes import notes_of
from tests.engine.conftest import write_tree
from tests.tiny import tiny_model


def test_each_once_in_order(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "data", {"valid": 1})
    data = [VideoDataset(root, split="valid") for _ in range(3)]
    for dataset, notes in zip(data, [("b",), (), ("a", "b")], strict=True):
        dataset.notes = notes
    assert notes_of(data) == ["b", "a"]


def test_the_command_keeps_and_prints_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_tree(tmp_path / "data", {"valid": 1})
    tiny_model().save_pretrained(tmp_path / "model")
    out = tmp_path / "out"
    given = {"data": "refer-youtube-vos", "root": str(root), "split": "valid", "out": str(out)}
    module.run(str(tmp_path / "model"), **given)  # type: ignore[arg-type]
    assert json.loads((out / "evaluation.json").read_text())["notes"] == []
    monkeypatch.setattr(refer_youtube_vos_layout, "notes_of_videos", lambda *_: ("drawn frames",))
    module.run(str(tmp_path / "model"), **given)  # type: ignore[arg-type]
    content = json.loads((out / "evaluation.json").read_text())
    assert content["notes"] == ["drawn frames"] and content["figures"]
    assert "<li>drawn frames</li>" in (out / "index.html").read_text()
    assert "not as in published figures: drawn frames" in capsys.readouterr().out
