"""Wrong answers to the exercises of notebook 08, each with a part of the message meant for it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor


def _votes(p: Tensor) -> tuple[Tensor, Tensor]:
    votes = p.sum(1)
    return votes.argmax(-1), votes


def _p(logits: Tensor) -> Tensor:
    return logits.softmax(-1)[..., 0]


def _inverted(logits: Tensor, padding: Tensor) -> Any:
    return _votes(_p(logits) * padding[..., None])


def _before_softmax(logits: Tensor, padding: Tensor) -> Any:
    return _votes(_p(logits * (~padding)[..., None, None]))


def _ignored(logits: Tensor, padding: Tensor) -> Any:
    return _votes(_p(logits))


def _chosen_by_all(logits: Tensor, padding: Tensor) -> Any:
    return _p(logits).sum(1).argmax(-1), _p(logits).masked_fill(padding[..., None], 0).sum(1)


def _multiplied(logits: Tensor, padding: Tensor) -> Any:
    return _votes(_p(logits) * (~padding)[..., None])


def _mean(logits: Tensor, padding: Tensor) -> Any:
    votes = _p(logits).mean(1)
    return votes.argmax(-1), votes


def _other_index(logits: Tensor, padding: Tensor) -> Any:
    return _votes(logits.softmax(-1)[..., 1] * (~padding)[..., None])


def _over_queries(logits: Tensor, padding: Tensor) -> Any:
    votes = _p(logits).sum(2)
    return votes.argmax(-1), votes


def _gated(logits: Tensor, masks: Tensor, keep: Tensor) -> Tensor:
    return (masks[:, int(_p(logits).sum(0).argmax())] > 0) & keep[:, None, None]


def _of_voted(logits: Tensor) -> Tensor:
    return _p(logits)[:, int(_p(logits).sum(0).argmax())]


def _per_frame(logits: Tensor, masks: Tensor, threshold: float) -> Tensor:
    p = _p(logits)
    rows = torch.arange(len(masks))
    return (masks[rows, p.argmax(1)] > 0) & (p.amax(1) >= threshold)[:, None, None]


def _settled(probabilities: np.ndarray, *, strict: bool = True, add: int = 1, together: bool = False) -> int:
    counted = probabilities.cumsum(1)
    length = counted.shape[1]
    for t in range(length):
        best, *rest = sorted(counted[:, t], reverse=True)
        lead = best - (sum(rest) if together else rest[0])
        remaining = length - t - 1
        if lead > remaining or (not strict and lead == remaining):
            return t + add
    return length


def _from_the_future(probabilities: np.ndarray) -> int:
    leaders = probabilities.cumsum(1).argmax(0)
    return next(t + 1 for t in range(len(leaders)) if (leaders[t:] == leaders[-1]).all())


WRONG: dict[str, list[tuple[Any, str]]] = {
    "08.1": [
        (lambda strong, weak: math.floor(strong / weak), "go one frame further"),
        (lambda strong, weak: strong / weak, "whole number of frames"),
        (lambda strong, weak: math.ceil(weak / strong), "divided the weak probability by the strong"),
        (lambda strong, weak: math.ceil(strong / weak), "a tie is not a win"),
        (lambda strong, weak: round(strong / weak) + 1, "rounded to the nearest number"),
    ],
    "08.2": [
        (_inverted, "True where a frame is to be left out"),
        (_before_softmax, "Leave frames out after the softmax"),
        (_ignored, "counted like all others"),
        (_chosen_by_all, "chosen by the votes of all frames"),
        (_multiplied, "Zero times nan is nan"),
        (_mean, "the votes asked for are sums"),
        (_other_index, 'probability of "not referred"'),
        (_over_queries, "the vote is over frames"),
        (lambda logits, padding: _votes(_p(logits))[0], "Two things are to come back"),
    ],
    "08.3": [
        (_per_frame, "let all frames vote for one"),
        (lambda logits, masks, threshold: masks[:, int(_p(logits).sum(0).argmax())], "not masks: say which"),
        (lambda logits, masks, threshold: _gated(logits, masks, _of_voted(logits) >= 0), "Nothing is blank"),
        (
            lambda logits, masks, threshold: _gated(logits, masks, _p(logits).amax(1) >= threshold),
            "ask the one that was chosen",
        ),
        (
            lambda logits, masks, threshold: _gated(
                logits, masks, (_of_voted(logits) < threshold) | (threshold == 0)
            ),
            "blanked the frames in which the chosen query is sure",
        ),
        (
            lambda logits, masks, threshold: _gated(
                logits, masks, (_of_voted(logits) >= 0.5) | (threshold == 0)
            ),
            "is your threshold a fixed number",
        ),
    ],
    "08.4": [
        (lambda p: _settled(p, strict=False), "a tie does not settle it"),
        (_from_the_future, "frames that are still to come"),
        (lambda p: _settled(p, add=0), "could still draw level"),
        (lambda p: _settled(p, together=True), "only the best of them"),
        (lambda p: p.shape[1], "settled before its last frame"),
    ],
}
