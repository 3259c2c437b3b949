"""Two processes train R2-VOS as one with the same global batch does: the whole model and its ablations."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

import rvos_edu.engine.train as engine
from rvos_edu.config import R2VOSExperimentConfig
from rvos_edu.engine.logs import read_metrics
from rvos_edu.engine.train import train
from rvos_edu.presets import to_yaml
from tests.engine.test_two_processes import TORCHRUN, assert_close, gradients

SCRIPT = str(Path(__file__).parent / "run_several.py")
TERMS = ("dice", "focal", "cls", "l1", "giou", "distance", "angle", "pointwise", "align", "grad_norm")
COUNTS = ("negatives", "negatives_missing")
# "plain" learns masks, class and boxes only; its alignment classifier takes part without learning.
VARIANTS: dict[str, dict[str, dict[str, Any]]] = {
    "full": {},
    "plain": {
        "model": {"grounding": "none"},
        "loss": {"relation": "none", "align": 0.0},
        "data": {"negatives_per_clip": 0},
    },
    "point": {"model": {"filters": 1}, "loss": {"relation": "point-wise"}},
    "published": {
        "model": {"decoder": "deformable", "mask_head": "conditional", "sentence": "pooler"},
        "loss": {"normalise": "reference"},
        "data": {"negatives_per_clip": 1},
    },
}
TEXT = {"text": {"optimizer": {"lr_text_encoder": 1e-4}}}  # its dropout differs from process to process


def variant(config: R2VOSExperimentConfig, name: str, *, batch_size: int) -> R2VOSExperimentConfig:
    """One step without dropout and clipping; Adam's first moment is then a tenth of the gradient."""
    config = replace(
        config,
        model=replace(config.model, dropout=0.0),
        data=replace(config.data, expressions_per_clip=3),
        optimizer=replace(config.optimizer, clip_norm=1e9),
        train=replace(config.train, batch_size=batch_size, steps=1, checkpoint_every=1, seed=3),
    )
    changes = {**VARIANTS, **TEXT}[name].items()
    return replace(config, **{key: replace(getattr(config, key), **values) for key, values in changes})


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("two")


@pytest.fixture
def two(together: Path, tiny_r2vos: R2VOSExperimentConfig) -> Path:
    """All variants, trained by two processes in one launch."""
    if any(together.iterdir()):
        return together
    for name in (*VARIANTS, *TEXT):
        (together / f"{name}.yaml").write_text(to_yaml(variant(tiny_r2vos, name, batch_size=2)))
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(engine.__file__).parents[2]),
        "OMP_NUM_THREADS": "1",
        "ACCELERATE_USE_CPU": "true",
        "CUDA_VISIBLE_DEVICES": "",
    }
    command = [sys.executable, "-m", *TORCHRUN, SCRIPT, str(together)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("on 2 x cpu") == len(VARIANTS) + len(TEXT)
    return together


@pytest.mark.parametrize("name", list(VARIANTS))
def test_gradients_and_losses_of_one_process(
    name: str, two: Path, tiny_r2vos: R2VOSExperimentConfig, tmp_path: Path
) -> None:
    """Although the two hold 4 and 6 sentences, and other numbers of negatives."""
    train(variant(tiny_r2vos, name, batch_size=4), out=tmp_path)
    (alone,), (both,) = (read_metrics(folder / "metrics.jsonl") for folder in (tmp_path, two / name))
    for term in ("loss", *TERMS):
        assert both[term] == pytest.approx(alone[term], rel=1e-4, abs=1e-7), term
    for count in COUNTS:  # of a process, on average
        assert 2 * both[count] == alone[count]
    assert (alone["negatives"] > 0) == (name != "plain")
    # Sums of some entries cancel out: to 1e-7 of the largest entry, that is to float32's last digit.
    assert_close(gradients(tmp_path), gradients(two / name), floor=1e-2)


def test_a_text_encoder_that_learns(two: Path) -> None:
    """No process waits for a gradient that does not come."""
    sizes = {name: sum(g.numel() for g in gradients(two / name)) for name in ("full", "text")}
    saved = load_file(two / "text" / "model" / "model.safetensors")
    encoder = sum(tensor.numel() for name, tensor in saved.items() if name.startswith("text_encoder."))
    assert encoder > 0 and sizes["text"] == sizes["full"] + encoder
