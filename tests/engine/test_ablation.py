"""The ablation of nano-r2vos: rows that differ in one idea, a table that says how many seeds it stands on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rvos_edu.config import R2VOSExperimentConfig
from rvos_edu.errors import ConfigError
from rvos_edu.presets import load_config
from tests.scripts import data_script

ablation = data_script("ablate_nano_r2vos")


def second_stage(row: str, runs: Path) -> R2VOSExperimentConfig:
    (first, _), (second, keys) = ablation.stages(row, 7, runs, steps=2500, first=450)
    config = load_config("nano-r2vos", keys)
    assert isinstance(config, R2VOSExperimentConfig)
    assert config.init.model == str(first / "model") and second.name == f"{row}-7"
    assert (config.train.steps, config.train.seed) == (2500, 7)
    return config


@pytest.mark.parametrize(
    ("row", "section", "key", "value"),
    [
        ("no-cycle", "loss", "relation", "none"),
        ("point-wise", "loss", "relation", "point-wise"),
        ("no-grounding", "model", "grounding", "none"),
        ("K-1", "model", "filters", 1),
        ("K-2", "model", "filters", 2),
        ("K-4", "model", "filters", 4),
        ("no-negatives", "data", "negatives_per_clip", 0),
    ],
)
def test_a_row_differs_in_one_idea(row: str, section: str, key: str, value: object, tmp_path: Path) -> None:
    shipped, changed = second_stage("shipped", tmp_path), second_stage(row, tmp_path)
    assert getattr(getattr(changed, section), key) == value
    setattr(getattr(changed, section), key, getattr(getattr(shipped, section), key))
    changed.init.model = shipped.init.model
    assert changed == shipped


def test_the_table_has_means_and_ranges_over_training_seeds(tmp_path: Path) -> None:
    for name, jf in (("shipped-1", 80.0), ("shipped-2", 83.0), ("K-1-1", 70.0)):
        folder = tmp_path / name / "evaluation"
        folder.mkdir(parents=True)
        figures = {"overall.jf": {"mean": jf}, "robust.random.r": {"mean": 50.0}}
        (folder / "evaluation.json").write_text(json.dumps({"figures": figures}))
        (tmp_path / name / "metrics.jsonl").write_text('{"event": "train", "step": 9}\n')
    found, steps = ablation.collect(tmp_path)
    lines = ablation.tabulate(found, steps=steps).splitlines()
    assert lines[2].split(" | ")[1:4] == ["2", "81.5 (80.0 to 83.0)", "50.0 (50.0 to 50.0)"]
    assert lines[3].split(" | ")[1:5] == ["1", "70.0", "50.0", "-"]
    assert lines[-1] == "9 steps of the full mixture each; means over 3 test splits."


def test_runs_of_different_lengths_make_no_table(tmp_path: Path) -> None:
    for name, step in (("shipped-1", 5), ("K-1-1", 6)):
        (tmp_path / name / "evaluation").mkdir(parents=True)
        (tmp_path / name / "evaluation" / "evaluation.json").write_text('{"figures": {}}')
        (tmp_path / name / "metrics.jsonl").write_text(f'{{"event": "train", "step": {step}}}\n')
    with pytest.raises(ConfigError, match=r"runs of one length, got lengths \[5, 6\]"):
        ablation.collect(tmp_path)


def test_a_classifier_that_never_learned_has_no_figures() -> None:
    figures = {key: 50.0 for key in ablation.COLUMNS.values()}
    line = ablation.tabulate({"no-negatives": [figures]}, steps=9).splitlines()[2]
    assert line == "| negatives off | 1 | 50.0 | 50.0 | - | - | 50.0 | - | - |"


def test_what_is_finished_is_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(ablation.subprocess, "run", lambda command, **_: commands.append(command))
    folder = tmp_path / "K-1-42"
    (folder / "checkpoints" / "step-5").mkdir(parents=True)
    for _ in range(2):
        ablation.train(folder, ["--model.filters", "1"])
    assert len(commands) == 1 and "--resume" in commands[0] and "--model.filters" not in commands[0]
