"""Wrong answers to the exercises of notebook 01, each with a part of the message meant for it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

Masks = np.ndarray


def around(centre: int, length: int, window: int, *, before: int | None = None, edge: str = "repeat") -> list:
    start = centre - (window // 2 if before is None else before)
    if edge == "moved":
        start = max(0, min(start, length - window))
    found = list(range(start, start + window))
    if edge == "repeat":
        found = [min(max(i, 0), length - 1) for i in found]
    if edge == "dropped":
        found = [i for i in found if 0 <= i < length]
    if edge == "one too far":
        found = [min(max(i, 0), length) for i in found]
    return found


def two_passes(text: str, pairs: list[tuple[str, str]]) -> str:
    for first, second in pairs:
        text = re.sub(rf"\b{first}\b", second, text)
        text = re.sub(rf"\b{second}\b", first, text)
    return text


def either(text: str, pairs: list[tuple[str, str]]) -> str:
    for first, second in pairs:
        if first in text:
            text = text.replace(first, second)
        elif second in text:
            text = text.replace(second, first)
    return text


def one_way(text: str, pairs: list[tuple[str, str]]) -> str:
    for first, second in pairs:
        text = text.replace(first, second)
    return text


def swapped(text: str, pairs: list[tuple[str, str]], pattern: str) -> str:
    other = {a: b for pair in pairs for a, b in (pair, pair[::-1])}
    return re.sub(pattern.format("|".join(other)), lambda match: other[match.group()], text)


def letters(text: str, pairs: list[tuple[str, str]]) -> str:
    return swapped(text, pairs, "({})")


def blanks(text: str, pairs: list[tuple[str, str]]) -> str:
    other = {a: b for pair in pairs for a, b in (pair, pair[::-1])}
    return " ".join(other.get(word, word) for word in text.split())


def fixed(text: str, pairs: list[tuple[str, str]]) -> str:
    return swapped(text, [("up", "down"), ("top", "bottom"), ("upper", "lower")], r"\b({})\b")


def counts(prediction: Masks, truth: Masks, axis: Any = (1, 2)) -> tuple[Masks, Masks]:
    return (prediction & truth).sum(axis), (prediction | truth).sum(axis)


def j_plain(prediction: Masks, truth: Masks, void: Masks) -> Masks:
    both, either = counts(prediction, truth)
    return both / either


def j_pooled(prediction: Masks, truth: Masks, void: Masks) -> Masks:
    both, either = counts(prediction, truth, None)
    return np.full(len(truth), both / either)


def j_zero(prediction: Masks, truth: Masks, void: Masks) -> Masks:
    both, either = counts(prediction, truth)
    return both / np.maximum(either, 1)


def j_kind(prediction: Masks, truth: Masks, void: Masks) -> Masks:
    return np.where(truth.any((1, 2)), j_zero(prediction, truth, void), 1.0)


def j_kinder(prediction: Masks, truth: Masks, void: Masks) -> Masks:
    both, either = counts(prediction, truth)
    return np.where(both == 0, 1.0, both / np.maximum(either, 1))


def j_counts_void(prediction: Masks, truth: Masks, void: Masks) -> Masks:
    both, either = counts(prediction, truth)
    return np.where(either == 0, 1.0, both / np.maximum(either, 1))


def j_half_void(prediction: Masks, truth: Masks, void: Masks) -> Masks:
    return j_counts_void(prediction & ~void, truth, void)


def j_dice(prediction: Masks, truth: Masks, void: Masks) -> Masks:
    return 2 * (prediction & truth).sum((1, 2)) / (prediction.sum((1, 2)) + truth.sum((1, 2)))


def p_at(ious: Masks, scores: Masks, thresholds: Any, *, choose: Any = None) -> list[float]:
    chosen = ious[np.arange(len(ious)), scores.argmax(1)] if choose is None else choose(ious, scores)
    return [float((chosen > k).mean()) for k in thresholds]


def best_iou(ious: Masks, scores: Masks, thresholds: Any) -> list[float]:
    return p_at(ious, scores, thresholds, choose=lambda i, _: i.max(1))


def every_mask(ious: Masks, scores: Masks, thresholds: Any) -> list[float]:
    return p_at(ious, scores, thresholds, choose=lambda i, _: i.ravel())


def first_mask(ious: Masks, scores: Masks, thresholds: Any) -> list[float]:
    return p_at(ious, scores, thresholds, choose=lambda i, _: i[:, 0])


def at_least(ious: Masks, scores: Masks, thresholds: Any) -> list[float]:
    chosen = ious[np.arange(len(ious)), scores.argmax(1)]
    return [float((chosen >= k).mean()) for k in thresholds]


def numbers(ious: Masks, scores: Masks, thresholds: Any) -> list[float]:
    return [share * (len(ious) if len(thresholds) > 1 else 1) for share in p_at(ious, scores, thresholds)]


RIGHT = {
    "hits": [1, 0, 0, 1, 1, 0],
    "precision": [1, 1 / 2, 1 / 3, 2 / 4, 3 / 5, 3 / 6],
    "envelope": [1, 0.6, 0.6, 0.6, 0.6, 0.5],
    "ap": 2.2 / 3,
}

WRONG = {
    "01.1": [
        (lambda c, n, w: around(c, n, w, before=0), "begins at the labelled frame"),
        (lambda c, n, w: around(c, n, w, before=w - 1), "ends at the labelled frame"),
        (lambda c, n, w: [*range(c - w // 2, c + w // 2 + 1)], "five frames"),
        (lambda c, n, w: around(c, n, w, before=(w - 1) // 2), "at position 1 of your 4"),
        (lambda c, n, w: around(c, n, w, edge="ignored"), "holds index -1"),
        (lambda c, n, w: around(c, n, w, edge="moved"), "moved the window into the video"),
        (lambda c, n, w: around(c, n, w, edge="dropped"), "shorter at the edge"),
        (lambda c, n, w: around(c, n, w, edge="one too far"), "an index that does not exist"),
    ],
    "01.2": [
        (one_way, "swapped, not only replaced"),
        (two_passes, "did a second step undo the first"),
        (either, "Both words became the same one"),
        (letters, "letters inside longer words"),
        (blanks, "cutting at blanks"),
        (fixed, "pairs that were given were not used"),
    ],
    "01.3": [
        (j_dice, "That is Dice"),
        (j_pooled, "pooled the pixels of all frames"),
        (j_plain, "Zero divided by zero"),
        (j_zero, "and you give 0"),
        (j_kind, "a false alarm costs nothing"),
        (j_kinder, "wherever the masks do not overlap"),
        (j_counts_void, "void pixels still count"),
        (j_half_void, "one of the two masks only"),
    ],
    "01.4": [
        (best_iou, "the best IoU"),
        (every_mask, "all masks of all images"),
        (first_mask, "first mask of each image"),
        (at_least, "equal to the threshold"),
        (numbers, "You give counts"),
    ],
    "01.5": [
        (lambda: RIGHT | {"hits": [1, 0, 1, 1, 1, 0]}, "a second find is a false alarm"),
        (lambda: RIGHT | {"hits": [1, 0, 1, 0, 1, 0]}, "the order of the table"),
        (lambda: RIGHT | {"precision": [1 / 3, 1 / 3, 1 / 3, 2 / 3, 1, 1]}, "That is recall"),
        (lambda: RIGHT | {"envelope": RIGHT["precision"]}, "A later rank may be better"),
        (lambda: RIGHT | {"envelope": [1] * 6}, "You looked back"),
        (lambda: RIGHT | {"ap": 0.7}, "the envelope lies higher"),
        (lambda: {"hits": RIGHT["hits"]}, "The entry 'precision' is missing"),
    ],
}
