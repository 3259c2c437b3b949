"""Exercises of notebook 08: how many frames, padded frames, blank frames, a vote that is settled."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from rvos_edu.course.checking import Exercise, Wrong
from rvos_edu.course.expect import array_of, expect, expect_close, expect_shape
from rvos_edu.voting import reference_probabilities, temporal_segment_vote

E_08_1 = Exercise("08.1", "how many weak frames beat a strong one")
E_08_2 = Exercise("08.2", "a vote without the padded frames")
E_08_3 = Exercise("08.3", "the voted sequence with blank frames")
E_08_4 = Exercise("08.4", "after how many frames the vote is settled")


@E_08_1.stage("weak evidence adds up")
def _(answer: Any) -> None:
    expect_close(
        answer(0.9, 0.2),
        5,
        hint="Both sums for a clip of T frames: one does not depend on T. When is the other larger?",
        mistakes={
            "With that many frames the strong query still has the larger sum: go one frame further.": 4,
            "A clip has a whole number of frames: your answer lies between two of them.": 4.5,
            "You divided the weak probability by the strong one: the weak one is counted once per frame.": 1,
        },
    )
    expect_close(
        answer(0.9, 0.25),
        4,
        hint="Right for one pair of probabilities, wrong for another.",
        mistakes={
            "You rounded to the nearest number: where that goes up, one frame too many is asked for.": 5
        },
    )


@E_08_1.stage("a tie is not a win")
def _(answer: Any) -> None:
    expect_close(
        answer(0.75, 0.25),
        4,
        hint="Here a whole number of weak frames gives exactly the strong probability.",
        mistakes={"At that length both sums are equal: a tie is not a win yet.": 3},
    )


@E_08_1.stage("the weak query can be the stronger one")
def _(answer: Any) -> None:
    expect_close(
        answer(0.25, 0.75),
        1,
        hint="If every frame beats the strong one already, how long must the clip be?",
        mistakes={"A clip has at least one frame.": 0},
    )


def _clips() -> tuple[torch.Tensor, torch.Tensor]:
    """Logits [2, 5, 3, 2] and padding [2, 5]; the second clip has two frames, the others vote otherwise."""
    logits = torch.randn(2, 5, 3, 2, generator=torch.Generator().manual_seed(8)) * 2
    padding = torch.zeros(2, 5, dtype=torch.bool)
    padding[1, 2:] = True
    loser = reference_probabilities(logits[1, :2]).sum(0).argmin()
    logits[1, 2:, :, 0] = -3.0
    logits[1, 2:, loser, 0] = 5.0
    return logits, padding


def _two(answer: Any) -> tuple[Any, Any]:
    expect(
        isinstance(answer, tuple | list) and len(answer) == 2,
        "Two things are to come back: the chosen queries and the votes.",
    )
    return answer[0], answer[1]


@E_08_2.stage("without padding it is the plain vote")
def _(answer: Any) -> None:
    logits, padding = _clips()
    queries, votes = _two(answer(logits.clone(), torch.zeros_like(padding)))
    want_queries, want_votes = temporal_segment_vote(logits)
    probabilities = reference_probabilities(logits)
    expect_shape(votes, (2, 3), hint="One sum per clip and query: the vote is over frames.")
    expect_close(
        votes,
        want_votes,
        hint="With nothing padded, the votes of the last section should come out.",
        mistakes={
            "All votes are zero: `padding` is True where a frame is to be left out, not where it counts.": (
                torch.zeros(2, 3)
            ),
            'You counted the probability of "not referred": index 0 is the referred one.': 5 - want_votes,
            "You summed logits: turn them into probabilities first.": logits[..., 0].sum(1),
            "You took the mean over frames; the votes asked for are sums.": probabilities.mean(1),
        },
    )
    expect_shape(queries, (2,), hint="One query per clip.")
    expect_close(queries, want_queries, hint="The votes are right, the query with the most votes is another.")


@E_08_2.stage("padded frames do not vote")
def _(answer: Any) -> None:
    logits, padding = _clips()
    queries, votes = _two(answer(logits.clone(), padding.clone()))
    probabilities = reference_probabilities(logits)
    kept = (~padding)[:, :, None]
    expect_close(
        votes,
        (probabilities * kept).sum(1),
        hint="The votes of the clip with padded frames are wrong: sum over its own two frames only.",
        mistakes={
            "The padded frames were counted like all others.": probabilities.sum(1),
            "Each padded frame still gives every query half a vote: two equal logits are a probability of "
            "one half. Leave frames out after the softmax, not before.": reference_probabilities(
                logits * kept[..., None]
            ).sum(1),
            "You kept the padded frames and left the others out.": (probabilities * ~kept).sum(1),
        },
    )
    expect_close(
        queries,
        (probabilities * kept).sum(1).argmax(-1),
        hint="The votes are right, the chosen queries are not those with the most votes.",
        mistakes={
            "The votes are right, but the queries were chosen by the votes of all frames, padded ones too.": (
                probabilities.sum(1).argmax(-1)
            ),
        },
    )


@E_08_2.stage("whatever a padded frame holds")
def _(answer: Any) -> None:
    logits, padding = _clips()
    logits[padding] = float("nan")
    queries, votes = _two(answer(logits.clone(), padding.clone()))
    want = temporal_segment_vote(logits[1:, :2])
    if not np.isfinite(array_of(votes)).all():
        raise Wrong(
            "A padded frame may hold anything, here nan. Zero times nan is nan: choose values instead of "
            "multiplying them."
        )
    expect_close(array_of(votes)[1], want[1][0], hint="The votes depend on what the padded frames hold.")
    expect_close(
        array_of(queries)[1],
        want[0][0],
        hint="The votes are right, the query with the most votes is another.",
    )


def _sequences() -> tuple[torch.Tensor, torch.Tensor]:
    """Logits [4, 3, 2] and mask logits [4, 3, 5, 6]: query 1 has most votes, query 0 wins the first frame."""
    p = torch.tensor([[0.7, 0.2, 0.6], [0.2, 0.9, 0.1], [0.1, 0.9, 0.55], [0.3, 0.45, 0.1]])
    logits = torch.stack([p, 1 - p], -1).log()
    masks = torch.randn(4, 3, 5, 6, generator=torch.Generator().manual_seed(3)) * 2
    return logits, masks


@E_08_3.stage("without a threshold it is the voted sequence")
def _(answer: Any) -> None:
    logits, masks = _sequences()
    right = masks[:, 1] > 0
    got = expect_shape(
        answer(logits.clone(), masks.clone(), 0.0), (4, 5, 6), hint="One mask per frame, of one query."
    )
    each = masks[torch.arange(4), logits[..., 0].argmax(1)] > 0
    expect_close(
        got,
        right,
        hint="With threshold 0 nothing is blank: the masks of the query with most votes should come out.",
        mistakes={
            "The threshold is for frames. Pixels are decided as always, at a probability of one half.": (
                torch.ones_like(right)
            ),
            "Every frame took its own best query; let all frames vote for one.": each,
            "These are mask logits, not masks: say which pixels belong to the object.": masks[:, 1],
            "Mask logits were compared with one half; a logit of 0 is a probability of one half.": (
                masks[:, 1] > 0.5
            ),
            "You counted the wrong one of the two logits: index 0 is the referred one.": masks[:, 2] > 0,
        },
    )


@E_08_3.stage("frames in which the chosen query is unsure are blank")
def _(answer: Any) -> None:
    logits, masks = _sequences()
    voted = masks[:, 1] > 0
    p = reference_probabilities(logits)

    def kept(frames: torch.Tensor) -> torch.Tensor:
        return voted & frames[:, None, None]

    expect_close(
        answer(logits.clone(), masks.clone(), 0.5),
        kept(p[:, 1] >= 0.5),
        hint="Blank are the frames in which the probability of the chosen query is below the threshold.",
        mistakes={
            "Nothing is blank: whether a frame stays is asked of each frame by itself.": voted,
            "You asked whether any query is sure; ask the one that was chosen.": kept(p.amax(1) >= 0.5),
            "You blanked the frames in which the chosen query is sure.": kept(p[:, 1] < 0.5),
            "You blanked the frames in which another query is more probable; the threshold asks how sure the "
            "chosen one is.": kept(p.argmax(1) == 1),
        },
    )


@E_08_3.stage("another threshold")
def _(answer: Any) -> None:
    logits, masks = _sequences()
    keep = (reference_probabilities(logits)[:, 1] >= 0.3)[:, None, None]
    expect_close(
        answer(logits.clone(), masks.clone(), 0.3),
        (masks[:, 1] > 0) & keep,
        hint="With threshold 0.3 other frames stay: is your threshold a fixed number?",
    )


@E_08_4.stage("two queries, one always sure")
def _(answer: Any) -> None:
    expect_close(
        answer(np.array([[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]])),
        3,
        hint="After each frame, ask: what is the worst that the remaining frames can do to the leader?",
        mistakes={
            "After that many frames the other query could still draw level: a tie does not settle it. (Or is "
            "it the index of a frame? Asked for is how many have been counted.)": 2,
            "You looked at the frames that are still to come, which nobody knows while counting.": 1,
            "The vote was settled before its last frame.": 4,
        },
    )


@E_08_4.stage("the last frame can decide")
def _(answer: Any) -> None:
    expect_close(
        answer(np.array([[0.5, 0.5, 0.5, 0.5], [0.25, 0.5, 0.25, 0.5], [0.0, 0.0, 0.0, 0.0]])),
        4,
        hint="A lead of less than one vote can be lost in a single frame.",
        mistakes={
            "You returned the index of the frame; asked for is how many frames have been counted.": 3,
            "A rival can win a whole vote per frame, not only as much as the queries have won so far.": 1,
        },
    )


@E_08_4.stage("the leader changes, and rivals are many")
def _(answer: Any) -> None:
    probabilities = np.full((6, 10), 0.0625)
    probabilities[0, :2], probabilities[1, 2:] = 0.75, 1.0
    expect_close(
        answer(probabilities),
        7,
        hint="Compare the leader with the second best query at that moment, whoever they are.",
        mistakes={
            "You compared the leader with all rivals together; only the best of them can overtake it.": 8,
            "You returned the index of the frame; asked for is how many frames have been counted.": 6,
            "You followed the lead of the first query; the leader may change.": 10,
        },
    )
