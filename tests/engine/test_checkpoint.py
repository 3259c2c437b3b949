"""Checkpoints: whole, exact, checked. With a small stand-in for the model."""

from __future__ import annotations

import errno
import json
import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from torch import nn

import rvos_edu.engine.checkpoint as checkpoint
from rvos_edu.config import ExperimentConfig, OptimizerConfig
from rvos_edu.engine.batches import BatchPlan
from rvos_edu.engine.checkpoint import RunState, load_checkpoint, newest_checkpoint, save_checkpoint
from rvos_edu.engine.optimizer import build_optimizer
from rvos_edu.errors import CheckpointError, ConfigError, RVOSError


def state(config: ExperimentConfig | None = None, *, clips: int = 7, width: int = 3) -> RunState:
    accelerator = Accelerator(cpu=True)
    model = nn.Sequential(nn.Linear(width, 4), nn.Dropout(0.5), nn.Linear(4, 1))
    optimizer = accelerator.prepare_optimizer(build_optimizer(model, OptimizerConfig(lr=0.1)))
    plan = BatchPlan(list(range(clips)), 2, 1, 1, 0)
    return RunState(config or ExperimentConfig(), accelerator, model, optimizer, plan)


def work(run: RunState, steps: int) -> list[float]:
    losses = []
    for _ in range(steps):
        x = torch.randn(5, 3) + random.random() + float(np.random.rand())
        loss = run.model(x).square().mean()
        loss.backward()
        run.optimizer.step()
        run.optimizer.zero_grad()
        run.progress.step += 1
        run.progress.averages.add({"loss": loss.item()})
        losses.append(loss.item())
    return losses


def test_continues_bit_for_bit(tmp_path: Path) -> None:
    first = state()
    work(first, 3)
    path = save_checkpoint(tmp_path, first)
    expected = work(first, 4)
    second = state()
    load_checkpoint(path, second)
    assert second.progress.step == 3 and second.progress.averages.counts == {"loss": 3}
    assert work(second, 4) == expected
    for a, b in zip(first.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_says_where_it_was_made(tmp_path: Path) -> None:
    run = state()
    run.progress.step = 5
    path = save_checkpoint(tmp_path, run)
    saved = json.loads((path / "state.json").read_text())
    assert path.name == "step-00000005"
    assert (saved["epoch"], saved["position_in_epoch"], saved["clips"]) == (1, 2, 7)


def test_keeps_the_last_two(tmp_path: Path) -> None:
    run = state()
    for _ in range(4):
        work(run, 1)
        save_checkpoint(tmp_path, run)
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == ["step-00000003", "step-00000004"]


def test_half_written_folders_are_ignored_and_cleared(tmp_path: Path) -> None:
    run = state()
    path = save_checkpoint(tmp_path, run)
    (path.parent / "step-00000009").mkdir()  # no state.json: the copy of a folder that was cut short
    (path.parent / ".tmp-1234-step-00000010").mkdir()
    assert newest_checkpoint(tmp_path) == path
    work(run, 1)
    save_checkpoint(tmp_path, run)
    assert not list(path.parent.glob(".tmp-*"))


def test_nothing_to_resume(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nothing to resume: .* start without --resume"):
        newest_checkpoint(tmp_path / "missing")


@pytest.mark.parametrize("name", ["model.safetensors", "trainer.pt", "state.json"])
@pytest.mark.parametrize("kind", ["cut", "flipped", "missing"])
def test_a_damaged_newest_names_an_older_one(tmp_path: Path, name: str, kind: str) -> None:
    run = state()
    work(run, 1)
    save_checkpoint(tmp_path, run)
    work(run, 1)
    path = save_checkpoint(tmp_path, run)
    data = (path / name).read_bytes()
    if kind == "missing":
        (path / name).unlink()
        if name == "state.json":  # then it is a half-written one
            assert newest_checkpoint(tmp_path).name == "step-00000001"
            return
    elif kind == "cut":
        (path / name).write_bytes(data[: len(data) // 2])
    else:
        middle = len(data) // 2
        (path / name).write_bytes(data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :])
    message = rf"step-00000002 is damaged \({name}.*delete that folder to resume from step-00000001"
    with pytest.raises(CheckpointError, match=message.replace(".", r"\.", 0)):
        newest_checkpoint(tmp_path)
    shutil.rmtree(path)
    assert newest_checkpoint(tmp_path).name == "step-00000001"


def test_pickled_code_is_not_run(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (exec, (f"open({str(tmp_path / 'boom')!r}, 'w')",))

    path = save_checkpoint(tmp_path, state())
    torch.save({"optimizer": Bomb()}, path / "trainer.pt")
    saved = json.loads((path / "state.json").read_text())
    saved["sha256"]["trainer.pt"] = checkpoint.sha256(path / "trainer.pt")  # who can do one can do the other
    (path / "state.json").write_text(json.dumps(saved))
    with pytest.raises(CheckpointError, match="holds more than plain data.* there is no older one"):
        newest_checkpoint(tmp_path)
    assert not (tmp_path / "boom").exists()


def test_other_architecture_and_other_settings(tmp_path: Path) -> None:
    config = ExperimentConfig()
    path = save_checkpoint(tmp_path, state(config))
    wider = replace(config, model=replace(config.model, d_model=128))
    with pytest.raises(CheckpointError, match="another architecture: model.d_model was 256, is 128"):
        load_checkpoint(path, state(wider))
    faster = replace(config, optimizer=replace(config.optimizer, lr=1.0))
    with pytest.raises(ConfigError, match="another config: optimizer.lr was 0.0001, is 1.0"):
        load_checkpoint(path, state(faster))
    with pytest.raises(ConfigError, match="made with 7 clips, this run has 8"):
        load_checkpoint(path, state(config, clips=8))
    longer = replace(config, train=replace(config.train, epochs=99, steps=5, workers=0, log_every=1))
    load_checkpoint(path, state(longer))


def test_weights_that_do_not_fit(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path, state())
    other = state()
    other.model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))
    with pytest.raises(CheckpointError, match=r"step-00000000 does not fit .*1\.weight"):
        load_checkpoint(path, other)
    with pytest.raises(CheckpointError, match=r"0\.weight \[4, 3\] instead of \[4, 5\]"):
        load_checkpoint(path, state(width=5))


def test_full_disk_keeps_the_older_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = state()
    path = save_checkpoint(tmp_path, run)
    work(run, 1)

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(RVOSError, match="step-00000001 was not written: the disk is full"):
        save_checkpoint(tmp_path, run)
    assert [p.name for p in path.parent.iterdir()] == ["step-00000000"]
    assert newest_checkpoint(tmp_path) == path
