"""Mask logits to masks at the video's own size (order of the published code by default)."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

ORDERS = ("threshold-first", "resize-first")


def postprocess(
    mask_logits: Tensor,
    *,
    padded_size: tuple[int, int],
    sizes: Sequence[tuple[int, int]],
    original_sizes: Sequence[tuple[int, int]],
    order: str = "threshold-first",
    stride: int | None = None,
) -> list[Tensor]:
    """Enlarge, threshold at probability 0.5, cut the padding off, resize to the original size.

    Args:
        mask_logits: [B, ..., h, w], any axes between.
        padded_size: (H, W) of the batch that the model saw.
        sizes: B times (H, W) of a clip without padding.
        original_sizes: B times (H, W) of the stored frames.
        order: "threshold-first": bilinear to `padded_size`, threshold, crop, nearest (the published code);
            "resize-first": bilinear to `padded_size`, crop, bilinear, threshold (smoother edges).
        stride: pixels per step of logits that have no meaning where padded (R2-VOS: 4). Steps without a real
            pixel are cut off first and the others enlarged to the clip's own size, so that the masks do not
            depend on the batch. By default all steps are read, as published for MTTR.

    Returns:
        B tensors bool [..., H0, W0].

    Raises:
        ValueError: if sizes or the stride do not fit, or the order is unknown.
    """
    _check(mask_logits, padded_size, sizes, original_sizes, order)
    if stride is not None:
        _check_stride(mask_logits, padded_size, stride)
    results = []
    for logits, size, original in zip(mask_logits, sizes, original_sizes, strict=True):
        planes = _shown(logits, padded_size, size, stride)
        if order == "resize-first":
            masks = F.interpolate(planes, size=tuple(original), mode="bilinear").sigmoid() > 0.5
        else:
            masks = (planes.sigmoid() > 0.5).byte()
            masks = F.interpolate(masks, size=tuple(original), mode="nearest").bool()
        results.append(masks.view(*logits.shape[:-2], *original))
    return results


def mask_probabilities(
    mask_logits: Tensor,
    *,
    padded_size: tuple[int, int],
    sizes: Sequence[tuple[int, int]],
    original_sizes: Sequence[tuple[int, int]],
    order: str = "threshold-first",
    stride: int | None = None,
) -> list[Tensor]:
    """What `postprocess` cuts at 0.5, at the original size: B tensors float32 [..., H0, W0]; see there."""
    _check(mask_logits, padded_size, sizes, original_sizes, order)
    if stride is not None:
        _check_stride(mask_logits, padded_size, stride)
    results = []
    for logits, size, original in zip(mask_logits, sizes, original_sizes, strict=True):
        planes = _shown(logits, padded_size, size, stride)
        if order == "resize-first":
            planes = F.interpolate(planes, size=tuple(original), mode="bilinear").sigmoid()
        else:
            planes = F.interpolate(planes.sigmoid(), size=tuple(original), mode="nearest")
        results.append(planes.view(*logits.shape[:-2], *original))
    return results


def _shown(logits: Tensor, padded_size: tuple[int, int], size: tuple[int, int], stride: int | None) -> Tensor:
    """Logits [..., h, w] of one clip at the size that the model saw, without padding: [planes, 1, H, W]."""
    planes = logits.reshape(-1, 1, *logits.shape[-2:]).float()
    if stride is not None:
        rows, columns = _steps(size, stride)
        return F.interpolate(planes[..., :rows, :columns], size=tuple(size), mode="bilinear")
    return F.interpolate(planes, size=tuple(padded_size), mode="bilinear")[..., : size[0], : size[1]]


def _steps(size: tuple[int, int], stride: int) -> list[int]:
    return [-(-side // stride) for side in size]


def _check_stride(mask_logits: Tensor, padded_size: tuple[int, int], stride: int) -> None:
    found = list(mask_logits.shape[-2:])
    if stride < 1 or found != _steps(padded_size, stride):
        raise ValueError(
            f"mask_logits of {found} steps do not cover the padded size {tuple(padded_size)} "
            f"at stride {stride}"
        )


def _check(
    mask_logits: Tensor,
    padded_size: tuple[int, int],
    sizes: Sequence[tuple[int, int]],
    original_sizes: Sequence[tuple[int, int]],
    order: str,
) -> None:
    if order not in ORDERS:
        raise ValueError(f"order must be one of {ORDERS}, got {order!r}")
    if not len(mask_logits) == len(sizes) == len(original_sizes):
        raise ValueError(
            f"{len(mask_logits)} clips need as many sizes and original sizes, "
            f"got {len(sizes)} and {len(original_sizes)}"
        )
    for size in sizes:
        if size[0] > padded_size[0] or size[1] > padded_size[1]:
            raise ValueError(
                f"a clip of size {tuple(size)} is larger than the padded size {tuple(padded_size)}"
            )
