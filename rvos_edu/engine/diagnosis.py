"""Why an answer is what it is: kinds of failure, attention on the object, votes that a word decides."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

GOOD, SHARP = 0.5, 0.75  # mean J from which an object counts as found, and its mask as a good one


def failure_kind(j_of_queries: ArrayLike, voted: int, *, good: float = GOOD, sharp: float = SHARP) -> str:
    """Name an output by what the best query in hindsight would have given.

    Args:
        j_of_queries: [N], mean J of every query's mask sequence.
        voted: the chosen query.
        good, sharp: J from which an object is found, and its mask is good.

    Returns:
        "fine", "poor mask" (right object), "wrong choice" (another query holds it), or "never found".
    """
    values = np.asarray(j_of_queries, float)
    if values[voted] >= good:
        return "fine" if values[voted] >= sharp else "poor mask"
    return "wrong choice" if values.max() >= good else "never found"


def share_on_object(attention: ArrayLike, mask: ArrayLike) -> tuple[float, float]:
    """Share of the attention to pixels that lies on an object, and what it would be by chance.

    A cell counts by the share of its pixels that the object covers; sums run over all frames.

    Args:
        attention: [T, h, w], not negative, not all zero.
        mask: bool [T, H, W], H and W multiples of h and w.

    Raises:
        ValueError: if the shapes do not fit.
    """
    weights, inside = np.asarray(attention, float), np.asarray(mask)
    (frames, height, width), size = weights.shape, inside.shape
    if size[0] != frames or size[1] % height or size[2] % width:
        raise ValueError(f"mask {list(size)} is not a multiple of attention {list(weights.shape)}")
    cells = inside.reshape(frames, height, size[1] // height, width, size[2] // width).mean((2, 4))
    return float((weights * cells).sum() / weights.sum()), float(cells.mean())


def votes_lost_by_word(vote: Callable[[str], np.ndarray], expression: str) -> np.ndarray:
    """How many votes the winner of a sentence loses without each of its words, float [L].

    Args:
        vote: sentence -> votes of every query [N].
        expression: L words.
    """
    words = expression.split()
    full = np.asarray(vote(expression))
    winner = int(full.argmax())
    shorter = (" ".join(words[:i] + words[i + 1 :]) for i in range(len(words)))
    return np.array([full[winner] - np.asarray(vote(text))[winner] for text in shorter])
