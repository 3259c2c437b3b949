"""Parameter groups and learning rates, by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from rvos_edu.config import OptimizerConfig
from rvos_edu.engine.optimizer import Schedule, build_optimizer


def model() -> nn.Module:
    parts = {name: nn.Linear(2, 2) for name in ("temporal_encoder", "text_encoder", "transformer", "heads")}
    module = nn.ModuleDict(parts)
    module["text_encoder"].requires_grad_(False)
    return module


def test_groups_of_the_paper() -> None:
    module = model()
    optimizer = build_optimizer(module, OptimizerConfig())
    rest, encoder = optimizer.param_groups
    assert (rest["lr"], encoder["lr"]) == (1e-4, 5e-5)
    assert rest["weight_decay"] == encoder["weight_decay"] == 1e-4
    assert {id(p) for p in encoder["params"]} == {id(p) for p in module["temporal_encoder"].parameters()}
    expected = [*module["transformer"].parameters(), *module["heads"].parameters()]
    assert {id(p) for p in rest["params"]} == {id(p) for p in expected}


def test_a_text_encoder_that_learns_has_its_own_rate() -> None:
    module = model()
    module["text_encoder"].requires_grad_(True)
    groups = build_optimizer(module, OptimizerConfig(lr_text_encoder=1e-5)).param_groups
    assert [group["lr"] for group in groups] == [1e-4, 5e-5, 1e-5]
    assert {id(p) for p in groups[2]["params"]} == {id(p) for p in module["text_encoder"].parameters()}


def test_a_frozen_text_encoder_never_moves() -> None:
    module = model()
    before = module["text_encoder"].weight.clone()
    optimizer = build_optimizer(module, OptimizerConfig(lr=1.0))
    x = torch.ones(1, 2)
    sum(part(x).sum() for part in module.values()).backward()
    optimizer.step()
    assert torch.equal(module["text_encoder"].weight, before)


@pytest.mark.parametrize(
    ("step", "expected"), [(0, 1.0), (199, 1.0), (200, 0.4), (499, 0.4), (500, 0.16), (10_000, 0.16)]
)
def test_milestones_are_epochs(step: int, expected: float) -> None:
    config = OptimizerConfig(milestones=[20, 50], factor=0.4)
    schedule = Schedule(config, steps_per_epoch=10, total_steps=700)
    assert schedule.factor(step) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("step", "expected"), [(0, 0.25), (3, 1.0), (4, 1.0), (54, 0.5), (104, 0.0), (200, 0.0)]
)
def test_cosine_after_a_linear_warmup(step: int, expected: float) -> None:
    config = OptimizerConfig(schedule="cosine", warmup_steps=4)
    schedule = Schedule(config, steps_per_epoch=10, total_steps=104)
    assert schedule.factor(step) == pytest.approx(expected, abs=1e-12)


def test_apply_keeps_the_ratio_of_the_groups() -> None:
    optimizer = build_optimizer(model(), OptimizerConfig(milestones=[1], factor=0.4))
    schedule = Schedule(OptimizerConfig(milestones=[1], factor=0.4), steps_per_epoch=5, total_steps=10)
    assert schedule.apply(optimizer, 4) == pytest.approx(1e-4)
    assert schedule.apply(optimizer, 5) == pytest.approx(4e-5)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([4e-5, 2e-5])
    assert schedule.apply(optimizer, 0) == pytest.approx(1e-4)  # a function of the step: it can go back
