"""Checks of notebook 10: names of failures, attention on the object, the word that decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rvos_edu.course.checking import Exercise, Wrong
from rvos_edu.course.expect import expect, expect_close, expect_shape

E_10_1 = Exercise("10.1", "name the failure")
NAMES = ("fine", "poor mask", "wrong choice", "never found")


def _named(answer: Any, j: list[float], voted: int) -> str:
    name = str(expect_shape(answer(np.array(j), voted), (), hint="One name for the clip."))
    expect(name in NAMES, f"{name!r} is none of the four names: {', '.join(NAMES)}.")
    return name


@E_10_1.stage("a good and a bad output")
def _(answer: Any) -> None:
    expect(_named(answer, [0.9, 0.1], 0) == "fine", "An output with J 0.9 is fine.")
    expect(
        _named(answer, [0.1, 0.2], 0) == "never found",
        "No query holds the object in this one. Look at the best of all queries, not at the voted one only.",
    )


@E_10_1.stage("another query is voted for")
def _(answer: Any) -> None:
    expect(
        _named(answer, [0.1, 0.9], 1) == "fine",
        "The output is the mask of the voted query, which need not be the first one.",
    )
    expect(_named(answer, [0.9, 0.1], 1) == "wrong choice", "A good mask was there, and another one won.")


@E_10_1.stage("the best query is not the voted one")
def _(answer: Any) -> None:
    expect(_named(answer, [0.1, 0.9], 0) == "wrong choice", "A good mask was there, and another one won.")
    expect(
        _named(answer, [0.8, 0.9], 0) == "fine",
        "You call it wrong because another query is better. Two queries can hold the same object: "
        "ask first whether the output itself is good enough.",
    )


@E_10_1.stage("right object, bad edges")
def _(answer: Any) -> None:
    expect(_named(answer, [0.6, 0.9], 0) == "poor mask", "J 0.6 is the right object with bad edges.")
    expect(
        _named(answer, [0.2, 0.6], 0) == "wrong choice",
        "The best query counts as found from the lower limit on, not from the one of sharp masks.",
    )


@E_10_1.stage("values on a limit")
def _(answer: Any) -> None:
    right = _named(answer, [0.5, 0.1], 0) == "poor mask" and _named(answer, [0.75, 0.1], 0) == "fine"
    expect(
        right and _named(answer, [0.1, 0.5], 0) == "wrong choice",
        "A value on the limit is good enough: at least, not more than.",
    )


E_10_2 = Exercise("10.2", "attention on the object")


def _cells(mask: np.ndarray) -> np.ndarray:
    frames, height, width = mask.shape
    return mask.reshape(frames, height // 16, 16, width // 16, 16).mean((2, 4))


@E_10_2.stage("two cells by hand")
def _(answer: Any) -> None:
    mask = np.zeros((1, 16, 32), bool)
    mask[0, :, :20] = True
    attention = np.array([[[0.3, 0.1]]])
    got = answer(attention.copy(), mask.copy())
    expect_shape(got, (), hint="One number for the whole clip.")
    expect_close(
        got,
        0.8125,
        hint="A cell that the object covers by a quarter counts by a quarter.",
        mistakes={
            "You forgot to divide by the attention to all pixels: part of it goes to words.": 0.325,
            "You counted a cell as object as soon as the object touches it; use the share covered.": 1.0,
            "You counted a cell only where the object fills it; use the share that is covered.": 0.75,
            "You took every n-th pixel for one cell; a cell is a block of neighbours.": 0.625,
        },
    )


@E_10_2.stage("rows and columns of a cell")
def _(answer: Any) -> None:
    random = np.random.default_rng(0)
    attention, mask = random.random((1, 2, 3)), random.random((1, 32, 48)) < 0.5
    mask[:, :16, 16:32], mask[:, 16:, 32:] = True, False
    expect_close(
        answer(attention.copy(), mask.copy()),
        float((attention * _cells(mask)).sum() / attention.sum()),
        hint="Check which pixels belong to which cell: 16 neighbouring rows and 16 neighbouring columns.",
        mistakes={
            "You took every n-th pixel for one cell; a cell is a block of neighbours.": float(
                (attention * mask.reshape(1, 16, 2, 16, 3).mean((1, 3))).sum() / attention.sum()
            ),
        },
    )


@E_10_2.stage("frames of different weight")
def _(answer: Any) -> None:
    mask = np.zeros((2, 16, 32), bool)
    mask[:, :, :16] = True
    attention = np.array([[[0.8, 0.0]], [[0.05, 0.15]]])
    expect_close(
        answer(attention.copy(), mask.copy()),
        0.85,
        hint="Both sums run over all frames.",
        mistakes={
            "You averaged the shares of single frames; a frame in which little attention goes to pixels "
            "then weighs as much as any other.": 0.625,
            "You forgot to divide by the attention to all pixels: part of it goes to words.": 0.425,
        },
    )


E_10_3 = Exercise("10.3", "which word decides?")


def _voter(table: dict[str, list[float]]) -> Callable[[str], np.ndarray]:
    def vote(sentence: str) -> np.ndarray:
        if sentence not in table:
            raise Wrong(
                f"You asked for the votes of {sentence!r}, which is not the sentence with one word left out. "
                "Words are deleted by position, and one space stays between the others."
            )
        return np.array(table[sentence])

    return vote


@E_10_3.stage("two words")
def _(answer: Any) -> None:
    vote = _voter({"red circle": [3.0, 1.0], "circle": [2.5, 1.0], "red": [1.0, 0.5]})
    got = expect_shape(answer(vote, "red circle"), (2,), hint="One number per word.")
    expect_close(
        got,
        [0.5, 2.0],
        hint="Left out first is the first word, and the loss is against the full sentence.",
        mistakes={
            "The sign is turned: losing votes is a positive loss.": [-0.5, -2.0],
            "These are the votes that are left; asked for are those that are lost.": [2.5, 1.0],
            "You kept one word at a time; leave one out and keep the others.": [2.0, 0.5],
        },
    )


@E_10_3.stage("another query wins after the deletion")
def _(answer: Any) -> None:
    vote = _voter({"red circle": [3.0, 1.0], "circle": [0.5, 4.0], "red": [2.0, 1.0]})
    expect_close(
        answer(vote, "red circle"),
        [2.5, 1.0],
        hint="Follow one query through all deletions.",
        mistakes={
            "You asked anew who wins after each deletion; follow the winner of the full sentence.": [
                -1.0,
                1.0,
            ],
            "You added up all queries; follow the winner of the full sentence.": [-0.5, 1.0],
        },
    )


@E_10_3.stage("the winner is not query 0")
def _(answer: Any) -> None:
    vote = _voter({"red circle": [1.0, 3.0], "circle": [1.0, 2.0], "red": [0.0, 0.5]})
    expect_close(
        answer(vote, "red circle"),
        [1.0, 2.5],
        hint="Find the winner of the full sentence.",
        mistakes={"You followed query 0, whoever won.": [0.0, 1.0]},
    )


@E_10_3.stage("the same word twice")
def _(answer: Any) -> None:
    vote = _voter(
        {
            "circle left of circle": [4.0],
            "left of circle": [3.0],
            "circle of circle": [2.0],
            "circle left circle": [3.5],
            "circle left of": [1.0],
        }
    )
    expect_close(
        answer(vote, "circle left of circle"),
        [1.0, 2.0, 0.5, 3.0],
        hint="A word that occurs twice is two words.",
    )
