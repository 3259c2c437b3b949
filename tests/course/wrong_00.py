"""Wrong answers of notebook 00 and a part of the message that each should get."""

from __future__ import annotations

import numpy as np


def j_of_frames(prediction, truth, empty=np.nan):
    overlap, union = (prediction & truth).sum((1, 2)), (prediction | truth).sum((1, 2))
    return np.where(union == 0, empty, overlap / np.maximum(union, 1))


def dice(prediction, truth):
    return 2 * (prediction & truth).sum() / (prediction.sum() + truth.sum())


def agreement(prediction, truth):
    return (prediction == truth).mean()


def whole_clip(prediction, truth):
    return (prediction & truth).sum() / (prediction | truth).sum()


def no_object_is_right(prediction, truth):
    return np.where(truth.any((1, 2)), j_of_frames(prediction, truth), 1.0).mean()


def over_queries(p):
    longer = p.shape[1] > len(p) and len(p) == 2 and p.shape[1] == 3
    return (p.sum(0 if longer else 1).argmax(), p.sum(1).max())


WRONG = {
    "00.1": [
        (dice, "That is Dice"),
        (agreement, "background included"),
        (whole_clip, "over the whole clip at once"),
        (lambda p, t: j_of_frames(p, t).mean(), "Nothing divided by nothing"),
        (lambda p, t: j_of_frames(p, t, 0.0).mean(), "counts as 1, not as 0"),
        (no_object_is_right, "not all without an object"),
        (lambda p, t: j_of_frames(p, t), "One number for the whole clip"),
    ],
    "00.2": [
        (lambda p: (p.max(1).argmax(), p.max()), "most confident single frame"),
        (lambda p: (p.sum(1).argmax(), p.mean(1).max()), "the votes are the sum"),
        (lambda p: p.sum(1).argmax(), "Expected two things"),
        (over_queries, "added up over the queries"),
        (lambda p: None, "Nothing came back"),
        (lambda p: (None, p.sum(1).max()), "Does your function end"),
        (lambda p: (np.nan, p.sum(1).max()), "Rows are queries"),
        (lambda p: ("a", p.sum(1).max()), "Expected real numbers"),
        (lambda p: (p.sum(1), p.sum(1).max()), "the index of one query"),
    ],
}  # fmt: skip
