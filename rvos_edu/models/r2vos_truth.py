"""What R2-VOS is compared with: the referred object on the grid of the predicted masks, and its boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from rvos_edu.boxes import masks_to_boxes
from rvos_edu.matching import largest_canvas
from rvos_edu.structures import Target


@dataclass(frozen=True)
class Truth:
    """The referred objects of B clips on a grid of P = h * w cells.

    Args:
        masks: float [B, A, P], 0 or 1.
        padding: bool [B, 1, P], cells that do not count.
        boxes: float [B, A, 4], zeros where nothing is; `boxed` float [B, A], 1 where the box counts.
        visible: float [B, A], 0 or 1.
    """

    masks: Tensor
    padding: Tensor
    boxes: Tensor
    boxed: Tensor
    visible: Tensor


def referred_truth(targets: Sequence[Target], grid: tuple[int, int], *, how: str = "paper") -> Truth:
    """Bring the referred objects to a grid that spans the canvas, the largest target of the batch.

    Targets may have any resolution, the same for all: that of the frames (cells are then blocks of 4x4
    pixels), or reduced (`data.mask_stride`); those that have the grid's size already are taken as they are.
    Paper: a cell is true where at least half of its block is (as the truth is reduced elsewhere), and padding
    where its centre lies outside of the clip; boxes count where the object is visible. Reference, the
    published code: cell i takes pixel s * i + s // 2 (2, 6, 10, ...), s the rounded ratio of canvas to
    grid; nothing is padding; boxes count in all frames.

    Args:
        targets: B targets, masks [I, A, H, W].
        grid: (h, w) of the predicted masks.
        how: "paper" or "reference".
    """
    canvas = largest_canvas(targets)
    masks = [target.masks[target.referred] for target in targets]  # [A, H, W] each
    boxes = torch.stack([masks_to_boxes(m) for m in masks])
    visible = torch.stack([_visible(target) for target in targets])
    if how == "reference":
        cells = torch.stack([_sampled(m, canvas, grid) for m in masks])
        padding = torch.zeros_like(cells[:, :1])
        boxed = torch.ones_like(visible)
    else:
        padding = torch.stack([_outside(m, canvas, grid) for m in masks])
        cells = torch.stack([_majority(m, canvas, grid) for m in masks]) & ~padding
        boxed = visible & (boxes[..., 2] > 0)  # visible, but lost on the way to this size: no box
    return Truth(cells.flatten(2).float(), padding.flatten(2), boxes, boxed.float(), visible.float())


def _visible(target: Target) -> Tensor:
    assert target.visible is not None
    return target.visible


def _majority(masks: Tensor, canvas: tuple[int, int], grid: tuple[int, int]) -> Tensor:
    """Cells of which at least half is true: bool [A, H, W] -> bool [A, h, w]."""
    height, width = masks.shape[-2:]
    padded = F.pad(masks.float(), (0, canvas[1] - width, 0, canvas[0] - height))
    return F.adaptive_avg_pool2d(padded, grid) >= 0.5


def _outside(masks: Tensor, canvas: tuple[int, int], grid: tuple[int, int]) -> Tensor:
    """Cells whose centre is not on the clip: bool [1, h, w]."""
    height, width = masks.shape[-2:]
    rows = _centres(canvas[0], grid[0], masks.device) >= height
    columns = _centres(canvas[1], grid[1], masks.device) >= width
    return (rows[:, None] | columns)[None]


def _sampled(masks: Tensor, canvas: tuple[int, int], grid: tuple[int, int]) -> Tensor:
    """The pixel at each cell's centre, cells being squares of whole pixels: [A, H, W] -> bool [A, h, w]."""
    stride = max(1, *(round(size / cells) for size, cells in zip(canvas, grid, strict=True)))
    rows, columns = (_centres(stride * cells, cells, masks.device) for cells in grid)
    height, width = masks.shape[-2:]
    inside = masks[:, rows[rows < height]][:, :, columns[columns < width]]
    return F.pad(inside, (0, grid[1] - inside.shape[-1], 0, grid[0] - inside.shape[-2]))


def _centres(size: int, cells: int, device: torch.device) -> Tensor:
    """Pixels at the centres of `cells` equal parts of `size` pixels: int64 [cells]."""
    return ((2 * torch.arange(cells, device=device) + 1) * size) // (2 * cells)
