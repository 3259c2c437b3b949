"""Wrong answers of notebook 04, each with a part of the message meant for it."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor


def _softmax_after(scores: Tensor, keep: Tensor) -> Tensor:
    return scores.softmax(-1) * keep


def _softmax_zero(scores: Tensor, keep: Tensor) -> Tensor:
    return (scores * keep).softmax(-1)


def _softmax_inverted(scores: Tensor, keep: Tensor) -> Tensor:
    return scores.masked_fill(keep & ~keep.all(), float("-inf")).softmax(-1)


def _softmax_overflow(scores: Tensor, keep: Tensor) -> Tensor:
    e = scores.exp() * keep
    return e / e.sum(-1, keepdim=True)


def _softmax_one_maximum(scores: Tensor, keep: Tensor) -> Tensor:
    e = (scores - scores.max()).exp() * keep
    return e / e.sum(-1, keepdim=True)


def _softmax_maximum_of_all(scores: Tensor, keep: Tensor) -> Tensor:
    e = (scores - scores.amax(-1, keepdim=True)).exp() * keep
    return e / e.sum(-1, keepdim=True)


def _heads(q: Tensor, k: Tensor, v: Tensor, heads: int, *, root: bool = False, back: bool = True) -> Tensor:
    width = q.shape[-1]
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    scores = q @ k.transpose(-2, -1) / math.sqrt(width if root else width / heads)
    mixed = scores.softmax(-1) @ v
    return mixed.transpose(1, 2).flatten(2) if back else mixed.reshape(len(q), q.shape[2], width)


def _heads_reshape(q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    shape = q.shape
    q, k, v = (x.reshape(x.shape[0], heads, x.shape[1], -1) for x in (q, k, v))
    return ((q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).softmax(-1) @ v).reshape(shape)


def _time(
    frames: int, width: int, *, first: int = 1, step: int = 2, scaled: bool = True, side: bool = True
) -> Tensor:
    counts = torch.arange(first, first + frames).float()
    angles = counts * (2 * math.pi / frames if scaled else 1)
    angles = angles[:, None] / 10000.0 ** (step * torch.arange(width // 2) / width)
    pair = [angles.sin(), angles.cos()]
    return torch.stack(pair, -1).flatten(1) if side else torch.cat(pair, 1)


def _post_norm(x: Tensor, p: Tensor, attention: Any, feedforward: Any, norm1: Any, norm2: Any) -> Tensor:
    x = norm1(x + attention(x + p, x + p, x))
    return norm2(x + feedforward(x))


def _residual_of_norm(
    x: Tensor, p: Tensor, attention: Any, feedforward: Any, norm1: Any, norm2: Any
) -> Tensor:
    n = norm1(x)
    x = n + attention(n + p, n + p, n)
    return x + feedforward(norm2(x))


def _positions_everywhere(
    x: Tensor, p: Tensor, attention: Any, feedforward: Any, norm1: Any, norm2: Any
) -> Tensor:
    n = norm1(x) + p
    x = x + attention(n, n, n)
    return x + feedforward(norm2(x))


def _positions_first(
    x: Tensor, p: Tensor, attention: Any, feedforward: Any, norm1: Any, norm2: Any
) -> Tensor:
    n = norm1(x + p)
    x = x + attention(n, n, norm1(x))
    return x + feedforward(norm2(x))


def _one_norm(x: Tensor, p: Tensor, attention: Any, feedforward: Any, norm1: Any, norm2: Any) -> Tensor:
    n = norm1(x)
    x = x + attention(n + p, n + p, n)
    return x + feedforward(norm1(x))


def _count(frames: int, height: int, width: int, words: int, together: bool) -> int:
    return (frames * (height * width + words)) ** 2 if together else frames * (height * width + words) ** 2


WRONG: dict[str, list[tuple[Any, str]]] = {
    "04.1": [
        (lambda scores, keep: scores.exp(), "do not sum to 1 yet"),
        (lambda scores, keep: scores.softmax(0) if len(scores) > 1 else scores.softmax(-1), "over readers"),
        (_softmax_overflow, "exponential of 1000 is infinite"),
        (_softmax_one_maximum, "largest score of the whole matrix"),
        (_softmax_maximum_of_all, "what is masked still takes part"),
        (_softmax_after, "after sharing out"),
        (_softmax_zero, "its exponential is 1"),
        (_softmax_inverted, "upside down"),
        (lambda scores, keep: None, "Nothing came back"),
    ],
    "04.2": [
        (lambda q, k, v, heads: (q @ k.mT).softmax(-1) @ v, "not divided by a root"),
        (lambda q, k, v, heads: _heads(q, k, v, 1), "that is one head"),
        (lambda q, k, v, heads: _heads(q, k, v, heads, root=True), "the root of D"),
        (_heads_reshape, "Tokens got mixed up"),
        (lambda q, k, v, heads: _heads(q, k, v, heads, back=False), "joined in the wrong order"),
    ],
    "04.3": [
        (lambda frames, width: _time(frames, width).T, "Frames first, channels last"),
        (lambda frames, width: _time(frames, width, first=0), "counted frames from 0"),
        (lambda frames, width: _time(frames, width, scaled=False), "did not scale to 2 pi"),
        (lambda frames, width: _time(frames, width, side=False), "all sines first"),
        (lambda frames, width: _time(frames, width, step=4), "half of the channels"),
    ],
    "04.4": [
        (_post_norm, "that is post-norm"),
        (_residual_of_norm, "as they came in"),
        (_positions_everywhere, "into the values too"),
        (_positions_first, "before the norm"),
        (_one_norm, "use the first norm"),
    ],
    "04.5": [
        (lambda t, h, w, n, together: t * (h * w) ** 2, "words are tokens"),
        (lambda t, h, w, n, together: t * (h * w + n), "the number of tokens"),
        (lambda t, h, w, n, together: (t * (h * w + n)) ** 2, "all frames read each other"),
        (_count, "once, not once per frame"),
    ],
}
