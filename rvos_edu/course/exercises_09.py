"""Exercises of notebook 09: parameter groups, a schedule, gradient accumulation, the state of a run."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from rvos_edu.course.checking import Exercise, Wrong
from rvos_edu.course.expect import expect, expect_close

E_09_1 = Exercise("09.1", "two learning rates, and what is frozen in neither group")
E_09_2 = Exercise("09.2", "warm-up, then cosine")
E_09_3 = Exercise("09.3", "the gradient of a large batch from small ones")
E_09_4 = Exercise("09.4", "all that a run must remember")

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
    if not isinstance(groups, list) or not all(isinstance(group, dict) for group in groups):
        raise Wrong(f"Expected a list of dictionaries, as optimisers take it, got {type(groups).__name__}.")
    names = {id(parameter): name for name, parameter in parts.items()}
    found = []
    for group in groups:
        missing = {"params", "lr"} - set(group)
        expect(not missing, f"A group lacks the key {sorted(missing)}; it has {sorted(map(str, group))}.")
        found.append((float(group["lr"]), {names.get(id(p), "a stranger") for p in group["params"]}))
    return found


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
    expect(
        (rate["temporal_encoder.patch.weight"], rate["transformer.layer.weight"]) != (RATE, ENCODER_RATE),
        "The two rates are swapped: the part that was pretrained moves more slowly.",
    )
    expect_close(
        rate["temporal_encoder.patch.weight"], ENCODER_RATE, hint="The encoder's rate is off.", tolerance=0
    )
    expect_close(rate["transformer.layer.weight"], RATE, hint="The rate of the rest is off.", tolerance=0)


# 09.2 ---------------------------------------------------------------------------------------------


def _after_warmup(steps: range, length: int) -> list[float]:
    """The cosine over `length` updates, from the first of `steps` on."""
    return [0.5 * (1 + math.cos(math.pi * (step - steps.start) / length)) for step in steps]


@E_09_2.stage("the warm-up")
def _(answer: Any) -> None:
    expect_close(
        [float(answer(step, 100, 4)) for step in range(4)],
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
        [float(answer(step, 8, 0)) for step in steps],
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
        [float(answer(step, 30, 10)) for step in steps],
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


# 09.4 ---------------------------------------------------------------------------------------------


class _Toy:
    """A small run with dropout: its weights depend on the optimiser's memory and on random numbers."""

    def __init__(self) -> None:
        torch.manual_seed(3)
        self.model = nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.5), nn.Linear(6, 1))
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=0.05)
        self.x = torch.linspace(-1, 1, 20).view(5, 4)

    def step(self, count: int) -> None:
        for _ in range(count):
            self.model(self.x).square().sum().backward()
            self.optimizer.step()
            self.optimizer.zero_grad()

    def weights(self) -> Tensor:
        return torch.cat([p.detach().flatten() for p in self.model.parameters()])


KEYS = ("weights", "optimizer", "step", "random")


def _snapshot(answer: Any, toy: _Toy, step: int) -> dict[str, Any]:
    state = answer(toy.model, toy.optimizer, step)
    expect(isinstance(state, dict), f"Expected a dictionary, got {type(state).__name__}.")
    missing = [key for key in KEYS if key not in state]
    expect(
        not missing, f"The dictionary lacks {missing}. Ask of each key: what goes on differently without it?"
    )
    return state


@E_09_4.stage("four things")
def _(answer: Any) -> None:
    state = _snapshot(answer, _Toy(), 7)
    expect(state["step"] == 7, f"The step is {state['step']!r}, the run had finished 7.")
    random = state["random"]
    expect(
        isinstance(random, Tensor) and random.dtype == torch.uint8,
        f"`random` is a {type(random).__name__}, expected the whole state of torch's generator: a seed would "
        "start the same numbers from the beginning.",
    )


def _later(answer: Any, read: Callable[[dict[str, Any]], dict[str, Tensor]], message: str) -> None:
    """Take a snapshot, train on, and see that what `read` finds in it stayed."""
    toy = _Toy()
    toy.step(2)
    state = _snapshot(answer, toy, 2)
    before = copy.deepcopy(read(state))
    toy.step(1)
    expect(all(torch.equal(before[key], value) for key, value in read(state).items()), message)


def _moments(state: dict[str, Any]) -> dict[str, Tensor]:
    memory = state["optimizer"].get("state", {}) if isinstance(state["optimizer"], dict) else {}
    expect(memory, "The optimiser's running means are not there; its settings alone are not its state.")
    return {f"{n} {key}": value for n, kept in memory.items() for key, value in kept.items()}


@E_09_4.stage("weights and running means of that moment")
def _(answer: Any) -> None:
    shared = "The kept weights went on learning with the model: they are its own tensors, not copies."
    _later(answer, lambda state: state["weights"], shared)
    shared = "The kept running means changed with the next step: a new dictionary around the same tensors."
    _later(answer, _moments, shared)


@E_09_4.stage("a run that goes on from it, bit for bit")
def _(answer: Any) -> None:
    whole = _Toy()
    whole.step(2)
    state = _snapshot(answer, whole, 2)
    whole.step(3)
    rest = _Toy()
    rest.model.load_state_dict(state["weights"])
    rest.optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["random"])
    rest.step(3)
    expect(
        torch.equal(whole.weights(), rest.weights()),
        "It goes on, but with other dropout: this is not the generator's state at the time of the snapshot.",
    )
