"""Exercise 09.4: the state of a run, which is weights, optimiser, step and random numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from rvos_edu.course.checking import Exercise, Wrong
from rvos_edu.course.expect import expect
from rvos_edu.course.expect_numbers import one_number

E_09_4 = Exercise("09.4", "all that a run must remember")


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
    expect(state is not None, "Nothing came back (None). Does your function end in a `return`?")
    expect(isinstance(state, dict), f"Expected a dictionary, got {type(state).__name__}.")
    missing = [key for key in KEYS if key not in state]
    expect(
        not missing, f"The dictionary lacks {missing}. Ask of each key: what goes on differently without it?"
    )
    _check_weights(state["weights"], toy.model.state_dict())
    return state


def _check_weights(kept: Any, own: dict[str, Tensor]) -> None:
    """That a model could be loaded from `kept`: tensors of the right shapes under the model's own names."""
    expect(
        isinstance(kept, Mapping) and all(isinstance(value, Tensor) for value in kept.values()),
        f"`weights` is of type {type(kept).__name__}, expected a dictionary of tensors by name.",
    )
    expect(
        set(kept) == set(own),
        "The weights are not kept under the names that the model itself gives them, or not all are there: "
        "the model could not find them again.",
    )
    expect(
        all(kept[name].shape == value.shape for name, value in own.items()),
        "A weight is kept in another shape than the model's own.",
    )


@E_09_4.stage("four things")
def _(answer: Any) -> None:
    state = _snapshot(answer, _Toy(), 7)
    step = one_number(state["step"], "`step` is the number of finished steps.")
    expect(step == 7, f"The step is {state['step']!r}, the run had finished 7.")
    random = state["random"]
    expect(
        isinstance(random, Tensor) and random.dtype == torch.uint8,
        f"`random` is of type {type(random).__name__}, expected the whole state of torch's generator: a seed "
        "would start the same numbers from the beginning.",
    )
    expect(
        random.shape == torch.get_rng_state().shape,
        f"`random` has the shape {list(random.shape)}; the whole state of torch's generator has another one.",
    )


def _later(answer: Any, read: Callable[[dict[str, Any]], Mapping[str, Tensor]], message: str) -> None:
    """Take a snapshot, train on, and see that what `read` finds in it stayed."""
    toy = _Toy()
    toy.step(2)
    state = _snapshot(answer, toy, 2)
    before = {key: value.detach().clone() for key, value in read(state).items()}
    toy.step(1)
    expect(all(torch.equal(before[key], value) for key, value in read(state).items()), message)


def _moments(state: dict[str, Any]) -> dict[str, Tensor]:
    optimizer = state["optimizer"]
    expect(
        isinstance(optimizer, Mapping),
        f"`optimizer` is of type {type(optimizer).__name__}, expected its state.",
    )
    memory = optimizer.get("state")
    expect(
        isinstance(memory, Mapping) and memory and all(isinstance(kept, Mapping) for kept in memory.values()),
        "The optimiser's running means are not there; its settings alone are not its state.",
    )
    return {
        f"{n} {key}": value
        for n, kept in memory.items()
        for key, value in kept.items()
        if isinstance(value, Tensor)
    }


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
    try:
        rest.optimizer.load_state_dict(state["optimizer"])
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise Wrong(f"An optimiser cannot go on from what was kept of it ({error}).") from error
    try:
        torch.set_rng_state(state["random"])
    except RuntimeError as error:
        raise Wrong("`random` has the right size, but is no state of torch's generator.") from error
    rest.step(3)
    expect(
        torch.equal(whole.weights(), rest.weights()),
        "It goes on, but with other dropout: this is not the generator's state at the time of the snapshot.",
    )
