"""Two processes give the gradients of one with the same global batch, whatever each of them holds."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

import rvos_edu.engine.train as engine
from rvos_edu.config import ExperimentConfig
from rvos_edu.engine.batches import BatchPlan
from rvos_edu.engine.initialise import training_clips
from rvos_edu.engine.logs import read_metrics
from rvos_edu.engine.train import train
from rvos_edu.presets import to_yaml

SCRIPT = str(Path(__file__).parent / "run_train.py")
TORCHRUN = ["torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
# `--cpu` starts one process whatever --num_processes says; without GPUs `--multi_gpu` starts all, on gloo.
ACCELERATE = [
    *["accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1"],
    *["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"],  # 0: a free one
]


def launch(launcher: list[str], config: ExperimentConfig, out: Path, *options: str) -> None:
    path = out.with_suffix(".yaml")
    path.write_text(to_yaml(config))
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(engine.__file__).parents[2]),
        "OMP_NUM_THREADS": "1",
        "ACCELERATE_USE_CPU": "true",
        "CUDA_VISIBLE_DEVICES": "",
    }
    command = [sys.executable, "-m", *launcher, SCRIPT, str(path), str(out), *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "on 2 x cpu" in done.stdout


def settings(config: ExperimentConfig, *, batch_size: int, **values: int) -> ExperimentConfig:
    """No dropout, no clipping: Adam's first moment after one step is a tenth of the gradient."""
    return replace(
        config,
        model=replace(config.model, dropout=0.0),
        data=replace(config.data, expressions_per_clip=3),
        optimizer=replace(config.optimizer, clip_norm=1e9),
        train=replace(config.train, batch_size=batch_size, checkpoint_every=1, seed=3, **values),
    )


def gradients(out: Path, step: int = 1) -> list[Tensor]:
    path = out / "checkpoints" / f"step-{step:08d}" / "trainer.pt"
    moments = torch.load(path, weights_only=True)["optimizer"]["state"]
    return [10 * moments[index]["exp_avg"] for index in sorted(moments)]


def assert_close(alone: list[Tensor], together: list[Tensor], *, floor: float = 1e-3) -> None:
    """To 1e-5 of the largest entry of each tensor (of `floor` of the largest of all, where that is more)."""
    largest = max(float(g.abs().max()) for g in alone)
    assert len(alone) == len(together)
    for one, two in zip(alone, together, strict=True):
        scale = max(float(one.abs().max()), floor * largest)
        assert float((one - two).abs().max()) <= 1e-5 * scale


def test_gradients_and_losses_of_one_process(tiny: ExperimentConfig, tmp_path: Path) -> None:
    launch(ACCELERATE, settings(tiny, batch_size=2, steps=1), tmp_path / "two")
    train(settings(tiny, batch_size=4, steps=1), out=tmp_path / "one")
    assert_close(gradients(tmp_path / "one"), gradients(tmp_path / "two"))
    (one,), (two,) = (read_metrics(tmp_path / name / "metrics.jsonl") for name in ("one", "two"))
    for name in ("loss", "dice", "focal", "reference", "grad_norm"):
        assert two[name] == pytest.approx(one[name], rel=1e-5)


def test_ranks_of_that_step_hold_different_numbers_of_expressions(tiny: ExperimentConfig) -> None:
    config = settings(tiny, batch_size=2)
    data, clips = training_clips(config)
    plan = BatchPlan(clips, 2, 1, 2, config.train.seed)
    counts = [
        sum(len(data[clip]) for _, clip in next(iter(plan.micro_batches(range(1), rank)))) for rank in (0, 1)
    ]
    assert counts == [4, 6]


def test_accumulation_and_thawing_in_two_processes(tiny: ExperimentConfig, tmp_path: Path) -> None:
    """Micro-batches wait for the last one to exchange gradients; the encoder joins in the second step."""
    frozen = {"accumulate": 2, "freeze_temporal_encoder_steps": 1, "steps": 2}
    small = replace(tiny, data=replace(tiny.data, train_videos=4))
    launch(TORCHRUN, settings(small, batch_size=1, **frozen), tmp_path / "two")
    train(settings(small, batch_size=2, **frozen), out=tmp_path / "one")
    one, two = (read_metrics(tmp_path / name / "metrics.jsonl") for name in ("one", "two"))
    assert [r["step"] for r in two] == [1, 2]
    assert two[0]["loss"] == pytest.approx(one[0]["loss"], rel=1e-5)
    assert two[0]["grad_norm"] == pytest.approx(one[0]["grad_norm"], rel=1e-5)
    assert two[1]["loss"] == pytest.approx(one[1]["loss"], rel=1e-3)  # after an update of Adam
    assert two[1]["grad_norm"] == pytest.approx(one[1]["grad_norm"], rel=1e-2)
    assert len(gradients(tmp_path / "two", 2)) == len(gradients(tmp_path / "one", 2))


def test_resumed_bit_for_bit(tiny: ExperimentConfig, tmp_path: Path) -> None:
    """accelerate calls the processors of two processes `cpu:0`, which safetensors does not know."""
    config = settings(tiny, batch_size=2, steps=2)
    launch(TORCHRUN, config, tmp_path / "unbroken")
    broken = tmp_path / "broken"
    shutil.copytree(tmp_path / "unbroken", broken, ignore=shutil.ignore_patterns("model", "step-00000002"))
    launch(TORCHRUN, config, broken, "--resume")
    assert [r["step"] for r in read_metrics(broken / "metrics.jsonl")] == [1, 2]
    for name in ("model/model.safetensors", "checkpoints/step-00000002/model.safetensors"):
        assert (broken / name).read_bytes() == (tmp_path / "unbroken" / name).read_bytes()
