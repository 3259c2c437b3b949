"""Checks of notebook 06: the cost of a pair of sequences, the cheapest assignment, identity switches."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from rvos_edu.course.checking import Exercise, Wrong
from rvos_edu.course.expect import expect, expect_close, expect_shape
from rvos_edu.course.expect_numbers import numbers_of
from rvos_edu.losses import SMOOTHING

E_06_1 = Exercise("06.1", "Dice cost over the frames in which an object is visible")
E_06_2 = Exercise("06.2", "a trap for the greedy")
E_06_3 = Exercise("06.3", "the best assignment, with more queries than objects or fewer")
E_06_4 = Exercise("06.4", "identity switches")


def _clip(hidden: list[tuple[int, int]]) -> tuple[Tensor, Tensor]:
    """Probabilities [3, 4, 5, 6] and masks [2, 3, 5, 6]; `hidden` are (object, frame)."""
    generator = torch.Generator().manual_seed(6)
    probability = torch.rand(3, 4, 5, 6, generator=generator)
    masks = torch.rand(2, 3, 5, 6, generator=generator) < 0.3
    for thing, frame in hidden:
        masks[thing, frame] = False
    return probability, masks


def _frame_dice(probability: Tensor, masks: Tensor, *, smoothing: float = SMOOTHING) -> Tensor:
    """[I, A, N]: of every query with every object, frame by frame."""
    truth = masks[:, :, None].float()
    both = (probability * truth).sum((-2, -1))
    sizes = probability.sum((-2, -1)) + truth.sum((-2, -1))
    return (2 * both + smoothing) / (sizes + smoothing)


def _mean_cost(dice: Tensor, weights: Tensor) -> Tensor:
    """[N, I] from [I, A, N] and which frames of every object count [I, A]; 0 where none does."""
    total = (dice * weights[..., None]).sum(1) / weights.sum(1)[:, None].clamp(min=1)
    return -total.T


def _visible(masks: Tensor) -> Tensor:
    return masks.flatten(2).any(-1).float()


@E_06_1.stage("every object visible in every frame")
def _(answer: Any) -> None:
    probability, masks = _clip([])
    dice, all_frames = _frame_dice(probability, masks), torch.ones(2, 3)
    right = _mean_cost(dice, all_frames)
    volume = _frame_dice(probability.transpose(0, 1).flatten(1, 2)[None], masks.flatten(1, 2)[:, None])
    got = expect_shape(
        answer(probability.clone(), masks.clone()), (4, 2), hint="A row per query, a column per object."
    )
    expect_close(
        got,
        right,
        hint="Where everything is visible, this is the plain Dice cost: compare your Dice with formula A.1.",
        mistakes={
            "The sign: a cost is low for a good pair.": -right,
            "You forgot the smoothing constant above and below.": _mean_cost(
                _frame_dice(probability, masks, smoothing=0.0), all_frames
            ),
            "You subtracted from one: that is the loss, the cost has no such constant.": 1 + right,
            "You summed over frames; a cost is a mean.": 3 * right,
            "You took one Dice over the whole volume of frames; here every frame has its own.": -volume[
                :, 0
            ].T,
            "You rounded the probabilities to a mask first; soft ones are meant.": _mean_cost(
                _frame_dice((probability > 0.5).float(), masks), all_frames
            ),
        },
        tolerance=1e-4,
    )


@E_06_1.stage("an object hidden in one frame")
def _(answer: Any) -> None:
    probability, masks = _clip([(0, 1), (1, 1)])
    dice, seen = _frame_dice(probability, masks), _visible(masks)
    right = _mean_cost(dice, seen)
    expect_close(
        answer(probability.clone(), masks.clone()),
        right,
        hint="Only frames with at least one pixel of the object may count.",
        mistakes={
            "The hidden frame still counts: you average over all frames.": _mean_cost(dice, torch.ones(2, 3)),
            "You left the hidden frame out of the sum, but divide by all frames.": right * 2 / 3,
            "You keep only the hidden frames.": _mean_cost(dice, 1 - seen),
        },
        tolerance=1e-4,
    )


@E_06_1.stage("every object has frames of its own")
def _(answer: Any) -> None:
    probability, masks = _clip([(0, 0), (1, 1), (1, 2)])
    dice, seen = _frame_dice(probability, masks), _visible(masks)
    shared = {
        "A frame counts for you if any object is visible in it; it is a matter of each object.": seen.amax(0),
        "You leave out a frame for all objects as soon as one of them is hidden.": seen.amin(0),
        "You use the frames of object 0 for all objects.": seen[0],
    }
    expect_close(
        answer(probability.clone(), masks.clone()),
        _mean_cost(dice, seen),
        hint="Which frames count differs from column to column.",
        mistakes={message: _mean_cost(dice, frames.expand(2, 3)) for message, frames in shared.items()},
        tolerance=1e-4,
    )


@E_06_1.stage("an object that never shows")
def _(answer: Any) -> None:
    probability, masks = _clip([(0, 0), (0, 1), (0, 2)])
    got = numbers_of(answer(probability.clone(), masks.clone()))
    expect(np.isfinite(got).all(), "No frame counts, and you divide by their number: 0 by 0.")
    right = _mean_cost(_frame_dice(probability, masks), _visible(masks))
    expect_close(got, right, hint="Such an object costs 0 with every query, the others as before.")


def _greedy(cost: np.ndarray) -> float:
    """Cheapest cell first, then the cheapest that shares neither its row nor its column, ..."""
    left, total = cost.copy(), 0.0
    for _ in range(min(cost.shape)):
        row, column = np.unravel_index(left.argmin(), left.shape)
        total += float(cost[row, column])
        left[row], left[:, column] = np.inf, np.inf
    return total


def _trap(answer: Any) -> np.ndarray:
    return numbers_of(answer() if callable(answer) else answer)


@E_06_2.stage("three queries, three objects")
def _(answer: Any) -> None:
    expect_shape(_trap(answer), (3, 3), hint="One row per query, one column per object.")


@E_06_2.stage("costs that can occur")
def _(answer: Any) -> None:
    cost = _trap(answer)
    expect(
        np.isfinite(cost).all() and cost.max() <= 0,
        "A cost is above 0 or not finite: both terms are minus a share.",
    )
    expect(cost.min() >= -7, "A cost lies below what a perfect pair costs with the weights 5 and 2.")
    expect(
        len(np.unique(cost)) == 9, "Two cells are equal: then greedy may choose, and the trap is not sure."
    )


@E_06_2.stage("greedy falls into it")
def _(answer: Any) -> None:
    cost = _trap(answer)
    best = float(cost[linear_sum_assignment(cost)].sum())
    gap = _greedy(cost) - best
    expect(
        gap > 1e-9,
        "Greedy finds the best assignment here. Let the cheapest cell of all block two others that are "
        "nearly as cheap.",
    )
    expect(gap >= 2, "Greedy loses, but by less than 2. What could its last pick be forced to pay?")


def _pairs(answer: Any, cost: np.ndarray) -> list[tuple[int, int]]:
    """The reader's pairs, of the right form."""
    got = answer(cost.copy())
    if got is None:
        raise Wrong("Nothing came back (None). Does your function end in a `return`?")
    try:
        pairs = [(int(query), int(thing)) for query, thing in got]
    except (TypeError, ValueError, OverflowError) as error:
        raise Wrong("Return a list of (query, object), one entry for each pair.") from error
    queries, things = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    number = min(cost.shape)
    expect(
        len(pairs) == number, f"There are {len(pairs)} pairs; a matrix {cost.shape} has room for {number}."
    )
    if min(queries + things) < 0 or max(queries) >= cost.shape[0] or max(things) >= cost.shape[1]:
        raise Wrong("A pair lies outside the matrix: query first, then object.")
    expect(len(set(queries)) == number, "One query answers for two objects.")
    expect(len(set(things)) == number, "One object is given to two queries.")
    return pairs


def _compare_pairs(answer: Any, cost: np.ndarray, hint: str) -> list[tuple[int, int]]:
    pairs = _pairs(answer, cost)
    paid = sum(cost[pair] for pair in pairs)
    best = float(cost[linear_sum_assignment(cost)].sum())
    worst = float(cost[linear_sum_assignment(cost, maximize=True)].sum())
    if abs(paid - worst) < 1e-9 < worst - best:
        raise Wrong("That is the dearest assignment: the sum is to be small.")
    if abs(paid - _greedy(cost)) < 1e-9 < paid - best:
        raise Wrong("That is what greedy finds: you never take back an early pick.")
    expect(paid - best < 1e-9, hint)
    return pairs


@E_06_3.stage("as many queries as objects")
def _(answer: Any) -> None:
    cost = np.array([[-6.0, -5, -1], [-5, -1, -2], [-2, -2, -1]])
    _compare_pairs(answer, cost, "There is a cheaper assignment: are all six permutations tried?")


@E_06_3.stage("more queries than objects")
def _(answer: Any) -> None:
    cost = np.random.default_rng(3).uniform(-7, 0, (5, 2)).round(1)
    cost[:3] += 4  # the best queries come late
    _compare_pairs(
        answer,
        cost,
        "There is a cheaper assignment: any query may stay without an object, it may be the first ones.",
    )


@E_06_3.stage("more objects than queries")
def _(answer: Any) -> None:
    cost = np.random.default_rng(5).uniform(-7, 0, (2, 4)).round(1)
    cost[:, :2] += 4
    _compare_pairs(answer, cost, "There is a cheaper assignment: now objects stay without a query.")


@E_06_3.stage("queries in ascending order")
def _(answer: Any) -> None:
    cost = -np.eye(4, 3)[:, ::-1]
    pairs = _compare_pairs(answer, cost, "There is a cheaper assignment.")
    expect(pairs == sorted(pairs), "The pairs are right, but not sorted by query.")


def _check_count(
    answer: Any,
    queries: list[int],
    visible: list[int],
    right: int,
    hint: str,
    mistakes: dict[str, int] | None = None,
) -> None:
    got = answer(torch.tensor(queries), torch.tensor(visible).bool())
    expect_shape(got, (), hint="One number for the whole clip.")
    expect_close(numbers_of(got), right, hint=hint, mistakes=mistakes)


@E_06_4.stage("one query throughout")
def _(answer: Any) -> None:
    _check_count(answer, [3, 3, 3, 3], [1, 1, 1, 1], 0, "Nothing changes here.", {
        "You count the queries that occur; nothing was switched.": 1,
        "You count frames that stay the same.": 3,
    })  # fmt: skip


@E_06_4.stage("there and back again")
def _(answer: Any) -> None:
    _check_count(answer, [3, 5, 3, 5, 5, 5], [1] * 6, 3, "Compare each frame with the one before it.", {
        "You count how many queries occur, not how often it changes.": 2,
        "You count each query once: going back to an earlier one is a switch, too.": 1,
        "You compare with the first frame instead of the one before.": 4,
    })  # fmt: skip


@E_06_4.stage("hidden frames do not count")
def _(answer: Any) -> None:
    _check_count(answer, [3, 3, 8, 3, 3], [1, 1, 0, 1, 1], 0, "While nothing is seen, a match is void.", {
        "You count changes into and out of a hidden frame.": 2,
        "You count the change out of a hidden frame.": 1,
    })  # fmt: skip


@E_06_4.stage("another query after a pause")
def _(answer: Any) -> None:
    _check_count(
        answer, [3, 3, 8, 9, 5, 5], [1, 1, 0, 0, 1, 1], 1,
        "Compare with the last frame in which the object was seen, however long ago.",
        {
            "You only compare neighbouring frames: the switch happened behind the pause.": 0,
            "You count changes while the object is hidden.": 3,
        },
    )  # fmt: skip


@E_06_4.stage("hidden in the beginning")
def _(answer: Any) -> None:
    _check_count(answer, [8, 3, 3], [0, 1, 1], 0, "Where does your comparison start?", {
        "You start from the first frame of all, in which nothing is seen yet.": 1,
    })  # fmt: skip


@E_06_4.stage("never seen")
def _(answer: Any) -> None:
    _check_count(answer, [1, 2, 3], [0, 0, 0], 0, "Nothing seen, nothing switched.")
