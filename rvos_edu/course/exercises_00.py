"""Checks of notebook 00: J of a clip, the vote."""

from __future__ import annotations

from typing import Any

import numpy as np

from rvos_edu.course.checking import Exercise
from rvos_edu.course.expect import array_of, expect, expect_close, expect_shape
from rvos_edu.course.expect_numbers import one_number

E_00_1 = Exercise("00.1", "J of a clip")


def _squares(*columns: tuple[int, int]) -> np.ndarray:
    """One frame per pair (first column, one past the last), four rows high, of 8 x 12 pixels."""
    masks = np.zeros((len(columns), 8, 12), bool)
    for t, (first, last) in enumerate(columns):
        masks[t, 2:6, first:last] = True
    return masks


@E_00_1.stage("one frame")
def _(answer: Any) -> None:
    got = answer(_squares((1, 5)), _squares((3, 7)))
    expect_shape(got, (), hint="One number for the whole clip.")
    expect_close(
        got,
        8 / 24,
        hint="Overlap and union are sets of pixels: in both masks, and in at least one of them.",
        mistakes={
            "That is Dice: twice the overlap over the sum of both areas. J divides by the union.": 0.5,
            "You divided by the pixels of the whole frame.": 8 / 96,
            "You counted the pixels on which both agree, background included.": 80 / 96,
        },
    )


@E_00_1.stage("frames of different size")
def _(answer: Any) -> None:
    expect_close(
        answer(_squares((0, 10), (0, 1)), _squares((0, 10), (1, 2))),
        0.5,
        hint="Every frame has a J of its own.",
        mistakes={
            "You counted over the whole clip at once, so that large objects weigh more. "
            "Take the mean of the J of single frames.": 40 / 48,
            "You added up the frames; asked for is their mean.": 1.0,
        },
    )


@E_00_1.stage("an empty frame, rightly left empty")
def _(answer: Any) -> None:
    with np.errstate(all="ignore"):
        got = answer(_squares((0, 4), (0, 0)), _squares((0, 4), (0, 0)))
    expect_close(
        got,
        1.0,
        hint="Both masks empty: that frame is right.",
        mistakes={
            "Nothing divided by nothing is not a number: frames in which both are empty need a rule.": np.nan,
            "A frame in which both masks are empty is right, and counts as 1, not as 0.": 0.5,
        },
    )


@E_00_1.stage("an empty frame, wrongly marked")
def _(answer: Any) -> None:
    with np.errstate(all="ignore"):
        got = answer(_squares((0, 4), (0, 2)), _squares((0, 4), (0, 0)))
    expect_close(
        got,
        0.5,
        hint="Pixels are marked where there is no object: that frame is wrong.",
        mistakes={
            "Only frames in which both masks are empty count as 1, not all without an object.": 1.0,
        },
    )


E_00_2 = Exercise("00.2", "the vote")


def _voted(answer: Any, rows: list[list[float]]) -> tuple[float, float]:
    got = answer(np.array(rows))
    two = len(got) == 2 if isinstance(got, tuple | list) else array_of(got).shape == (2,)
    expect(two, "Expected two things: the index of the chosen query, and its votes.")
    return one_number(got[0], "First comes the index of one query."), one_number(got[1], "Then its votes.")


@E_00_2.stage("one frame")
def _(answer: Any) -> None:
    query, votes = _voted(answer, [[0.1], [0.7], [0.3]])
    expect(not np.isclose(votes, 1.1), "You added up over the queries; the vote is over frames.")
    expect_close(query, 1, hint="Rows are queries. Give the row's index, not a probability.")
    expect_close(votes, 0.7, hint="With one frame the votes are that frame's probability.")


@E_00_2.stage("one confident frame against many")
def _(answer: Any) -> None:
    query, votes = _voted(answer, [[0.9, 0.1, 0.1, 0.1], [0.5, 0.5, 0.5, 0.6]])
    expect_close(
        query,
        1,
        hint="All frames decide together.",
        mistakes={"You let the most confident single frame decide.": 0},
    )
    expect_close(
        votes,
        2.1,
        hint="The votes are those of the chosen query over all frames.",
        mistakes={
            "That is the mean over the frames; the votes are the sum.": 0.525,
            "That is the best single frame; the votes are the sum over all of them.": 0.6,
        },
    )


@E_00_2.stage("more frames than queries")
def _(answer: Any) -> None:
    query, votes = _voted(answer, [[0.1, 0.2, 0.9], [0.8, 0.3, 0.3]])
    expect_close(
        query,
        1,
        hint="Rows are queries.",
        mistakes={"You added up over the queries; the vote is over frames.": 2},
    )
    expect_close(votes, 1.4, hint="The votes are those of the chosen query over all frames.")
