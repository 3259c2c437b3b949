"""Whole runs of a tiny R2-VOS: what they write, how they stop, how they go on."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import rvos_edu.engine.objective as objective
from rvos_edu.config import FrameEncoderConfig, R2VOSExperimentConfig
from rvos_edu.engine.logs import read_metrics
from rvos_edu.engine.train import TrainingError, train
from rvos_edu.errors import CheckpointError, ConfigError
from rvos_edu.models import R2VOS, R2VOSCriterion
from rvos_edu.structures import R2VOSLosses
from tests.engine.test_train import records, weights

STEPS = 5
LOSSES = ("dice", "focal", "cls", "l1", "giou", "distance", "angle", "pointwise", "align")
COUNTS = ("negatives", "negatives_same_video", "negatives_true", "negatives_missing")
NO_FRAME_ENCODER = FrameEncoderConfig(kind="none", channels=[8, 16, 32])


def with_train(config: R2VOSExperimentConfig, **values: Any) -> R2VOSExperimentConfig:
    return replace(config, train=replace(config.train, **values))


def with_model(config: R2VOSExperimentConfig, **values: Any) -> R2VOSExperimentConfig:
    return replace(config, model=replace(config.model, **values))


def moved(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {name for name in before if not torch.equal(before[name], after[name])}


@pytest.fixture
def five(tiny_r2vos: R2VOSExperimentConfig) -> R2VOSExperimentConfig:
    """Five steps with dropout, an epoch has three; a checkpoint after the second; means over three."""
    return with_train(tiny_r2vos, steps=STEPS, checkpoint_every=2, log_every=3)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("whole") / "run"


@pytest.fixture
def unbroken(whole: Path, five: R2VOSExperimentConfig) -> Path:
    """One unbroken run, made once."""
    if not whole.exists():
        assert train(five, out=whole) == whole / "model"
    return whole


class Meddler(R2VOSCriterion):
    """A criterion that lets something happen in a certain step."""

    step = 0
    when = 0

    def forward(self, *arguments: Any) -> R2VOSLosses:
        type(self).step += 1
        losses = super().forward(*arguments)
        return self.meddle(losses) if type(self).step == self.when else losses

    def meddle(self, losses: R2VOSLosses) -> R2VOSLosses:
        raise NotImplementedError


def test_writes_every_term_and_the_counts_of_negatives(unbroken: Path) -> None:
    log = read_metrics(unbroken / "metrics.jsonl")
    assert [(r["step"], r["epoch"]) for r in log] == [(3, 0), (5, 1)]
    named = {"event", "step", "epoch", "loss", "grad_norm", "lr", "clips_per_second", "seconds"}
    assert all(set(r) == {*named, *LOSSES, *COUNTS} for r in log)
    # Two clips of two sentences each per step; "the red square" is said of both, and passed over.
    assert all(0 < r["negatives"] <= 4 and r["negatives"] + r["negatives_missing"] == 4 for r in log)
    assert all(r["align"] > 0 and r["angle"] > 0 and r["pointwise"] == 0 for r in log)
    exported = R2VOS.from_pretrained(unbroken / "model").state_dict()
    last = weights(unbroken, STEPS)
    assert set(exported) == set(last) and moved(exported, last) == set()


def test_ctrl_c_saves_and_resumes_bit_for_bit(
    unbroken: Path, five: R2VOSExperimentConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Impatient(Meddler):
        when = 3

        def meddle(self, losses: R2VOSLosses) -> R2VOSLosses:
            os.kill(os.getpid(), signal.SIGINT)
            return losses

    with monkeypatch.context() as patch:
        patch.setattr(objective, "R2VOSCriterion", Impatient)
        with pytest.raises(KeyboardInterrupt, match="stopped after step 3; continue with --resume"):
            train(five, out=tmp_path)
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == ["step-00000002", "step-00000003"]
    train(with_train(five, workers=1), out=tmp_path, resume=True)  # a worker draws as the main process does
    assert records(tmp_path) == records(unbroken)
    assert moved(weights(unbroken, STEPS), weights(tmp_path, STEPS)) == set()


def test_a_loss_that_is_not_finite_stops_at_once(
    five: R2VOSExperimentConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(Meddler):
        when = 3

        def meddle(self, losses: R2VOSLosses) -> R2VOSLosses:
            return replace(losses, align=losses.align * float("inf"), total=losses.total * float("nan"))

    monkeypatch.setattr(objective, "R2VOSCriterion", Broken)
    with pytest.raises(TrainingError, match=r"not finite at step 3 \(loss nan.*align inf.*step-00000002"):
        train(five, out=tmp_path)
    assert moved(weights(tmp_path, 2), R2VOS.from_pretrained(tmp_path / "model").state_dict()) == set()


def test_a_batch_of_one_clip_trains_only_without_negatives(
    five: R2VOSExperimentConfig, tmp_path: Path
) -> None:
    """Without sentences of another video there is nothing that the alignment could learn from."""
    alone = with_train(five, batch_size=1, accumulate=2, steps=1, log_every=1)
    with pytest.raises(ConfigError, match="needs 2 clips or more at once, got train.batch_size 1"):
        train(alone, out=tmp_path)
    assert not any(tmp_path.iterdir())
    train(replace(alone, data=replace(alone.data, negatives_per_clip=0)), out=tmp_path)
    (record,) = read_metrics(tmp_path / "metrics.jsonl")
    assert (record["negatives"], record["negatives_missing"], record["align"]) == (0, 0, 0)
    assert record["distance"] == record["angle"] == 0  # two sentences have no relation


def test_text_encoder_learns_only_where_it_has_a_rate(
    unbroken: Path, five: R2VOSExperimentConfig, tmp_path: Path
) -> None:
    parts = {name.split(".")[0] for name in moved(weights(unbroken, 4), weights(unbroken, 5))}
    assert "text_encoder" not in parts and {"frame_encoder", "alignment", "text_projection"} <= parts
    rate = replace(five.optimizer, lr_text_encoder=1e-3)
    train(replace(with_train(five, steps=2, checkpoint_every=1), optimizer=rate), out=tmp_path)
    changed = moved(weights(tmp_path, 1), weights(tmp_path, 2))
    layers = {name for name in weights(tmp_path, 1) if name.startswith("text_encoder.roberta.encoder.layer")}
    assert {name for name in layers if name.endswith("weight")} <= changed


def test_resume_needs_the_same_run(unbroken: Path, five: R2VOSExperimentConfig) -> None:
    with pytest.raises(ConfigError, match="data.negatives_per_clip was None, is 0"):
        train(replace(five, data=replace(five.data, negatives_per_clip=0)), out=unbroken, resume=True)
    with pytest.raises(CheckpointError, match="model.grounding was 'two-way', is 'none'"):
        train(with_model(five, grounding="none"), out=unbroken, resume=True)


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (NO_FRAME_ENCODER, "model.frame_encoder.kind must be 'timm' or 'video-swin' to train, got 'none'"),
        (FrameEncoderConfig(name="resnet5"), "timm has no model 'resnet5'"),
        (
            FrameEncoderConfig(name="vit_tiny_patch16_224"),
            r"model: .* has maps at strides \(16, 16, 16, 16\)",
        ),
    ],
)
def test_frame_encoders_that_cannot_be_trained(
    encoder: FrameEncoderConfig, message: str, five: R2VOSExperimentConfig, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        train(with_model(five, frame_encoder=encoder), out=tmp_path)
    assert list(tmp_path.iterdir()) == []
