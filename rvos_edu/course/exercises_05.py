"""Checks behind notebook 05: nearest upsampling, the size of the decoder, what two channels are worth."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from rvos_edu.course.checking import Exercise
from rvos_edu.course.expect import array_of, expect, expect_close, expect_shape

E_05_1 = Exercise("05.1", "nearest upsampling of any size")


def _nearest(x: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(x[None], size=size, mode="nearest")[0]


def _bilinear(x: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(x[None], size=size, mode="bilinear")[0]


def _rounded(x: Tensor, size: tuple[int, int]) -> Tensor:
    rows, columns = (
        torch.tensor([min(round(i * small / large), small - 1) for i in range(large)])
        for small, large in zip(x.shape[1:], size, strict=True)
    )
    return x[:, rows][:, :, columns]


@E_05_1.stage("twice the size: every cell becomes 2 x 2 equal cells")
def _(answer: Any) -> None:
    x = torch.arange(6.0).view(1, 2, 3) ** 2
    got = expect_shape(
        answer(x.clone(), (4, 6)), (1, 4, 6), hint="Channels first, then the new rows and columns."
    )
    expect_close(
        got,
        _nearest(x, (4, 6)),
        hint="Neighbours in the large map that come from one cell hold its value, unchanged.",
        mistakes={
            "You laid copies of the whole map side by side; repeat each cell in its place.": x.repeat(
                1, 2, 2
            ),
            "You mixed neighbouring cells (bilinear). Nearest copies one of them.": _bilinear(x, (4, 6)),
        },
    )


@E_05_1.stage("rows and columns grow by different factors")
def _(answer: Any) -> None:
    x = torch.arange(6.0).view(1, 2, 3)
    expect_close(
        answer(x.clone(), (6, 6)),
        _nearest(x, (6, 6)),
        hint="Rows grow three times here, columns twice.",
        mistakes={
            "Rows and columns are exchanged.": _nearest(x.transpose(1, 2), (6, 6)),
            "You used the factor of the columns for the rows too.": _rows_doubled(x),
        },
    )


def _rows_doubled(x: Tensor) -> Tensor:
    rows = (torch.arange(6) // 2).clamp(max=1)
    return x[:, rows][:, :, torch.arange(6) // 2]


@E_05_1.stage("several channels")
def _(answer: Any) -> None:
    x = torch.arange(24.0).view(4, 2, 3)
    got = expect_shape(answer(x.clone(), (4, 6)), (4, 4, 6), hint="Every channel is enlarged by itself.")
    expect_close(got, _nearest(x, (4, 6)), hint="Channels got mixed: each is enlarged by itself.")


@E_05_1.stage("sizes that are no multiple: 5 rows to 9, 7 columns to 11")
def _(answer: Any) -> None:
    x = torch.arange(35.0).view(1, 5, 7)
    expect_close(
        answer(x.clone(), (9, 11)),
        _nearest(x, (9, 11)),
        hint="Which input row does output row i copy? Try i = 1 and i = 8 of 9 by hand.",
        mistakes={
            "You rounded to the nearest row; compare with the lists that stand above the exercise.": _rounded(
                x, (9, 11)
            ),
            "You repeated every row by a whole factor and cut off the end.": _cut(x),
        },
    )


@E_05_1.stage("a map of whole numbers, such as the numbers of objects")
def _(answer: Any) -> None:
    x = torch.arange(6).view(1, 2, 3)
    got = expect_shape(answer(x.clone(), (3, 5)), (1, 3, 5))
    expect_close(
        got, _nearest(x.float(), (3, 5)), hint="Right for numbers with a point, wrong for whole ones."
    )


def _cut(x: Tensor) -> Tensor:
    return x.repeat_interleave(2, 1).repeat_interleave(2, 2)[:, :9, :11]


E_05_2 = Exercise("05.2", "count the parameters of the decoder")


def _conv(inputs: int, outputs: int, side: int, *, bias: bool = True) -> int:
    return outputs * inputs * side**2 + outputs * bias


def _decoder(
    d: int, channels: tuple[int, int], k: int, *, bias: bool = True, norms: bool = True, lateral: int = 1
) -> int:
    """The right count; the options make the usual mistakes."""
    plan = [(d, d), (d, d // 2), (d // 2, d // 4), (d // 4, d // 8)]
    blocks = sum(_conv(i, o, 3, bias=bias) + 2 * o * norms for i, o in plan)
    sides = _conv(channels[1], d // 2, lateral, bias=bias) + _conv(channels[0], d // 4, lateral, bias=bias)
    return blocks + sides + _conv(d // 8, k, 3, bias=bias)


def _count(answer: Any, d: int, channels: tuple[int, int], k: int) -> None:
    got = array_of(answer(d, channels, k))
    expect(got.shape == (), f"One number is expected, got the shape {list(got.shape)}.")
    no_first = _decoder(d, channels, k) - _conv(d, d, 3) - 2 * d
    exchanged = _decoder(d, (channels[1], channels[0]), k)
    expect_close(
        got,
        _decoder(d, channels, k),
        hint="Write the plan as a list: what goes in, what comes out, how large is the filter. Then add up.",
        tolerance=0.5,
        mistakes={
            "The biases of the convolutions are missing.": _decoder(d, channels, k, bias=False),
            "The group norms are missing: they learn a weight and a bias per channel.": _decoder(
                d, channels, k, norms=False
            ),
            "Biases and norms are missing; you counted the filters only.": _decoder(
                d, channels, k, bias=False, norms=False
            ),
            "You gave the laterals 3x3 filters; they see one pixel at a time.": _decoder(
                d, channels, k, lateral=3
            ),
            "The first block is missing: there are two before the first upsampling.": no_first,
            "The last convolution, to the pixel features, is missing.": _decoder(d, channels, k)
            - _conv(d // 8, k, 3),
            "The channels of the two strides are exchanged.": exchanged,
        },
    )


@E_05_2.stage("the nano model")
def _(answer: Any) -> None:
    _count(answer, 128, (32, 64), 8)


@E_05_2.stage("the paper's sizes")
def _(answer: Any) -> None:
    _count(answer, 256, (96, 192), 8)


@E_05_2.stage("any sizes")
def _(answer: Any) -> None:
    _count(answer, 64, (10, 24), 5)


E_05_3 = Exercise("05.3", "what two channels are worth")


def _scene(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """A kernel [K], pixels [K, h, w] and a truth that the sum matches only in part."""
    rng = torch.Generator().manual_seed(seed)
    pixels = torch.randn(4, 6, 7, generator=rng)
    kernel = torch.tensor([2.0, -1.0, 0.5, 1.5])
    noisy = torch.einsum("k,khw->hw", kernel, pixels) + torch.randn(6, 7, generator=rng)
    return kernel, pixels, noisy > 0


def _j(kernel: Tensor, pixels: Tensor, truth: Tensor, *, above: float = 0.0) -> Tensor:
    mask = torch.einsum("k,khw->hw", kernel, pixels) > above
    return (mask & truth).sum() / (mask | truth).sum().clamp(min=1)


def _without(kernel: Tensor, pixels: Tensor, truth: Tensor, *, above: float = 0.0) -> Tensor:
    """J without channels c and d, [K, K]."""
    keep = 1 - torch.eye(len(kernel))
    rows = [[_j(kernel * c * d, pixels, truth, above=above) for d in keep] for c in keep]
    return torch.stack([torch.stack(row) for row in rows])


def _worth(kernel: Tensor, pixels: Tensor, truth: Tensor, *, above: float = 0.0) -> Tensor:
    whole = _j(kernel, pixels, truth, above=above)
    return whole - _without(kernel, pixels, truth, above=above)


def _asked(answer: Any, kernel: Tensor, pixels: Tensor, truth: Tensor) -> Any:
    """What is answered to a scene, provided that the scene stays as it was."""
    given = kernel.clone(), pixels.clone(), truth.clone()
    got = answer(*given)
    expect(given[0].equal(kernel), "You wrote zeros into the kernel itself; the next pair then misses more.")
    expect(given[1].equal(pixels), "You wrote into the pixel features; the next pair then misses more.")
    return got


@E_05_3.stage("a channel with the weight 0 is worth nothing")
def _(answer: Any) -> None:
    truth = torch.tensor([[True, False]])
    pixels = torch.tensor([[[1.0, -1.0]], [[-5.0, 9.0]]])
    got = expect_shape(
        _asked(answer, torch.tensor([1.0, 0.0]), pixels, truth),
        (2, 2),
        hint="One number per pair of channels, in both orders, and each channel with itself.",
    )
    expect_close(
        got,
        [[1.0, 1.0], [1.0, 0.0]],
        hint="With both channels J is 1. Without the first nothing is left; the second has no say.",
        mistakes={
            "This is the J that remains. Asked for is what is lost.": [[0.0, 0.0], [0.0, 1.0]],
            "The sign is wrong: what is needed is worth something positive.": [[-1.0, -1.0], [-1.0, 0.0]],
            "On the diagonal stands one channel alone; it may be worth something.": [[0.0, 1.0], [1.0, 0.0]],
        },
    )


@E_05_3.stage("two channels that say the same")
def _(answer: Any) -> None:
    truth, same = torch.tensor([[True, False]]), torch.tensor([[[1.0, -1.0]]]).repeat(2, 1, 1)
    expect_close(
        _asked(answer, torch.ones(2), same, truth),
        [[0.0, 1.0], [1.0, 0.0]],
        hint="Either of them does the work alone; without both nothing is left.",
        mistakes={
            "You added what each is worth. Take both away at once, then measure.": torch.zeros(2, 2),
        },
    )


@E_05_3.stage("several channels, a mask that is not perfect")
def _(answer: Any) -> None:
    scene = _scene(1)
    right, left = _worth(*scene), _without(*scene)
    expect_close(
        _asked(answer, *scene),
        right,
        hint="Two values of J per pair: with all channels, and without these two.",
        mistakes={
            "This is the J that remains without them. Asked for is what is lost.": left,
            "You kept the two and took the others away.": _kept(*scene),
            "You subtracted from 1, but the whole kernel does not reach a J of 1 here.": 1 - left,
            "You cut the logits at 0.5; a probability of one half is another logit.": _worth(
                *scene, above=0.5
            ),
            "Each pair stands in the matrix twice, in both orders.": right.triu(),
        },
    )


def _kept(kernel: Tensor, pixels: Tensor, truth: Tensor) -> Tensor:
    only = torch.eye(len(kernel))
    rows = [[_j(kernel * (c + d).clamp(max=1), pixels, truth) for d in only] for c in only]
    return _j(kernel, pixels, truth) - torch.stack([torch.stack(row) for row in rows])


@E_05_3.stage("another mask")
def _(answer: Any) -> None:
    scene = _scene(2)
    expect_close(
        _asked(answer, *scene),
        _worth(*scene),
        hint="Right on one mask, wrong on another: which number is fixed?",
    )
