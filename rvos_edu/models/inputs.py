"""Checks and selections that the models share: frames, padding, which sentence is about which clip."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def check_frames(frames: Tensor, padding: Tensor | None) -> None:
    """Raise a ValueError unless frames are float [B, T, 3, H, W] and padding is bool [B, H, W]."""
    if frames.ndim != 5 or frames.shape[2] != 3 or min(frames.shape) < 1:
        raise ValueError(f"frames must be [B, T, 3, H, W] with T, H, W >= 1, got {tuple(frames.shape)}")
    if not frames.is_floating_point():
        raise ValueError(f"frames must be normalised floats, got {frames.dtype}")
    expected = (frames.shape[0], *frames.shape[-2:])
    if padding is not None and (tuple(padding.shape) != expected or padding.dtype != torch.bool):
        raise ValueError(
            f"padding must be bool [B, H, W] = {list(expected)}, got {padding.dtype} {list(padding.shape)}"
        )


def check_maps(maps: Sequence[Tensor], channels: Sequence[int]) -> None:
    """Raise a ValueError unless there is a map [B, T, C, h, w] for each of `channels`, equal in B and T."""
    shapes = [tuple(x.shape) for x in maps]
    expected = [f"[B, T, {count}, h, w]" for count in channels]
    fits = len(maps) == len(channels) and all(
        len(shape) == 5 and shape[2] == count and shape[:2] == shapes[0][:2] and min(shape) >= 1
        for shape, count in zip(shapes, channels, strict=False)
    )
    if not fits:
        raise ValueError(f"features must be {', '.join(expected)}, got {', '.join(map(str, shapes))}")


def check_padding(padding: Tensor, sizes: Tensor | None, stride4: Tensor) -> None:
    """Raise a ValueError unless padding is bool [B, H, W] and sizes [B, 2], for maps [B, T, C, H/4, W/4]."""
    batch, rows, columns = len(stride4), *stride4.shape[-2:]
    fits = padding.dtype == torch.bool and padding.ndim == 3 and len(padding) == batch
    if not fits or [-(-side // 4) for side in padding.shape[1:]] != [rows, columns]:
        raise ValueError(
            f"padding must be bool [{batch}, H, W] with H/4, W/4 = {rows}, {columns} rounded up, "
            f"got {padding.dtype} {list(padding.shape)}"
        )
    if sizes is not None and tuple(sizes.shape) != (batch, 2):
        raise ValueError(f"sizes must be [{batch}, 2], got {list(sizes.shape)}")


def check_indices(indices: Tensor, count: int, name: str, things: str) -> None:
    """Raise a ValueError unless `indices` is a non-empty list of numbers in 0..count-1."""
    if indices.ndim != 1 or not len(indices) or int(indices.min()) < 0 or int(indices.max()) >= count:
        raise ValueError(f"{name} must be indices of the {count} {things}, got {indices.tolist()}")


def clip_of_sentence(clips: Tensor | None, count: int, sentences: int, device: torch.device) -> Tensor:
    """int64 [E], the clip that each sentence is about; one sentence per clip where `clips` is None.

    Raises:
        ValueError: if the numbers do not fit.
    """
    if clips is None:
        if sentences != count:
            raise ValueError(
                f"{sentences} expressions for {count} clips: say with `clips` which is about which"
            )
        return torch.arange(count, device=device)
    clips = torch.as_tensor(clips, device=device, dtype=torch.long)
    check_indices(clips, count, "clips", "clips")
    if len(clips) != sentences:
        raise ValueError(f"clips must name one clip for each of {sentences} expressions, got {len(clips)}")
    return clips


def padding_of_maps(padding: Tensor, maps: Sequence[Tensor], extra: int) -> list[Tensor]:
    """Padding of maps at strides 4, 8, 16, ... and of coarser ones made from the last.

    A step of a map is real if its upper left pixel is, so a real part of n pixels has ceil(n / stride) real
    steps, as many as that part's own map has, however far it was padded. Only for a map whose sides are not
    those of the frame over its stride, rounded up, the nearest pixel decides (`shrink_padding`).

    Args:
        padding: bool [B, H, W] at the size of the frames, True where padded.
        maps: [..., h, w] each, finest first.
        extra: number of coarser maps, each of half the size of the one before, rounded up.

    Returns:
        bool [B, h, w] for each of `maps` and of the coarser ones.
    """
    found = []
    for number, x in enumerate(maps):
        stride = 4 * 2**number
        size, steps = (x.shape[-2], x.shape[-1]), padding[:, ::stride, ::stride]
        found.append(steps if steps.shape[1:] == size else shrink_padding(padding, size))
    for _ in range(extra):
        found.append(found[-1][:, ::2, ::2])
    return found


def sizes_of(padding: Tensor) -> Tensor:
    """int64 [B, 2], height and width of what is real; padding bool [B, H, W], True where padded."""
    real = ~padding
    return torch.stack([real.any(2).sum(1), real.any(1).sum(1)], dim=1)


def shrink_padding(padding: Tensor, size: tuple[int, int]) -> Tensor:
    """bool [B, H, W] at the size of a feature map, nearest pixel, as in the published code of both papers."""
    return F.interpolate(padding[:, None].float(), size=size, mode="nearest")[:, 0] > 0
