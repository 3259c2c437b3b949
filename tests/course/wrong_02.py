"""Wrong answers to the exercises of notebook 02, each with part of the message meant for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

Sizes = tuple[int, int, int]


def land(place: Sizes, size: Sizes, window: Sizes, *, grid: Sizes | None = None, inner: Any = None) -> list:
    grid = grid or tuple(n // w for n, w in zip(size, window, strict=True))  # type: ignore[assignment]
    inner = inner or window
    outer = [p // w for p, w in zip(place, window, strict=True)]
    rest = [p % w for p, w in zip(place, window, strict=True)]
    number = (outer[0] * grid[1] + outer[1]) * grid[2] + outer[2]  # type: ignore[index]
    return [number, (rest[0] * inner[1] + rest[1]) * inner[2] + rest[2]]


def frames_fastest(place: Sizes, size: Sizes, window: Sizes) -> list:
    return land(place[::-1], size[::-1], window[::-1])  # type: ignore[arg-type]


def slot_first(place: Sizes, size: Sizes, window: Sizes) -> list:
    return land(place, size, window)[::-1]


def from_one(place: Sizes, size: Sizes, window: Sizes) -> list:
    return [value + 1 for value in land(place, size, window)]


def remainder_first(place: Sizes, size: Sizes, window: Sizes) -> list:
    return land(place, size, window) if size == window else [place[2] % window[2], place[2] // window[2]]


def width_of_the_map(place: Sizes, size: Sizes, window: Sizes) -> list:
    return land(place, size, window, grid=size if size != window else None)


def slot_by_map(place: Sizes, size: Sizes, window: Sizes) -> list:
    return land(place, size, window, inner=size if size[0] == 1 else window)


def no_time(place: Sizes, size: Sizes, window: Sizes) -> list:
    number, slot = land(place, size, window)
    per_picture = (size[1] // window[1]) * (size[2] // window[2])
    return [number % per_picture, slot]


def rows(window: Sizes, *, sign: int = 1, start: bool = True, radix: Any = None) -> Tensor:
    place = torch.tensor(list(np.ndindex(*window)))
    offset = sign * (place[:, None] - place[None])
    if start:
        offset = offset + torch.tensor(window) - 1
    _, h, w = radix or [2 * n - 1 for n in window]
    return (offset[..., 0] * h + offset[..., 1]) * w + offset[..., 2]


def hears(n: int, window: int, shift: int, *, clip: bool = True, ends: bool = False, sign: int = 1) -> Tensor:
    if clip and window >= n:
        return torch.ones(n, n, dtype=torch.bool)
    place = torch.arange(n) - sign * shift
    group = (place % n if ends else place) // window
    return group[:, None] == group[None]


def in_place(kernel: Tensor, frames: int) -> Tensor:
    kernel /= frames
    return kernel[:, :, None].repeat(1, 1, frames, 1, 1)


def centre(kernel: Tensor, frames: int) -> Tensor:
    out = torch.zeros(*kernel.shape[:2], frames, *kernel.shape[2:])
    out[:, :, frames // 2] = kernel
    return out


def repeated(kernel: Tensor, frames: int, share: float = 1.0) -> Tensor:
    return kernel[:, :, None].repeat(1, 1, frames, 1, 1) * share


def uneven(kernel: Tensor, frames: int) -> Tensor:
    shares = torch.arange(1.0, frames + 1)
    return kernel[:, :, None] * (shares / shares.sum()).view(-1, 1, 1)


WRONG = {
    "02.1": [
        (frames_fastest, "frames count fastest"),
        (slot_first, "slot first"),
        (from_one, "count from 1"),
        (remainder_first, "remainder for the window"),
        (width_of_the_map, "as many windows as fit"),
        (slot_by_map, "step by the map's width"),
        (no_time, "a step in time passes a whole picture"),
        (lambda place, size, window: 0, "window, then the slot"),
    ],
    "02.2": [
        (lambda window: rows(window, sign=-1), "sign is turned"),
        (lambda window: rows(window, start=False), "most negative one"),
        (lambda window: rows(window, radix=window), "offsets share a row"),
        (lambda window: rows(window)[0], "per pair of tokens"),
        (lambda window: rows(window, radix=(1, 3, 2 * window[2] - 1)), "in time must pass"),
    ],
    "02.3": [
        (lambda n, window, shift: hears(n, window, shift, ends=True), "two ends hear"),
        (lambda n, window, shift: hears(n, window, shift, sign=-1), "moved the wrong way"),
        (lambda n, window, shift: hears(n, window, 0), "did not move"),
        (lambda n, window, shift: hears(n, window, shift, clip=False), "clipped to the map"),
        (lambda n, window, shift: hears(n, window, shift)[0], "one row per listener"),
        (lambda n, window, shift: torch.ones(n, n).triu(), "goes both ways"),
    ],
    "02.4": [
        (lambda kernel, frames: repeated(kernel, frames).transpose(1, 2), "before height and width"),
        (repeated, "too loudly"),
        (lambda kernel, frames: repeated(kernel, frames, frames**-2), "too quietly"),
        (centre, "never looked at"),
        (uneven, "no frame is special"),
        (in_place, "changed the kernel"),
    ],
}
