"""Exercises of notebook 09: parameter groups, a schedule, gradient accumulation, the state of a run."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from rvos_edu.course.checking import Exercise, Wrong
from rvos_edu.course.exercise_snapshot import E_09_4
from rvos_edu.course.expect import expect, expect_close
from rvos_edu.course.expect_numbers import one_number

__all__ = ["E_09_1", "E_09_2", "E_09_3", "E_09_4"]

E_09_1 = Exercise("09.1", "two learning rates, and what is frozen in neither group")
E_09_2 = Exercise("09.2", "warm-up, then cosine")
E_09_3 = Exercise("09.3", "the gradient of a large batch from small ones")

RATE, ENCODER_RATE = 1e-4, 5e-5


# 09.1 ---------------------------------------------------------------------------------------------


def _parts() -> dict[str, nn.Parameter]:
    """Like those of a model: two of them frozen, and one that only looks like the encoder's."""
    return {
        "temporal_encoder.patch.weight": nn.Parameter(torch.ones(2)),
        "temporal_encoder.stage.bias": nn.Parameter(torch.ones(3)),
        "transformer.layer.weight": nn.Parameter(torch.ones(4)),
        "after_temporal_encoder.weight": nn.Parameter(torch.ones(5)),
        "text_encoder.words.weight": nn.Parameter(torch.ones(6), requires_grad=False),
        "temporal_encoder.offsets": nn.Parameter(torch.ones(7), requires_grad=False),
    }


def _groups(answer: Any, parts: dict[str, nn.Parameter]) -> list[tuple[float, set[str]]]:
    """(rate, names) of each group of the answer."""
    groups = answer(list(parts.items()), RATE, ENCODER_RATE)
    if not isinstance(groups, list | tuple) or not all(isinstance(group, dict) for group in groups):
        raise Wrong(f"Expected a list of dictionaries, as optimisers take it, got {type(groups).__name__}.")
    names = {id(parameter): name for name, parameter in parts.items()}
    found = []
    for group in groups:
        missing = {"params", "lr"} - set(group)
        expect(not missing, f"A group lacks the key {sorted(missing)}; it has {sorted(map(str, group))}.")
        rate = one_number(group["lr"], "A group has one learning rate.")
        found.append((rate, {names.get(id(p), "a stranger") for p in _members(group["params"])}))
    return found


def _members(parameters: Any) -> list[Any]:
    """The parameters of a group: one, several, or (name, parameter) pairs."""
    if isinstance(parameters, Tensor):
        return [parameters]
    try:
        return [member[-1] if isinstance(member, tuple) else member for member in parameters]
    except (TypeError, IndexError) as error:
        raise Wrong(
            f"The `params` of a group are of type {type(parameters).__name__}, expected a list."
        ) from error


@E_09_1.stage("frozen parameters are in no group")
def _(answer: Any) -> None:
    inside = set().union(*(names for _, names in _groups(answer, _parts())))
    expect(
        not inside & {"text_encoder.words.weight", "temporal_encoder.offsets"},
        "A frozen parameter is in a group. It gets no gradient; weight decay would still be meant for it.",
    )


@E_09_1.stage("everything that learns is in exactly one group")
def _(answer: Any) -> None:
    parts = _parts()
    groups = _groups(answer, parts)
    seen = [name for _, names in groups for name in names]
    missing = sorted(name for name, p in parts.items() if p.requires_grad and name not in seen)
    expect(not missing, f"{missing} would never be updated: no group holds them.")
    expect(len(seen) == len(set(seen)), "A parameter is in both groups: it would be updated twice per step.")


@E_09_1.stage("who belongs to the temporal encoder")
def _(answer: Any) -> None:
    parts = _parts()
    groups = _groups(answer, parts)
    together = next(names for _, names in groups if "transformer.layer.weight" in names)
    encoder = {"temporal_encoder.patch.weight", "temporal_encoder.stage.bias"}
    expect(not together & encoder, "Parts of the temporal encoder share a group with the transformer.")
    expect(
        "after_temporal_encoder.weight" in together,
        "A part that merely has the words in its name was taken for the temporal encoder: look at where "
        "the name starts.",
    )


@E_09_1.stage("which rate is whose")
def _(answer: Any) -> None:
    groups = _groups(answer, _parts())
    rate = {name: rate for rate, names in groups for name in names}
    expect_close(
        [rate["temporal_encoder.patch.weight"], rate["transformer.layer.weight"]],
        [ENCODER_RATE, RATE],
        hint="A rate is off: each group takes one of the two that were given.",
        mistakes={
            "The two rates are swapped: the part that was pretrained moves more slowly.": [RATE, ENCODER_RATE]
        },
        tolerance=1e-10,
    )


# 09.2 ---------------------------------------------------------------------------------------------


def _after_warmup(steps: range, length: int) -> list[float]:
    """The cosine over `length` updates, from the first of `steps` on."""
    return [0.5 * (1 + math.cos(math.pi * (step - steps.start) / length)) for step in steps]


def _factors(answer: Any, steps: range, total: int, warmup: int) -> list[float]:
    return [one_number(answer(step, total, warmup), "One factor per call.") for step in steps]


@E_09_2.stage("the warm-up")
def _(answer: Any) -> None:
    expect_close(
        _factors(answer, range(4), 100, 4),
        [0.25, 0.5, 0.75, 1.0],
        hint="During the warm-up the factor rises in equal steps and reaches 1 with its last update.",
        mistakes={
            "The first update has the factor 0: it would change nothing. `step` counts finished updates.": [
                step / 4 for step in range(4)
            ],
            "There is no warm-up: the factor follows the cosine at once.": _after_warmup(range(4), 100),
        },
    )


@E_09_2.stage("the cosine without a warm-up")
def _(answer: Any) -> None:
    steps = range(9)
    expect_close(
        _factors(answer, steps, 8, 0),
        _after_warmup(steps, 8),
        hint="Without a warm-up it starts at 1, is one half half-way, and 0 at the end.",
        mistakes={
            "It goes below zero: a full cosine runs from 1 to -1 and has to be moved and halved.": [
                math.cos(math.pi * step / 8) for step in steps
            ],
            "It is a quarter of a wave: half-way it is still above 0.7.": [
                math.cos(math.pi * step / 16) for step in steps
            ],
        },
    )


@E_09_2.stage("both together")
def _(answer: Any) -> None:
    steps = range(10, 30)
    expect_close(
        _factors(answer, steps, 30, 10),
        _after_warmup(steps, 20),
        hint="After the warm-up the cosine takes all the remaining updates, no more and no fewer.",
        mistakes={
            "The factor drops when the warm-up ends: the cosine was counted from the first update on.": (
                _after_warmup(range(30), 30)[10:]
            ),
            "The cosine is too long: it would end after total + warm-up updates.": _after_warmup(steps, 30),
        },
    )


# 09.3 ---------------------------------------------------------------------------------------------


def _batches(sizes: list[int]) -> list[tuple[Tensor, Tensor]]:
    draw = torch.Generator().manual_seed(sum(sizes))
    return [(torch.randn(n, 3, generator=draw), torch.randn(n, generator=draw)) for n in sizes]


def _gradient(weight: Tensor, batches: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Gradient of the mean squared error over all items together."""
    x, y = torch.cat([x for x, _ in batches]), torch.cat([y for _, y in batches])
    return 2 * ((x @ weight - y)[:, None] * x).mean(0)


def _accumulated(answer: Any, batches: list[tuple[Tensor, Tensor]], *, stale: float = 0.0) -> Tensor:
    weight = nn.Parameter(torch.tensor([0.5, -1.0, 2.0]))
    if stale:
        weight.grad = torch.full((3,), stale)
    answer(weight, [(x.clone(), y.clone()) for x, y in batches])
    if weight.grad is None:
        raise Wrong("`weight.grad` is None afterwards: was `backward` called?")
    return weight.grad.clone()


def _stage_03(title: str, sizes: list[int], hint: str, *, stale: float = 0.0) -> None:
    @E_09_3.stage(title)
    def _(answer: Any) -> None:
        batches = _batches(sizes)
        weight = torch.tensor([0.5, -1.0, 2.0])
        each = [_gradient(weight, [batch]) for batch in batches]
        total, last = torch.stack(each).sum(0), each[-1] * sizes[-1] / sum(sizes)
        mistakes = {
            "It is the sum of the parts' gradients: too large by their number.": total,
            "Only the last part counts: gradients were cleared in between.": each[-1],
            "Only the last part counts, for its share: gradients were cleared in between.": last,
            "It is a mean of means: a part with few items weighs as much as one with many.": total
            / len(each),
            "Old gradients were there before the first part, and were kept.": _gradient(weight, batches)
            + stale,
        }
        right = _gradient(weight, batches)
        fitting = {
            text: value for text, value in mistakes.items() if not torch.allclose(value, right, atol=1e-4)
        }
        expect_close(_accumulated(answer, batches, stale=stale), right, hint=hint, mistakes=fitting)


_stage_03("one part", [4], "With one part it is the usual gradient of the mean squared error.")
_stage_03("two parts of equal size", [4, 4], "Every part has to count for the share of items that it holds.")
_stage_03(
    "parts of different sizes", [1, 2, 5], "Every part has to count for the share of items that it holds."
)
_stage_03("leftovers of an earlier step", [2, 3], "Start from no gradient at all.", stale=10.0)


@E_09_3.stage("one part at a time")
def _(answer: Any) -> None:
    weight = nn.Parameter(torch.tensor([0.5, -1.0, 2.0]))
    backward: list[Tensor] = []
    weight.register_hook(backward.append)
    answer(weight, _batches([3, 1, 2]))
    expect(
        not 0 < len(backward) < 3,
        "The gradient is right, but one backward pass served several parts: all their items are then in "
        "memory together, which is what the parts were made to avoid.",
    )
