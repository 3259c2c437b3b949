"""Exercises of notebook 02: windows, rows of the position table, shifted windows, kernels over time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from rvos_edu.course.checking import Exercise
from rvos_edu.course.expect import array_of, expect, expect_close, expect_shape

Sizes = tuple[int, int, int]

# 02.1 -------------------------------------------------------------------------------------------------------
E_02_1 = Exercise("02.1", "window and slot of a token")


def _count(places: Sequence[int], lengths: Sequence[int]) -> int:
    """Number of a place when frames count slowest and columns fastest."""
    return (places[0] * lengths[1] + places[1]) * lengths[2] + places[2]


def _landing(size: Sequence[int], window: Sequence[int]) -> np.ndarray:
    """(window, slot) of every token, [T * h * w, 2]."""
    grid = tuple(n // w for n, w in zip(size, window, strict=True))
    found = []
    for place in product(*map(range, size)):
        parts = [divmod(p, w) for p, w in zip(place, window, strict=True)]
        found.append([_count(tuple(p[i] for p in parts), (grid, window)[i]) for i in (0, 1)])
    return np.array(found)


def _landed(answer: Any, size: Sizes, window: Sizes) -> np.ndarray:
    hint = "Two whole numbers are wanted: the window, then the slot."
    return np.stack(
        [expect_shape(answer(place, size, window), (2,), hint=hint) for place in product(*map(range, size))]
    )


def _swapped(size: Sizes, window: Sizes) -> np.ndarray:
    """What comes out if columns count slowest."""
    turned = _landing(size[::-1], window[::-1]).reshape(*size[::-1], 2)
    return turned.transpose(2, 1, 0, 3).reshape(-1, 2)


@E_02_1.stage("a map that is one window: the slot")
def _(answer: Any) -> None:
    size = (2, 3, 4)
    right = _landing(size, size)
    expect_close(
        _landed(answer, size, size),
        right,
        hint="With a single window its number is 0, and the slots count the tokens from 0, columns fastest.",
        mistakes={
            "You let the frames count fastest; in a flattened map the columns do.": _swapped(size, size),
            "You gave the slot first and the window second.": right[:, ::-1],
            "You count from 1; windows and slots count from 0.": right + 1,
        },
    )


@E_02_1.stage("windows side by side in one row")
def _(answer: Any) -> None:
    size, window = (1, 1, 8), (1, 1, 4)
    right = _landing(size, window)
    expect_close(
        _landed(answer, size, window),
        right,
        hint="Only columns here. Columns 0 to 3 are in the first window, 4 to 7 in the second.",
        mistakes={
            "You took the remainder for the window and the quotient for the slot.": np.stack(
                [np.arange(8) % 4, np.arange(8) // 4], 1
            ),
            "Your slot goes on counting in the second window; it starts again at 0.": np.stack(
                [np.arange(8) // 4, np.arange(8)], 1
            ),
        },
    )


@E_02_1.stage("rows and columns of windows")
def _(answer: Any) -> None:
    size, window = (1, 4, 9), (1, 2, 3)
    grid = _landing(size, window)
    places = np.array(list(product(*map(range, size))))
    narrow, wide = places // window, places % window
    expect_close(
        _landed(answer, size, window),
        grid,
        hint="A map of 4 x 9 in windows of 2 x 3 holds 2 rows of 3 windows.",
        mistakes={
            "You counted the windows down the columns; they go along a row first.": _swapped(size, window),
            "Below the first row your windows are off: a row holds as many windows as fit the map's width, "
            "not as many as the window is wide or the map has columns.": np.stack(
                [narrow[:, 1] * 9 + narrow[:, 2], grid[:, 1]], 1
            ),
            "Your slots step by the map's width; inside a window a row is as long as the window.": np.stack(
                [grid[:, 0], wide[:, 1] * 9 + wide[:, 2]], 1
            ),
        },
    )


@E_02_1.stage("frames as well")
def _(answer: Any) -> None:
    size, window = (4, 4, 6), (2, 2, 3)
    right, got = _landing(size, window), _landed(answer, size, window)
    first = got[: 4 * 6 * 2]
    expect(
        not (np.allclose(first, right[: len(first)]) and not np.allclose(got, right)),
        "The first windows in time are right, later ones are not: a step in time passes a whole picture of "
        "windows.",
    )
    expect_close(got, right, hint="Frames are the third axis and count slowest, for windows and for slots.")


# 02.2 -------------------------------------------------------------------------------------------------------
E_02_2 = Exercise("02.2", "rows of the relative position table")


def _rows(window: Sizes, sign: int = 1, start: bool = True, lengths: Sizes | None = None) -> Tensor:
    place = torch.cartesian_prod(*(torch.arange(n) for n in window)).view(-1, 3)
    offset = sign * (place[:, None] - place[None])
    if start:
        offset = offset + torch.tensor(window) - 1
    _, h, w = lengths or tuple(2 * n - 1 for n in window)
    return (offset[..., 0] * h + offset[..., 1]) * w + offset[..., 2]


def _stage_rows(answer: Any, window: Sizes, hint: str) -> None:
    count = window[0] * window[1] * window[2]
    table = 1
    for n in window:
        table *= 2 * n - 1
    got = expect_shape(answer(window), (count, count), hint="One row number per pair of tokens of a window.")
    mistakes = {
        "The sign is turned: offsets are query minus key, the query counts down your first axis.": _rows(
            window, -1
        ),
        "The offsets are not moved yet: the most negative one on each axis must become 0.": _rows(
            window, start=False
        ),
        "Different offsets share a row: an axis of n tokens has 2n - 1 offsets, and they set the step.": (
            _rows(window, lengths=window)
        ),
    }
    expect_close(got, _rows(window), hint=hint, mistakes=mistakes)
    expect(got.min() == 0 and got.max() == table - 1, f"All {table} rows of the table should be in use.")


@E_02_2.stage("columns only")
def _(answer: Any) -> None:
    _stage_rows(answer, (1, 1, 3), "Three tokens in a row: offsets -2 to 2, hence five rows.")


@E_02_2.stage("rows and columns")
def _(answer: Any) -> None:
    _stage_rows(answer, (1, 2, 3), "One step down must pass all offsets along a row.")


@E_02_2.stage("frames, rows and columns")
def _(answer: Any) -> None:
    hint = "One step in time must pass all offsets of a picture; tokens are listed frames slowest."
    _stage_rows(answer, (2, 2, 3), hint)
    _stage_rows(answer, (3, 1, 2), hint)


# 02.3 -------------------------------------------------------------------------------------------------------
E_02_3 = Exercise("02.3", "who hears whom in shifted windows")


def _hears(group: Tensor) -> Tensor:
    return group[:, None] == group[None]


def _stage_hears(answer: Any, n: int, window: int, shift: int, hint: str) -> None:
    places = torch.arange(n)
    went_back = (
        "The borders moved the wrong way: rolling by minus the shift moves them towards larger places."
    )
    mistakes = {
        "The two ends hear each other: tokens that came round the edge are masked.": _hears(
            ((places - shift) % n) // window
        ),
        went_back: _hears((places + shift) // window),
        "The borders did not move.": _hears(places // window),
    }
    if window >= n:
        mistakes = {}
    got = array_of(answer(n, window, shift))
    expect(got.shape == (n, n), f"Expected a matrix [{n}, {n}], one row per listener, got {list(got.shape)}.")
    expect((got == got.T).all(), "Hearing goes both ways: your matrix is not symmetric.")
    right = _hears((places - shift) // window) if window < n else torch.ones(n, n, dtype=torch.bool)
    expect_close(got, right, hint=hint, mistakes=mistakes)


@E_02_3.stage("plain windows")
def _(answer: Any) -> None:
    _stage_hears(answer, 8, 4, 0, "Tokens hear each other where they lie in the same window.")


@E_02_3.stage("shifted by half a window")
def _(answer: Any) -> None:
    _stage_hears(
        answer, 12, 4, 2, "Roll the tokens, cut, mask what came round, and read off original places."
    )


@E_02_3.stage("shifted by less than half")
def _(answer: Any) -> None:
    _stage_hears(answer, 12, 4, 1, "The shift may be any number below the window's length.")


@E_02_3.stage("a window as long as the map, or longer")
def _(answer: Any) -> None:
    hint = "Such a window covers everything: it is clipped to the map, and nothing is shifted."
    for n, window in ((4, 4), (3, 8)):
        _stage_hears(answer, n, window, window // 2, hint)


# 02.4 -------------------------------------------------------------------------------------------------------
E_02_4 = Exercise("02.4", "a picture's kernel for a clip")


def _kernel() -> Tensor:
    return torch.randn(5, 3, 4, 4, generator=torch.Generator().manual_seed(2))


@E_02_4.stage("the shape")
def _(answer: Any) -> None:
    for frames in (2, 3):
        expect_shape(
            answer(_kernel(), frames), (5, 3, frames, 4, 4), hint="Time goes before height and width."
        )


@E_02_4.stage("a still clip gives what the picture gives")
def _(answer: Any) -> None:
    picture = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(3))
    for frames in (2, 3):
        kernel = torch.as_tensor(answer(_kernel(), frames)).float()
        clip = picture[:, :, None].repeat(1, 1, frames, 1, 1)
        response = F.conv3d(clip, kernel).flatten()
        right = F.conv2d(picture, _kernel()).flatten()
        expect_close(
            response,
            right,
            hint="Show it one picture several times: each token must be that of the picture.",
            mistakes={
                "A still clip answers too loudly: every time slice adds its share.": frames * right,
                "A still clip answers too quietly: you divided more than once.": right / frames,
            },
        )


@E_02_4.stage("every frame counts alike")
def _(answer: Any) -> None:
    kernel = array_of(answer(_kernel(), 3))
    silent = [t for t in range(3) if not np.abs(kernel[:, :, t]).max()]
    expect(not silent, "Some time slices are zero, so that these frames are never looked at.")
    expect_close(
        kernel, kernel[:, :, :1].repeat(3, 2), hint="All time slices should be the same: no frame is special."
    )


@E_02_4.stage("there and back, and the argument is left alone")
def _(answer: Any) -> None:
    kernel = _kernel()
    back = array_of(answer(kernel, 4)).sum(2)
    expect_close(kernel, _kernel(), hint="Your function changed the kernel that it was given.")
    expect_close(back, kernel, hint="Summing over time should return the picture's kernel.")
    expect_close(array_of(answer(kernel, 1))[:, :, 0], kernel, hint="For one frame nothing should change.")
