"""Models by name: what they are held against, and what makes no difference."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from rvos_edu.config import AnyExperiment
from rvos_edu.errors import DataError
from rvos_edu.presets import load_config, to_yaml
from rvos_edu.tables.models import find_model, find_published


def write(folder: Path, config: AnyExperiment, *, settings: bool = False) -> Path:
    """What a model's folder holds beside its weights."""
    folder.mkdir(parents=True)
    values = {"architecture": config.architecture, **asdict(config.model)}
    (folder / "config.json").write_text(json.dumps(values))
    if settings:
        (folder / "config.yaml").write_text(to_yaml(config))
    return folder


def test_a_model_and_a_run_of_the_preset(tmp_path: Path) -> None:
    config = load_config("mttr-a2d-w10")
    write(tmp_path / "one", config, settings=True)
    write(tmp_path / "run" / "model", config)
    assert find_model(tmp_path, "one", config) == str(tmp_path / "one")
    assert find_model(tmp_path, "run", config) == str(tmp_path / "run")
    assert find_model(tmp_path, "two", config) is None
    assert find_model(None, "one", config) is None


@pytest.mark.parametrize(
    ("other", "change", "named"),
    [
        ("nano-mttr", "--model.queries=50", r"model\.temporal_encoder\.embed_dim: 32, not 96"),
        ("mttr-a2d-w10", "--model.queries=10", r"in model\.queries: 10, not 50$"),
        ("mttr-a2d-w8", "--data.flip=0", r"in data\.window: 8, not 10$"),
        ("nano-r2vos", "--data.flip=0", r"in architecture: r2vos, not mttr$"),
    ],
)
def test_other_models_of_that_name(other: str, change: str, named: str, tmp_path: Path) -> None:
    write(tmp_path / "mttr-a2d-w10", load_config(other, [change]), settings=True)
    with pytest.raises(DataError, match=r"mttr-a2d-w10 differs from mttr-a2d-w10 .*" + named):
        find_model(tmp_path, "mttr-a2d-w10", load_config("mttr-a2d-w10"))


def test_what_evaluation_does_not_use_may_differ(tmp_path: Path) -> None:
    changes = ["--model.dropout=0", "--model.frame_encoder.name=resnet50", "--optimizer.lr=1"]
    write(tmp_path / "one", load_config("r2vos-ref-ytvos", changes), settings=True)
    assert find_model(tmp_path, "one", load_config("r2vos-ref-ytvos")) is not None
    write(tmp_path / "two", load_config("mttr-a2d-w8", ["--model.temporal_encoder.drop_path=0"]))
    assert find_model(tmp_path, "two", load_config("mttr-a2d-w8")) is not None


def test_the_published_one_is_held_against_its_own_preset(tmp_path: Path) -> None:
    name = "r2vos-ref-ytvos-published"  # has another decoder than the rows' r2vos-ref-ytvos
    write(tmp_path / name, load_config(name))
    assert find_published(tmp_path, name) == str(tmp_path / name)
    assert find_published(tmp_path, None) is None
    with pytest.raises(DataError, match="model.decoder: 'deformable', not 'standard'"):
        find_model(tmp_path, name, load_config("r2vos-ref-ytvos"))


def test_damaged_ones_are_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "one", load_config("mttr-a2d-w10"), settings=True)
    (folder / "config.yaml").write_text("data: {windo: 3}")
    with pytest.raises(DataError, match="windo"):
        find_model(tmp_path, "one", load_config("mttr-a2d-w10"))
    (folder / "config.json").write_text("{")
    with pytest.raises(DataError, match=r"config\.json"):
        find_model(tmp_path, "one", load_config("mttr-a2d-w10"))
