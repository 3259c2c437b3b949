"""Checks behind notebook 03: merges of a BPE, position ids, sentence vectors, sequences back to maps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from rvos_edu.course.checking import Exercise
from rvos_edu.course.expect import expect_close, expect_shape

PAD = 1

E_03_1 = Exercise("03.1", "learn the merges of a BPE")
Words = dict[str, int]
Pair = tuple[str, str]


def _merges(
    words: Words,
    count: int,
    *,
    weigh: bool = True,
    recount: bool = True,
    order: Callable[[Pair, int], Any] = lambda pair, often: (-often, pair),
) -> list[Pair]:
    """The right merges; the options make the usual mistakes."""
    rows = {tuple(word): often for word, often in words.items()}
    learned: list[Pair] = []
    for _ in range(count):
        pairs: Counter[Pair] = Counter()
        for symbols, often in rows.items():
            for pair in zip(symbols, symbols[1:], strict=False):
                pairs[pair] += often if weigh else 1
        for pair in learned if not recount else []:
            del pairs[pair]
        best = min(pairs, key=lambda pair: order(pair, pairs[pair]))
        learned.append(best)
        if recount:
            rows = {_glued(symbols, best): often for symbols, often in rows.items()}
    return learned


def _glued(symbols: Sequence[str], pair: Pair) -> tuple[str, ...]:
    out: list[str] = []
    i = 0
    while i < len(symbols):
        hit = tuple(symbols[i : i + 2]) == pair
        out.append("".join(pair) if hit else symbols[i])
        i += 2 if hit else 1
    return tuple(out)


def _pairs(answer: Any, words: Words, count: int) -> Any:
    return expect_shape(
        answer(dict(words), count), (count, 2), hint="One (left, right) pair of strings per merge."
    )


@E_03_1.stage("the first merge of one word")
def _(answer: Any) -> None:
    words = {"Ġbanana": 1}
    expect_close(
        _pairs(answer, words, 1),
        _merges(words, 1),
        hint="Count every pair of neighbours in the word, and take the most frequent one.",
        mistakes={
            "Two pairs are equally frequent; the alphabet decides, not the place in the word.": [["n", "a"]],
            "You took a rare pair: largest and smallest count are exchanged.": _merges(
                words, 1, order=lambda pair, often: (often, pair)
            ),
        },
    )


@E_03_1.stage("a frequent word counts more than once")
def _(answer: Any) -> None:
    words = {"Ġxy": 5, "Ġab": 1, "cab": 1, "dab": 1}
    expect_close(
        _pairs(answer, words, 1),
        _merges(words, 1),
        hint="Look at the numbers that come with the words.",
        mistakes={
            "You counted each word once. A word that occurs five times brings its pairs five times.": _merges(
                words, 1, weigh=False
            )
        },
    )


@E_03_1.stage("after a merge everything is counted anew")
def _(answer: Any) -> None:
    words = {"Ġred": 3, "Ġgreen": 2, "Ġtree": 2}
    expect_close(
        _pairs(answer, words, 3),
        _merges(words, 3),
        hint="After the first merge its two letters are one symbol, in every word.",
        mistakes={
            "You took the three most frequent pairs of the first count. Glue, then count again.": _merges(
                words, 3, recount=False
            ),
            "You learned the same pair again and again: it was not glued.": [["r", "e"]] * 3,
        },
    )


@E_03_1.stage("ties go by the alphabet")
def _(answer: Any) -> None:
    words = {"zyx": 2, "abc": 2}
    latest = _merges(words, 4, order=lambda pair, often: (-often, [-ord(c) for c in "".join(pair)]))
    expect_close(
        _pairs(answer, words, 4),
        _merges(words, 4),
        hint="Several pairs are equally frequent here; check in which order you took them.",
        mistakes={
            "Of equally frequent pairs you took the one seen first; the alphabet decides.": _merges(
                words, 4, order=lambda pair, often: -often
            ),
            "Of equally frequent pairs you took the last of the alphabet, not the first.": latest,
        },
    )


E_03_2 = Exercise("03.2", "position ids of a padded batch")


def _positions(ids: Tensor) -> Tensor:
    real = (ids != PAD).long()
    return real.cumsum(1) * real + PAD


@E_03_2.stage("a sentence without padding")
def _(answer: Any) -> None:
    ids = torch.tensor([[0, 263, 348, 313, 2]])
    got = expect_shape(answer(ids.clone()), (1, 5), hint="One position per token.")
    expect_close(
        got,
        _positions(ids),
        hint="A sentence of five real tokens has five positions, each one more than the one before.",
        mistakes={
            "You counted from 0. RoBERTa's first two rows are taken.": torch.arange(5)[None],
            "You counted from 1, but row 1 of the table belongs to padding.": torch.arange(1, 6)[None],
        },
    )


@E_03_2.stage("padding at the end gets row 1")
def _(answer: Any) -> None:
    ids = torch.tensor([[0, 348, 2, 1, 1, 1]])
    expect_close(
        answer(ids.clone()),
        _positions(ids),
        hint="Look at the padded places: they all share one row of the table.",
        mistakes={
            "You went on counting through the padding.": torch.arange(2, 8)[None],
            "Padding stands still at the last count; it has a row of its own.": (ids != PAD).cumsum(1) + PAD,
            "Padded places came out as 0; their row is another one.": (_positions(ids) - PAD) * (ids != PAD)
            + (ids != PAD).long(),
        },
    )


@E_03_2.stage("a batch: every sentence begins anew")
def _(answer: Any) -> None:
    ids = torch.tensor([[0, 9, 8, 7, 2], [0, 9, 2, 1, 1]])
    through = (ids != PAD).long().flatten().cumsum(0).view_as(ids)
    expect_close(
        answer(ids.clone()),
        _positions(ids),
        hint="Each row of the batch is counted on its own.",
        mistakes={
            "You counted on from one sentence into the next.": through * (ids != PAD) + PAD,
        },
    )


E_03_3 = Exercise("03.3", "one vector for a whole sentence")


def _sentences() -> tuple[Tensor, Tensor]:
    words = torch.arange(24.0).view(2, 4, 3) ** 1.5
    return words, torch.tensor([[False] * 4, [False, False, True, True]])


def _masked_mean(words: Tensor, padding: Tensor) -> Tensor:
    real = (~padding).float()[..., None]
    return (words * real).sum(1) / real.sum(1)


@E_03_3.stage("a sentence without padding is a plain mean")
def _(answer: Any) -> None:
    words, padding = _sentences()
    got = expect_shape(
        answer(words[:1].clone(), padding[:1].clone()),
        (1, 3),
        hint="One vector per sentence: the axis of the words goes away.",
    )
    expect_close(
        got,
        words[:1].mean(1),
        hint="All four tokens count the same here.",
        mistakes={
            "You added the words up but did not divide.": words[:1].sum(1),
            "This is the first token, not the mean of all.": words[:1, 0],
        },
    )


@E_03_3.stage("padded tokens do not count")
def _(answer: Any) -> None:
    words, padding = _sentences()
    real = (~padding).float()[..., None]
    expect_close(
        answer(words.clone(), padding.clone()),
        _masked_mean(words, padding),
        hint="The second sentence has two real tokens. Which did you use, and what did you divide by?",
        mistakes={
            "You averaged the padding too.": words.mean(1),
            "The sum is right, but you divided by L, not by the number of real tokens.": (words * real).sum(1)
            / words.shape[1],
            "You divided all sentences by one number; each has its own.": (words * real).sum(1) / real.sum(),
        },
    )


@E_03_3.stage("whatever padding holds, it changes nothing")
def _(answer: Any) -> None:
    words, padding = _sentences()
    loud = words.clone()
    loud[padding] = 1e6
    expect_close(
        answer(loud, padding.clone()),
        _masked_mean(words, padding),
        hint="Large values at padded places reach your result.",
        tolerance=1e-3,
    )


E_03_4 = Exercise("03.4", "from the sequence back to a picture")


def _sequence(frames: int, grid: tuple[int, int], words: int, width: int) -> tuple[Tensor, Tensor]:
    """Maps [F, D, h', w'] of distinct numbers, and the sequence that they come from."""
    maps = torch.arange(float(frames * width * grid[0] * grid[1])).view(frames, width, *grid)
    tail = -torch.arange(1.0, 1 + frames * words * width).view(frames, words, width)
    return maps, torch.cat([maps.flatten(2).transpose(1, 2), tail], dim=1)


@E_03_4.stage("one channel: the order of the pixels")
def _(answer: Any) -> None:
    maps, sequence = _sequence(1, (2, 3), 0, 1)
    columns = sequence.view(1, 3, 2).transpose(1, 2)[:, None]
    got = expect_shape(
        answer(sequence.clone(), (2, 3)), (1, 1, 2, 3), hint="Frames, channels, rows, columns, in this order."
    )
    expect_close(
        got,
        maps,
        hint="Token 0 is the upper left pixel, token 1 its right neighbour.",
        mistakes={"You filled column by column; the pixels come row by row.": columns},
    )


@E_03_4.stage("several channels stay apart")
def _(answer: Any) -> None:
    maps, sequence = _sequence(1, (2, 3), 0, 4)
    got = expect_shape(
        answer(sequence.clone(), (2, 3)), (1, 4, 2, 3), hint="Frames, channels, rows, columns."
    )
    expect_close(
        got,
        maps,
        hint="Follow one pixel: all its channels must land at the same place of the map.",
        mistakes={
            "You reshaped without moving the channels first, so channels and pixels are mixed up.": (
                sequence.reshape(1, 4, 2, 3)
            )
        },
    )


@E_03_4.stage("the words are left behind")
def _(answer: Any) -> None:
    maps, sequence = _sequence(2, (3, 2), 5, 4)
    last = sequence[:, 5:].transpose(1, 2).reshape(2, 4, 3, 2)
    got = expect_shape(
        answer(sequence.clone(), (3, 2)),
        (2, 4, 3, 2),
        hint="Only the visual part belongs here.",
    )
    expect_close(
        got,
        maps,
        hint="Some of what you returned are words, or frames got mixed.",
        mistakes={"You dropped tokens from the front; the words are at the end.": last},
    )
