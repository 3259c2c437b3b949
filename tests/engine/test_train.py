"""Whole runs of a tiny MTTR: what they write, how they stop, how they go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import rvos_edu.engine.objective as objective
import rvos_edu.engine.train as engine
from rvos_edu.config import ExperimentConfig
from rvos_edu.engine.evaluate import QuickScore
from rvos_edu.engine.logs import read_metrics
from rvos_edu.engine.train import TrainingError, train
from rvos_edu.errors import CheckpointError, ConfigError
from rvos_edu.models import MTTR, MTTRCriterion
from rvos_edu.presets import load_config, to_yaml
from rvos_edu.structures import Losses

CLOCK = {"seconds", "clips_per_second"}
STEPS = 7


def with_train(config: ExperimentConfig, **values: Any) -> ExperimentConfig:
    return replace(config, train=replace(config.train, **values))


def records(out: Path) -> list[dict[str, float | str]]:
    return [
        {name: value for name, value in record.items() if name not in CLOCK}
        for record in read_metrics(out / "metrics.jsonl")
    ]


def weights(out: Path, step: int = STEPS) -> dict[str, Tensor]:
    return load_file(out / "checkpoints" / f"step-{step:08d}" / "model.safetensors")


def assert_same(first: Path, second: Path) -> None:
    assert records(first) == records(second)
    old, new = weights(first), weights(second)
    assert list(old) == list(new)
    assert [name for name in old if not torch.equal(old[name], new[name])] == []


@pytest.fixture
def seven(tiny: ExperimentConfig) -> ExperimentConfig:
    """Seven steps, a checkpoint after the fourth: amid an epoch of three steps and amid a mean over three."""
    return with_train(tiny, steps=STEPS, checkpoint_every=4, log_every=3)


@pytest.fixture(scope="module")
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {"out": tmp_path_factory.mktemp("whole") / "run"}


@pytest.fixture
def unbroken(whole: dict[str, Path], seven: ExperimentConfig) -> Path:
    """One unbroken run, made once."""
    if not whole["out"].exists():
        assert train(seven, out=whole["out"]) == whole["out"] / "model"
    return whole["out"]


class Meddler(MTTRCriterion):
    """A criterion that lets something happen in a certain step."""

    step = 0
    when = 0

    def forward(self, *arguments: Any) -> Losses:
        type(self).step += 1
        losses = super().forward(*arguments)
        return self.meddle(losses) if type(self).step == self.when else losses

    def meddle(self, losses: Losses) -> Losses:
        raise NotImplementedError


def test_writes_what_it_says(
    unbroken: Path, seven: ExperimentConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = read_metrics(unbroken / "metrics.jsonl")
    assert [(r["step"], r["epoch"]) for r in log] == [(3, 0), (6, 1), (7, 2)]
    names = "event step epoch loss dice focal reference grad_norm lr clips_per_second seconds"
    assert all(set(r) == set(names.split()) for r in log)
    assert log[0]["lr"] == pytest.approx(1e-3)  # the warm-up took two steps
    assert load_config(unbroken / "config.yaml") == seven
    assert sorted(p.name for p in (unbroken / "checkpoints").iterdir()) == ["step-00000004", "step-00000007"]
    exported = MTTR.from_pretrained(unbroken / "model").state_dict()
    assert all(torch.equal(exported[name], tensor) for name, tensor in weights(unbroken).items())
    train(with_train(seven, steps=1), out=tmp_path / "told")
    assert f"Results go to {tmp_path / 'told'}" in capsys.readouterr().out


def test_seeds_decide(unbroken: Path, seven: ExperimentConfig, tmp_path: Path) -> None:
    train(seven, out=tmp_path / "again")
    assert_same(unbroken, tmp_path / "again")
    train(with_train(seven, seed=43, steps=3), out=tmp_path / "other")
    assert records(tmp_path / "other")[0]["loss"] != records(unbroken)[0]["loss"]


def test_workers_change_nothing(unbroken: Path, seven: ExperimentConfig, tmp_path: Path) -> None:
    train(with_train(seven, workers=2), out=tmp_path)
    assert_same(unbroken, tmp_path)


def test_killed_and_resumed(unbroken: Path, seven: ExperimentConfig, tmp_path: Path) -> None:
    """SIGKILL in step 6, after the checkpoint of step 4: weights and log as if nothing had happened."""
    config, out = tmp_path / "config.yaml", tmp_path / "run"
    config.write_text(to_yaml(seven))
    command = [sys.executable, str(Path(__file__).parent / "run_train.py"), str(config), str(out)]
    environment = {**os.environ, "PYTHONPATH": str(Path(engine.__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    killed = subprocess.run([*command, "--kill-at", "6"], env=environment, capture_output=True, timeout=900)
    assert killed.returncode == -signal.SIGKILL
    assert [r["step"] for r in records(out)] == [3, 6]
    (out / "checkpoints" / ".tmp-0-step-00000008").mkdir()  # as if killed while saving
    train(seven, out=out, resume=True)
    torch.set_num_threads(threads)
    assert_same(unbroken, out)


def test_ctrl_c_saves_and_resumes(
    unbroken: Path,
    seven: ExperimentConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Impatient(Meddler):
        when = 3

        def meddle(self, losses: Losses) -> Losses:
            os.kill(os.getpid(), signal.SIGINT)
            return losses

    with monkeypatch.context() as patch:
        patch.setattr(objective, "MTTRCriterion", Impatient)
        with pytest.raises(KeyboardInterrupt, match="stopped after step 3; continue with --resume"):
            train(seven, out=tmp_path)
    assert "step-00000003. Continue: same command with --resume" in capsys.readouterr().out
    train(seven, out=tmp_path, resume=True)
    assert_same(unbroken, tmp_path)


def test_a_loss_that_is_not_finite_stops_at_once(
    seven: ExperimentConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(Meddler):
        when = 6

        def meddle(self, losses: Losses) -> Losses:
            return replace(losses, dice=losses.dice * float("nan"), total=losses.total * float("nan"))

    monkeypatch.setattr(objective, "MTTRCriterion", Broken)
    with pytest.raises(
        TrainingError, match=r"not finite at step 6 \(loss nan, dice nan, focal 0.*step-00000004"
    ):
        train(seven, out=tmp_path)
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["step-00000004"]
    assert records(tmp_path)[-1]["step"] == 3
    exported = MTTR.from_pretrained(tmp_path / "model").state_dict()
    assert all(torch.equal(exported[name], tensor) for name, tensor in weights(tmp_path, 4).items())


def test_a_gradient_that_is_not_finite_stops_too(
    seven: ExperimentConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Steep(Meddler):
        when = 1

        def meddle(self, losses: Losses) -> Losses:
            zero = losses.total - losses.total.detach()
            return replace(losses, total=losses.total + zero.sqrt())  # derivative of the root at 0

    monkeypatch.setattr(objective, "MTTRCriterion", Steep)
    with pytest.raises(
        TrainingError, match="gradient is not finite at step 1; no checkpoint had been written"
    ):
        train(seven, out=tmp_path)
    assert not (tmp_path / "checkpoints").exists() and not (tmp_path / "model").exists()


def test_resume_needs_the_same_run(unbroken: Path, seven: ExperimentConfig, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nothing to resume"):
        train(seven, out=tmp_path / "nowhere", resume=True)
    wider = replace(seven, model=replace(seven.model, queries=6))
    with pytest.raises(CheckpointError, match="model.queries was 5, is 6"):
        train(wider, out=unbroken, resume=True)
    with pytest.raises(ConfigError, match="train.batch_size was 2, is 1"):
        train(with_train(seven, batch_size=1), out=unbroken, resume=True)
    log = records(unbroken)
    train(seven, out=unbroken, resume=True)  # nothing left to do
    assert records(unbroken) == log


def test_the_temporal_encoder_waits(unbroken: Path, seven: ExperimentConfig, tmp_path: Path) -> None:
    waiting = with_train(seven, freeze_temporal_encoder_steps=2, steps=3, checkpoint_every=1)
    train(waiting, out=tmp_path)
    before, after = weights(tmp_path, 2), weights(tmp_path, 3)
    moved = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert "temporal_encoder" in moved and "text_encoder" not in moved
    train(with_train(waiting, steps=1), out=tmp_path / "one")
    first = weights(tmp_path / "one", 1)
    moved = {name.split(".")[0] for name in first if not torch.equal(first[name], before[name])}
    assert "temporal_encoder" not in moved and "transformer" in moved


@pytest.mark.parametrize("annotated", [1, 3, None])
def test_a_few_frames_per_step(annotated: int | None, tiny: ExperimentConfig, tmp_path: Path) -> None:
    seen = []

    class Watching(MTTR):
        def forward(self, *arguments: Any, **named: Any) -> Any:
            seen.append(arguments[3].tolist())
            return super().forward(*arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rvos_edu.engine.initialise.MTTR", Watching)
        config = replace(tiny, data=replace(tiny.data, annotated_frames=annotated))
        train(with_train(config, steps=4), out=tmp_path)
    assert all(len(frames) == (annotated or 4) and frames == sorted(set(frames)) for frames in seen)
    assert len({tuple(frames) for frames in seen}) > 1 or annotated is None


def test_bf16_on_the_cpu(unbroken: Path, seven: ExperimentConfig, tmp_path: Path) -> None:
    train(with_train(seven, precision="bf16", steps=3), out=tmp_path)
    low, full = records(tmp_path)[0]["loss"], records(unbroken)[0]["loss"]
    assert low == pytest.approx(full, rel=0.02) and low != full
    assert all(tensor.dtype == torch.float32 for tensor in weights(tmp_path, 3).values())


def test_settings_that_cannot_work(seven: ExperimentConfig, tmp_path: Path) -> None:
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="'fp16' needs a GPU"):
            train(with_train(seven, precision="fp16"), out=tmp_path)
    with pytest.raises(ConfigError, match="one step needs 8 clips .* has 7"):
        train(with_train(seven, batch_size=8), out=tmp_path)
    with pytest.raises(ConfigError, match="optimizer.schedule must be"):
        train(replace(seven, optimizer=replace(seven.optimizer, schedule="exp")), out=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_train_videos_limits_the_clips(seven: ExperimentConfig, tmp_path: Path) -> None:
    config = replace(seven, data=replace(seven.data, train_videos=4))
    train(with_train(config, steps=1), out=tmp_path)
    saved = json.loads((tmp_path / "checkpoints" / "step-00000001" / "state.json").read_text())
    assert saved["clips"] == 4


def test_the_best_model_on_the_valid_split_is_kept(
    seven: ExperimentConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([40.0, 60.0, 50.0])
    given = []

    def score(model: MTTR, dataset: Any, config: ExperimentConfig, limit: int | None) -> QuickScore:
        given.append((len(dataset.clips), limit))
        best = next(scores)
        return QuickScore(j=best - 1, f=best + 1, jf=best)

    monkeypatch.setattr(engine, "quick_score", score)
    config = with_train(seven, steps=5, evaluate_every=2, evaluate_samples=3, checkpoint_every=2)
    train(config, out=tmp_path)
    assert given == [(2, 3)] * 3
    evaluations = [r for r in records(tmp_path) if r["event"] == "evaluate"]
    assert evaluations == [
        {"event": "evaluate", "step": step, "J&F": jf, "J": jf - 1, "F": jf + 1}
        for step, jf in ((2, 40.0), (4, 60.0), (5, 50.0))
    ]
    exported = MTTR.from_pretrained(tmp_path / "model").state_dict()
    assert all(torch.equal(exported[name], tensor) for name, tensor in weights(tmp_path, 4).items())
    saved = json.loads((tmp_path / "checkpoints" / "step-00000005" / "state.json").read_text())
    assert saved["progress"]["best"] == 60.0


def test_evaluation_leaves_the_run_as_it_was(unbroken: Path, seven: ExperimentConfig, tmp_path: Path) -> None:
    """The real scorer: two evaluations more, otherwise the same numbers."""
    train(with_train(seven, evaluate_every=4), out=tmp_path)
    evaluations = [r for r in records(tmp_path) if r["event"] == "evaluate"]
    assert [r["step"] for r in evaluations] == [4, 7]
    assert all(0 <= float(r[name]) <= 100 for r in evaluations for name in ("J&F", "J", "F"))
    assert [r for r in records(tmp_path) if r["event"] == "train"] == records(unbroken)
    old, new = weights(unbroken), weights(tmp_path)
    assert all(torch.equal(old[name], new[name]) for name in old)
