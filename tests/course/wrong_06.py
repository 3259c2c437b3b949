"""Wrong answers to the exercises of notebook 06, and part of the message that each must get."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from torch import Tensor


def _dice(probability: Tensor, masks: Tensor, smoothing: float = 1.0) -> Tensor:
    truth = masks[:, :, None].float()
    both, sizes = (probability * truth).sum((-2, -1)), probability.sum((-2, -1)) + truth.sum((-2, -1))
    return (2 * both + smoothing) / (sizes + smoothing)


def _seen(masks: Tensor) -> Tensor:
    return masks.flatten(2).any(-1).float()[..., None]  # [I, A, 1]


def _right_cost(probability: Tensor, masks: Tensor) -> Tensor:
    seen = _seen(masks)
    return -((_dice(probability, masks) * seen).sum(1) / seen.sum(1).clamp(min=1)).T


def _nan_cost(probability: Tensor, masks: Tensor) -> Tensor:
    seen = _seen(masks)
    return -((_dice(probability, masks) * seen).sum(1) / seen.sum(1)).T


def _by_any(probability: Tensor, masks: Tensor) -> Tensor:
    seen = _seen(masks).amax(0)
    return -((_dice(probability, masks) * seen).sum(1) / seen.sum(0)).T


def _greedy(cost: np.ndarray) -> list[tuple[int, int]]:
    left, pairs = cost.astype(float).copy(), []
    for _ in range(min(cost.shape)):
        row, column = np.unravel_index(left.argmin(), left.shape)
        pairs.append((int(row), int(column)))
        left[row], left[:, column] = np.inf, np.inf
    return sorted(pairs)


def _first_queries(cost: np.ndarray) -> list[tuple[int, int]]:
    """Permutes the objects only: always uses the first queries."""
    number = min(cost.shape)
    tried = [list(zip(range(number), order, strict=True)) for order in permutations(range(number))]
    return min(tried, key=lambda pairs: sum(cost[pair] for pair in pairs))


def _best(cost: np.ndarray) -> list[tuple[int, int]]:
    """By object, so that queries are not in order."""
    queries, objects = cost.shape
    if queries >= objects:
        tried = [list(zip(q, range(objects), strict=True)) for q in permutations(range(queries), objects)]
    else:
        tried = [list(zip(range(queries), o, strict=True)) for o in permutations(range(objects), queries)]
    return min(tried, key=lambda pairs: sum(cost[pair] for pair in pairs))


def _only_tall(cost: np.ndarray) -> list[tuple[int, int]]:
    return sorted(_best(cost)) if len(cost) >= cost.shape[1] else _first_queries(cost)


def _from_the_first_frame(queries: Tensor, visible: Tensor) -> int:
    last, switches = queries[0], 0
    for query, seen in zip(queries, visible, strict=True):
        if seen:
            switches, last = switches + int(query != last), query
    return switches


WRONG = {
    "06.1": [
        (lambda p, m: -_right_cost(p, m), "a cost is low for a good pair"),
        (lambda p, m: -_dice(p, m, 0.0).mean(1).T, "forgot the smoothing"),
        (lambda p, m: 1 + _right_cost(p, m), "subtracted from one"),
        (lambda p, m: -_dice(p, m).sum(1).T, "summed over frames"),
        (
            lambda p, m: -_dice(p.transpose(0, 1).flatten(1, 2)[None], m.flatten(1, 2)[:, None])[:, 0].T,
            "whole volume of frames",
        ),
        (lambda p, m: _right_cost((p > 0.5).float(), m), "rounded the probabilities"),
        (lambda p, m: -_dice(p, m).mean(1).T, "you average over all frames"),
        (lambda p, m: -(_dice(p, m) * _seen(m)).mean(1).T, "but divide by all frames"),
        (_by_any, "if any object is visible"),
        (_nan_cost, "by their number: 0 by 0"),
        (lambda p, m: _right_cost(p, m).T, "A row per query, a column per object"),
    ],
    "06.2": [
        (lambda: [[-1.0, -2.0], [-3.0, -4.0]], "One row per query, one column per object"),
        (lambda: -np.arange(9.0).reshape(3, 3) * 0.7 + 0.5, "A cost is above 0"),
        (lambda: -np.arange(9.0).reshape(3, 3), "below what a perfect pair costs"),
        (lambda: [[-6, -5, -1], [-5, -1, -2], [-2, -2, -1]], "Two cells are equal"),
        (lambda: [[-6, -1, -2], [-1.5, -5, -0.5], [-0.2, -0.3, -4]], "Greedy finds the best assignment"),
        (lambda: [[-6, -5, -1], [-5.1, -1.1, -2], [-2.2, -2.1, -1.2]], "by less than 2"),
        (lambda: [["a", "b", "c"]] * 3, "real numbers"),
    ],
    "06.3": [
        (lambda cost: [int(q) for q in cost.argmin(0)], "Return a list of (query, object)"),
        (lambda cost: [(int(q), i) for i, q in enumerate(cost.argmin(0))], "answers for two objects"),
        (lambda cost: [(n, int(i)) for n, i in enumerate(cost.argmin(1))], "given to two queries"),
        (_greedy, "never take back an early pick"),
        (lambda cost: sorted(_best(-cost)), "the dearest assignment"),
        (_first_queries, "it may be the first ones"),
        (_only_tall, "now objects stay without a query"),
        (_best, "not sorted by query"),
        (lambda cost: [], "has room for"),
        (
            lambda cost: [(q - cost.shape[0], i - cost.shape[1]) for q, i in sorted(_best(cost))],
            "A pair lies outside the matrix",
        ),
    ],
    "06.4": [
        (lambda q, v: (q[1:] == q[:-1]).sum(), "frames that stay the same"),
        (lambda q, v: len(set(q.tolist())) - 1, "going back to an earlier one is a switch"),
        (
            lambda q, v: len(set(q.tolist())) - (len(set(q.tolist())) == 1),
            "how many queries occur, not how often",
        ),
        (lambda q, v: (q != q[0]).sum(), "compare with the first frame"),
        (lambda q, v: (q[1:] != q[:-1]).sum(), "into and out of a hidden frame"),
        (lambda q, v: ((q[1:] != q[:-1]) & v[1:]).sum(), "change out of a hidden frame"),
        (lambda q, v: ((q[1:] != q[:-1]) & v[1:] & v[:-1]).sum(), "the switch happened behind the pause"),
        (lambda q, v: q[1:] != q[:-1], "One number for the whole clip"),
        (_from_the_first_frame, "in which nothing is seen yet"),
        (lambda q, v: "none", "Expected real numbers"),
    ],
}
