"""Wrong answers to the exercises of notebook 03, and what they must be told."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch import Tensor


def from_zero(ids: Tensor) -> Tensor:
    return torch.arange(ids.shape[1]).expand_as(ids)


def from_one(ids: Tensor) -> Tensor:
    return (ids != 1).long().cumsum(1) * (ids != 1)


def through_padding(ids: Tensor) -> Tensor:
    return 2 + torch.arange(ids.shape[1]).expand_as(ids)


def padding_stands_still(ids: Tensor) -> Tensor:
    return (ids != 1).long().cumsum(1) + 1


def over_all_sentences(ids: Tensor) -> Tensor:
    real = (ids != 1).long()
    return real.flatten().cumsum(0).view_as(ids) * real + 1


def merges(
    words: dict[str, int], count: int, *, weigh: bool = True, glue: bool = True, key: Any = None
) -> Any:
    rows = {tuple(word): often for word, often in words.items()}
    learned: list[Any] = []
    for _ in range(count):
        pairs: Counter[Any] = Counter()
        for symbols, often in rows.items():
            for pair in zip(symbols, symbols[1:], strict=False):
                pairs[pair] += often if weigh else 1
        best = key(pairs, learned) if key else min(pairs, key=lambda p: (-pairs[p], p))
        learned.append(best)
        if glue:
            space, glued = " ".join(best), "".join(best)
            rows = {tuple(" ".join(r).replace(space, glued).split()): often for r, often in rows.items()}
    return learned


def first_seen(pairs: Any, learned: Any) -> Any:
    return max(pairs, key=pairs.get)


def last_of_alphabet(pairs: Any, learned: Any) -> Any:
    return max(pairs, key=lambda p: (pairs[p], p))


def top_of_first_count(pairs: Any, learned: Any) -> Any:
    return sorted(pairs, key=lambda p: (-pairs[p], p))[len(learned)]


def rows_of(sequence: Tensor, grid: tuple[int, int]) -> Tensor:
    return sequence[:, : grid[0] * grid[1]]


WRONG: dict[str, list[tuple[Any, str]]] = {
    "03.2": [
        (from_zero, "You counted from 0"),
        (from_one, "row 1 of the table belongs to padding"),
        (through_padding, "went on counting through the padding"),
        (padding_stands_still, "Padding stands still"),
        (over_all_sentences, "from one sentence into the next"),
    ],
    "03.1": [
        (lambda w, n: merges(w, n, weigh=False), "You counted each word once"),
        (
            lambda w, n: merges(w, n, glue=False, key=top_of_first_count),
            "most frequent pairs of the first count",
        ),
        (lambda w, n: merges(w, n, glue=False), "it was not glued"),
        (lambda w, n: merges(w, n, key=last_of_alphabet), "the alphabet decides, not the place"),
        (lambda w, n: merges(w, n, key=lambda p, _: min(p, key=lambda x: (p[x], x))), "You took a rare pair"),
    ],
    "03.3": [
        (lambda words, padding: words.sum(1), "did not divide"),
        (lambda words, padding: words.mean(1), "You averaged the padding too"),
        (lambda words, padding: (words * ~padding[..., None]).mean(1), "divided by L"),
        (lambda words, padding: words[:, 0], "This is the first token"),
    ],
    "03.4": [
        (lambda s, g: rows_of(s, g).reshape(len(s), -1, *g), "channels and pixels are mixed up"),
        (
            lambda s, g: rows_of(s, g).transpose(1, 2).unflatten(2, (g[1], g[0])).transpose(2, 3),
            "column by column",
        ),
        (
            lambda s, g: s[:, -g[0] * g[1] :].transpose(1, 2).unflatten(2, g),
            "the words are at the end",
        ),
        (lambda s, g: s.transpose(1, 2)[..., None], "Frames, channels, rows, columns"),
    ],
}
