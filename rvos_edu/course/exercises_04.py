"""Exercises of notebook 04: masked softmax, heads, positions in time, pre-norm, the price of attention."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from rvos_edu.course.checking import Exercise
from rvos_edu.course.exercise_pre_norm import E_04_4
from rvos_edu.course.expect import expect, expect_close, expect_shape

__all__ = ["E_04_1", "E_04_2", "E_04_3", "E_04_4", "E_04_5"]
SOME = "Compare with the three steps of the formula, one by one, on two or three numbers."

# 04.1 -------------------------------------------------------------------------------------------------------

E_04_1 = Exercise("04.1", "softmax with a mask")
ROW = torch.tensor([[2.0, 0.0, 1.0]])
ROWS = torch.tensor([[2.0, 0.0, 1.0], [0.5, 3.0, -1.0]])


@E_04_1.stage("one reader, nothing masked")
def _one_reader(answer: Any) -> None:
    expect_close(
        answer(ROW.clone(), torch.ones(3, dtype=torch.bool)),
        ROW.softmax(-1),
        hint=SOME,
        mistakes={
            "The exponentials are right, but they do not sum to 1 yet.": ROW.exp(),
            "You divided the scores themselves; exponentials come first.": ROW / ROW.sum(),
        },
    )


@E_04_1.stage("several readers: every row sums to 1")
def _several_readers(answer: Any) -> None:
    columns = ROWS.softmax(0)
    expect_close(
        answer(ROWS.clone(), torch.ones(3, dtype=torch.bool)),
        ROWS.softmax(-1),
        hint="Each row belongs to one reader. " + SOME,
        mistakes={
            "You summed over readers (columns sum to 1). Each reader shares out its own attention.": columns,
            "You summed over the whole matrix. Each row must sum to 1.": ROWS.exp() / ROWS.exp().sum(),
        },
    )


@E_04_1.stage("scores of 1000")
def _large_scores(answer: Any) -> None:
    scores = torch.tensor([[1000.0, 999.0, 0.0], [0.0, 1.0, 2.0]])
    shifted = (scores - scores.max()).exp()
    expect_close(
        answer(scores.clone(), torch.ones(3, dtype=torch.bool)),
        scores.softmax(-1),
        hint="The exponential of 1000 is infinite. What may be subtracted from all scores of a row without "
        "changing the result?",
        mistakes={
            "You subtracted the largest score of the whole matrix. A row far below it has nothing left: each "
            "row needs a maximum of its own.": shifted / shifted.sum(-1, keepdim=True),
        },
    )


@E_04_1.stage("masked tokens get nothing, the others share everything")
def _masked(answer: Any) -> None:
    keep = torch.tensor([True, False, True])
    right = ROWS.masked_fill(~keep, float("-inf")).softmax(-1)
    got = answer(ROWS.clone(), keep.clone())
    expect_close(
        got,
        right,
        hint="Only tokens with keep = True may count, also in the sum below the fraction.",
        mistakes={
            "Rows no longer sum to 1: you set weights to 0 after sharing out.": ROWS.softmax(-1) * keep,
            "A score of 0 is not 'no attention': its exponential is 1.": (ROWS * keep).softmax(-1),
            "The mask is upside down: keep is True where a token may be read.": ROWS.masked_fill(
                keep, float("-inf")
            ).softmax(-1),
            "Nothing is masked.": ROWS.softmax(-1),
        },
    )


@E_04_1.stage("a masked token with the largest score of all")
def _masked_largest(answer: Any) -> None:
    scores, keep = torch.tensor([[0.0, 1.0, 1000.0], [2.0, 0.0, 1000.0]]), torch.tensor([True, True, False])
    nothing = "Nothing is left: what is masked still takes part, in a maximum or in an exponential."
    expect_close(
        answer(scores.clone(), keep.clone()),
        scores.masked_fill(~keep, float("-inf")).softmax(-1),
        hint="Nothing may depend on the score of a token that is masked.",
        mistakes={nothing: torch.full((2, 3), torch.nan)},
    )


# 04.2 -------------------------------------------------------------------------------------------------------

E_04_2 = Exercise("04.2", "all heads at once")


def _qkv(batch: int, readers: int, tokens: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(readers * tokens + width)
    q = torch.randn(batch, readers, width, generator=random)
    k, v = torch.randn(2, batch, tokens, width, generator=random)
    return q, k, v


def _heads(
    q: Tensor, k: Tensor, v: Tensor, heads: int, *, scale: float | None = None, back: bool = True
) -> Tensor:
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    scores = q @ k.transpose(-2, -1) / (math.sqrt(q.shape[-1]) if scale is None else scale)
    mixed = scores.softmax(-1) @ v
    return mixed.transpose(1, 2).flatten(2) if back else mixed.flatten(1).unflatten(1, (q.shape[2], -1))


def _scrambled(q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    """Heads cut out of the whole [S, D] block instead of out of the channels."""
    shape = q.shape
    q, k, v = (x.reshape(x.shape[0], heads, x.shape[1], -1) for x in (q, k, v))
    mixed = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).softmax(-1) @ v
    return mixed.reshape(shape)


@E_04_2.stage("one head is plain attention")
def _one_head(answer: Any) -> None:
    q, k, v = _qkv(2, 3, 3, 4)
    got = expect_shape(answer(q.clone(), k.clone(), v.clone(), 1), (2, 3, 4))
    expect_close(
        got,
        _heads(q, k, v, 1),
        hint=SOME,
        mistakes={"The scores are not divided by a root.": _heads(q, k, v, 1, scale=1.0)},
    )


@E_04_2.stage("two heads: each reads with its own channels")
def _two_heads(answer: Any) -> None:
    q, k, v = _qkv(2, 3, 3, 4)
    expect_close(
        answer(q.clone(), k.clone(), v.clone(), 2),
        _heads(q, k, v, 2),
        hint="Head 0 takes the first half of the channels of every token, head 1 the second half.",
        mistakes={
            "You have one set of weights for all channels: that is one head.": _heads(q, k, v, 1),
            "You divided by the root of D; a head's vectors have D / heads channels.": _heads(
                q, k, v, 2, scale=2.0
            ),
            "Tokens got mixed up: a reshape alone cuts the block of tokens, not the channels.": _scrambled(
                q, k, v, 2
            ),
            "The heads were joined in the wrong order: bring tokens to the front again first.": _heads(
                q, k, v, 2, back=False
            ),
        },
    )


@E_04_2.stage("readers and tokens differ in number: queries that read a sequence")
def _cross(answer: Any) -> None:
    q, k, v = _qkv(2, 5, 7, 8)
    got = expect_shape(
        answer(q.clone(), k.clone(), v.clone(), 4), (2, 5, 8), hint="One output per reader, of width D."
    )
    expect_close(got, _heads(q, k, v, 4), hint="Right for as many readers as tokens, wrong here.")


# 04.3 -------------------------------------------------------------------------------------------------------

E_04_3 = Exercise("04.3", "sine positions in time")


def _waves(counts: Tensor, total: float, width: int, step: int, *, interleave: bool = True) -> Tensor:
    angles = counts[:, None] / total * 2 * math.pi / 10000.0 ** (step * torch.arange(width // 2) / width)
    if interleave:
        return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)
    return torch.cat([angles.sin(), angles.cos()], 1)


def _time(frames: int, width: int) -> Tensor:
    return _waves(torch.arange(1.0, frames + 1), frames, width, 2)


@E_04_3.stage("one row per frame, one column per channel")
def _time_shape(answer: Any) -> None:
    expect_shape(answer(3, 8), (3, 8), hint="Frames first, channels last.")


@E_04_3.stage("the fastest pair of channels")
def _fastest(answer: Any) -> None:
    got = expect_shape(answer(4, 4), (4, 4))
    expect_close(
        got[:, :2],
        _time(4, 4)[:, :2],
        tolerance=1e-4,
        hint="Frame t (counted from 1) of T lies at the angle 2 pi t / T.",
        mistakes={
            "You counted frames from 0; the library counts rows and columns from 1.": _waves(
                torch.arange(4.0), 4, 4, 2
            )[:, :2],
            "You did not scale to 2 pi: the angle is the number of the frame.": _waves(
                torch.arange(1.0, 5), 2 * math.pi, 4, 2
            )[:, :2],
            "Sine and cosine of one wave stand side by side; you put all sines first.": _waves(
                torch.arange(1.0, 5), 4, 4, 2, interleave=False
            )[:, :2],
            "The cosine comes second, the sine first.": _time(4, 4)[:, [1, 0]],
        },
    )


@E_04_3.stage("slower and slower pairs")
def _slower(answer: Any) -> None:
    width, frames = 8, 5
    halves = _waves(torch.arange(1.0, frames + 1), frames, width, 4)
    expect_close(
        answer(frames, width),
        _time(frames, width),
        tolerance=1e-4,
        hint="Pair i is slower than pair 0 by the factor 10000 to the power 2 i / D.",
        mistakes={
            "That exponent is for half of the channels (rows or columns); time has all of them.": halves,
            "All pairs have the same speed.": _time(frames, width)[:, :2].repeat(1, width // 2),
        },
    )


# 04.5 -------------------------------------------------------------------------------------------------------

E_04_5 = Exercise("04.5", "the price of attention")


@E_04_5.stage("one frame: every token reads every token")
def _one_frame(answer: Any) -> None:
    expect_close(
        answer(1, 2, 3, 4, False),
        100,
        hint="How many tokens has the sequence, and how many scores does each of them need?",
        mistakes={
            "The words are tokens of the sequence too.": 36,
            "That is the number of tokens; each of them reads all of them.": 10,
            "Each token also reads itself.": 90,
        },
    )


@E_04_5.stage("several frames, each on its own")
def _apart(answer: Any) -> None:
    expect_close(
        answer(3, 2, 3, 4, False),
        300,
        hint="Frames do not read each other: so many scores per frame, times the number of frames.",
        mistakes={
            "Here all frames read each other.": 900,
            "You count one frame only.": 100,
            "That is one sequence of all pixels and one copy of the words.": 484,
        },
    )


@E_04_5.stage("all frames in one sequence")
def _joined(answer: Any) -> None:
    expect_close(
        answer(3, 2, 3, 4, True),
        484,
        hint="One sequence: the pixels of all frames, and the sentence.",
        mistakes={
            "The sentence is needed once, not once per frame.": 900,
            "The frames still have sequences of their own.": 300,
        },
    )


@E_04_5.stage("the sizes of the paper")
def _large(answer: Any) -> None:
    apart, joined = answer(12, 23, 40, 12, False), answer(12, 23, 40, 12, True)
    expect(joined > apart, "More must be read if frames read each other.")
    expect_close(
        [apart, joined], [10423488, 122146704], hint="Right for small numbers, wrong for large ones."
    )
