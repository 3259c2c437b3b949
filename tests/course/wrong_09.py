"""Wrong answers to the exercises of notebook 09, and part of the message meant for each."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch


def groups(named: Any, lr: float, lr_encoder: float, **kind: Any) -> list[dict[str, Any]]:
    """Parameter groups with one mistake, named by `kind`."""
    named = [(n, p) for n, p in named if p.requires_grad or kind.get("frozen")]
    inside = "temporal_encoder" if kind.get("substring") else "temporal_encoder."
    encoder = [p for n, p in named if (inside in n if kind.get("substring") else n.startswith(inside))]
    rest = [p for _, p in named if all(p is not q for q in encoder)]
    if kind.get("swapped"):
        lr, lr_encoder = lr_encoder, lr
    if kind.get("forgotten"):
        return [{"params": rest, "lr": lr}]
    if kind.get("twice"):
        rest = [p for _, p in named]
    return [{"params": rest, "lr": lr}, {"params": encoder, "lr": lr_encoder}]


def wrong_groups(**kind: bool) -> Any:
    return lambda named, lr, lr_encoder: groups(named, lr, lr_encoder, **kind)


def factor(step: int, total: int, warmup: int) -> float:
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))


def from_zero(step: int, total: int, warmup: int) -> float:
    return step / warmup if step < warmup else factor(step, total, warmup)


def no_warmup(step: int, total: int, warmup: int) -> float:
    return factor(step, total, 0)


def below_zero(step: int, total: int, warmup: int) -> float:
    return (step + 1) / warmup if step < warmup else math.cos(math.pi * (step - warmup) / (total - warmup))


def quarter(step: int, total: int, warmup: int) -> float:
    done = (step - warmup) / (total - warmup)
    return (step + 1) / warmup if step < warmup else math.cos(0.5 * math.pi * done)


def drops(step: int, total: int, warmup: int) -> float:
    return (step + 1) / warmup if step < warmup else factor(step, total, 0)


def too_long(step: int, total: int, warmup: int) -> float:
    return factor(step, total + warmup, warmup)


def accumulate(weight: Any, batches: Any, *, divide: str = "items", clear: str = "before") -> None:
    """Accumulation with one mistake: what it divides by, when it clears."""
    items = sum(len(y) for _, y in batches)
    if clear != "never":
        weight.grad = None
    for x, y in batches:
        if clear == "between":
            weight.grad = None
        errors = (x @ weight - y).square()
        loss = {
            "items": errors.sum() / items,
            "parts": errors.mean() / len(batches),
            "nothing": errors.mean(),
        }
        loss[divide].backward()


def all_at_once(weight: Any, batches: Any) -> None:
    weight.grad = None
    x, y = (torch.cat(parts) for parts in zip(*batches, strict=True))
    (x @ weight - y).square().mean().backward()


def wrong_accumulate(**kind: str) -> Any:
    return lambda weight, batches: accumulate(weight, batches, **kind)


def snapshot(model: Any, optimizer: Any, step: int, *, leave: str = "", share: str = "") -> dict[str, Any]:
    """A snapshot that leaves out something, or shares tensors with the run."""
    state = {
        "weights": model.state_dict() if share == "weights" else copy.deepcopy(model.state_dict()),
        "optimizer": dict(optimizer.state_dict())
        if share == "optimizer"
        else copy.deepcopy(optimizer.state_dict()),
        "step": step,
        "random": torch.get_rng_state(),
    }
    if leave == "moments":
        state["optimizer"] = {**state["optimizer"], "state": {}}
    return {key: value for key, value in state.items() if key != leave}


def wrong_snapshot(**kind: str) -> Any:
    return lambda model, optimizer, step: snapshot(model, optimizer, step, **kind)


def seed_only(model: Any, optimizer: Any, step: int) -> dict[str, Any]:
    return {**snapshot(model, optimizer, step), "random": torch.initial_seed()}


def with_weights(keep: Any) -> Any:
    return lambda model, *rest: {**snapshot(model, *rest), "weights": keep(model)}


def other_moment(model: Any, optimizer: Any, step: int) -> dict[str, Any]:
    return {**snapshot(model, optimizer, step), "random": torch.Generator().manual_seed(0).get_state()}


WRONG = {
    "09.1": [
        (wrong_groups(frozen=True), "A frozen parameter is in a group"),
        (wrong_groups(forgotten=True), "would never be updated"),
        (wrong_groups(twice=True), "updated twice per step"),
        (wrong_groups(substring=True), "merely has the words in its name"),
        (wrong_groups(swapped=True), "The two rates are swapped"),
        (lambda named, lr, lr_encoder: [named], "Expected a list of dictionaries"),
        (lambda named, lr, lr_encoder: [{"params": [p for _, p in named]}], "lacks the key ['lr']"),
        (
            lambda named, lr, lr_encoder: [{"params": [p for _, p in named if p.requires_grad], "lr": lr}],
            "share a group with the transformer",
        ),
        (lambda named, lr, lr_encoder: [{"params": [], "lr": "fast"}], "Expected real numbers"),
        (lambda named, lr, lr_encoder: [{"params": [], "lr": [lr, lr_encoder]}], "one learning rate"),
        (lambda named, lr, lr_encoder: [{"params": 3, "lr": lr}], "The `params` of a group are of type int"),
    ],
    "09.2": [
        (from_zero, "The first update has the factor 0"),
        (no_warmup, "There is no warm-up"),
        (below_zero, "It goes below zero"),
        (quarter, "quarter of a wave"),
        (drops, "drops when the warm-up ends"),
        (too_long, "The cosine is too long"),
        (lambda step, total, warmup: None, "Nothing came back"),
        (lambda step, total, warmup: "half", "Expected real numbers"),
        (lambda step, total, warmup: torch.ones(2), "One factor per call"),
    ],
    "09.3": [
        (wrong_accumulate(divide="nothing"), "sum of the parts' gradients"),
        (wrong_accumulate(clear="between"), "gradients were cleared in between"),
        (wrong_accumulate(divide="parts"), "a mean of means"),
        (wrong_accumulate(clear="never"), "Old gradients were there"),
        (lambda weight, batches: None, "`weight.grad` is None"),
        (all_at_once, "one backward pass served several parts"),
    ],
    "09.4": [
        (wrong_snapshot(leave="random"), "lacks ['random']"),
        (wrong_snapshot(leave="optimizer"), "lacks ['optimizer']"),
        (seed_only, "a seed would start the same numbers"),
        (wrong_snapshot(share="weights"), "they are its own tensors"),
        (wrong_snapshot(share="optimizer"), "a new dictionary around the same tensors"),
        (wrong_snapshot(leave="moments"), "running means are not there"),
        (other_moment, "with other dropout"),
        (lambda model, optimizer, step: [model, optimizer], "Expected a dictionary"),
        (lambda model, optimizer, step: {**snapshot(model, optimizer, step), "step": 0}, "The step is 0"),
        (lambda *run: {**snapshot(*run), "step": torch.ones(2)}, "number of finished steps"),
        (lambda *run: {**snapshot(*run), "random": torch.zeros(3, dtype=torch.uint8)}, "has another one"),
        (
            lambda *run: {**snapshot(*run), "random": torch.zeros_like(torch.get_rng_state())},
            "is no state of torch's generator",
        ),
        (with_weights(lambda model: [p.clone() for p in model.parameters()]), "`weights` is of type list"),
        (with_weights(lambda model: 3), "`weights` is of type int"),
        (with_weights(copy.deepcopy), "`weights` is of type Sequential"),
        (
            with_weights(lambda model: dict(enumerate(model.parameters()))),
            "names that the model itself gives",
        ),
        (
            with_weights(lambda model: {name: p.flatten() for name, p in model.named_parameters()}),
            "in another shape",
        ),
        (lambda model, optimizer, step: None, "Nothing came back"),
        (lambda *run: {**snapshot(*run), "optimizer": run[1]}, "`optimizer` is of type AdamW"),
        (
            lambda *run: {**snapshot(*run), "optimizer": {"state": snapshot(*run)["optimizer"]["state"]}},
            "An optimiser cannot go on",
        ),
    ],
}
