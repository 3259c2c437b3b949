"""Wrong answers to the exercises of notebook 05, and what they must be told."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def bilinear(x: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(x[None], size=size, mode="bilinear")[0]


def tiled(x: Tensor, size: tuple[int, int]) -> Tensor:
    return x.repeat(1, size[0] // x.shape[1], size[1] // x.shape[2])


def rounded(x: Tensor, size: tuple[int, int]) -> Tensor:
    rows, columns = (
        torch.tensor([min(round(i * small / large), small - 1) for i in range(large)])
        for small, large in zip(x.shape[1:], size, strict=True)
    )
    even = size[0] % x.shape[1] == 0 and size[1] % x.shape[2] == 0
    return F.interpolate(x[None], size=size)[0] if even else x[:, rows][:, :, columns]


def whole_factor(x: Tensor, size: tuple[int, int]) -> Tensor:
    factors = [-(-large // small) for small, large in zip(x.shape[1:], size, strict=True)]
    large = x.repeat_interleave(factors[0], 1).repeat_interleave(factors[1], 2)
    return large[:, : size[0], : size[1]]


def decoder(
    d: int, channels: Any, k: int, *, bias: int = 1, norm: int = 2, lateral: int = 1, last: int = 1
) -> int:
    plan = [(d, d, 9), (d, d // 2, 9), (d // 2, d // 4, 9), (d // 4, d // 8, 9)]
    blocks = sum(o * i * n + o * bias + o * norm for i, o, n in plan)
    sides = sum(o * (i * lateral + bias) for i, o in ((channels[1], d // 2), (channels[0], d // 4)))
    return blocks + sides + last * (k * (d // 8) * 9 + k * bias)


def j(kernel: Tensor, pixels: Tensor, truth: Tensor, above: float = 0.0) -> Tensor:
    mask = torch.einsum("k,khw->hw", kernel, pixels) > above
    return (mask & truth).sum() / (mask | truth).sum().clamp(min=1)


def worth(
    kernel: Tensor, pixels: Tensor, truth: Tensor, *, above: float = 0.0, in_place: bool = False
) -> Tensor:
    whole, size = j(kernel, pixels, truth, above), len(kernel)
    out = torch.zeros(size, size)
    for c in range(size):
        for d in range(size):
            part = kernel if in_place else kernel.clone()
            part[[c, d]] = 0
            out[c, d] = whole - j(part, pixels, truth, above)
    return out


def zeroed_pixels(kernel: Tensor, pixels: Tensor, truth: Tensor) -> Tensor:
    whole, out = j(kernel, pixels, truth), torch.zeros(len(kernel), len(kernel))
    for c in range(len(kernel)):
        for d in range(len(kernel)):
            pixels[[c, d]] = 0
            out[c, d] = whole - j(kernel, pixels, truth)
    return out


def remaining(kernel: Tensor, pixels: Tensor, truth: Tensor) -> Tensor:
    return j(kernel, pixels, truth) - worth(kernel, pixels, truth)


def added(*scene: Tensor) -> Tensor:
    """The single worths added; a channel with itself once."""
    single = worth(*scene).diagonal()
    both = single[:, None] + single
    return torch.where(torch.eye(len(single)).bool(), single, both)


def no_diagonal(*scene: Tensor) -> Tensor:
    return worth(*scene).fill_diagonal_(0)


def one_order(*scene: Tensor) -> Tensor:
    """The pairs in one order only, except for the two smallest matrices."""
    return worth(*scene).triu() if len(scene[0]) > 2 else worth(*scene)


WRONG: dict[str, list[tuple[Any, str]]] = {
    "05.1": [
        (tiled, "copies of the whole map side by side"),
        (bilinear, "You mixed neighbouring cells"),
        (rounded, "rounded to the nearest row"),
        (whole_factor, "repeated every row by a whole factor"),
    ],
    "05.2": [
        (lambda d, c, k: decoder(d, c, k, bias=0), "biases of the convolutions are missing"),
        (lambda d, c, k: decoder(d, c, k, norm=0), "group norms are missing"),
        (lambda d, c, k: decoder(d, c, k, lateral=9), "gave the laterals 3x3 filters"),
        (lambda d, c, k: decoder(d, c, k, last=0), "last convolution"),
        (lambda d, c, k: decoder(d, c[::-1], k), "two strides are exchanged"),
    ],
    "05.3": [
        (remaining, "This is the J that remains"),
        (lambda *scene: -worth(*scene), "The sign is wrong"),
        (no_diagonal, "On the diagonal stands one channel"),
        (added, "You added what each is worth"),
        (lambda *scene: worth(*scene, above=0.5), "You cut the logits at 0.5"),
        (lambda *scene: 1 - remaining(*scene), "You subtracted from 1"),
        (one_order, "twice, in both orders"),
        (lambda *scene: worth(*scene).diagonal(), "One number per pair"),
        (lambda *scene: worth(*scene, in_place=True), "wrote zeros into the kernel itself"),
        (zeroed_pixels, "wrote into the pixel features"),
    ],
}
