"""Boxes of masks and how well two boxes agree (R2-VOS, supplement, sections C and D: L1 and generalised IoU).

A box is (centre x, centre y, width, height) as fractions of the frame.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.ops import box_convert
from torchvision.ops import generalized_box_iou_loss as giou_loss_of_corners


def masks_to_boxes(masks: Tensor) -> Tensor:
    """The smallest box around each mask, from the outer edges of its pixels; zeros around an empty mask.

    Args:
        masks: bool [..., H, W].

    Returns:
        float32 [..., 4].

    Raises:
        ValueError: if there is no pixel.
    """
    if masks.ndim < 2 or 0 in masks.shape[-2:]:
        raise ValueError(f"masks must be [..., H, W] with at least one pixel, got {tuple(masks.shape)}")
    masks = masks.bool()
    left, right = _extent(masks.any(-2))
    top, bottom = _extent(masks.any(-1))
    return torch.stack([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top], -1)


def l1_loss(boxes: Tensor, truth: Tensor) -> Tensor:
    """Sum of the absolute differences of the four numbers: [..., 4] and [..., 4] -> [...]."""
    return (boxes - truth).abs().sum(-1)


def giou_loss(boxes: Tensor, truth: Tensor) -> Tensor:
    """1 - generalised IoU of pairs of boxes: [..., 4] and [..., 4] (they may broadcast) -> [...], in 0..2.

    Generalised IoU: IoU minus the share of the smallest enclosing box that neither covers.
    """
    boxes, truth = torch.broadcast_tensors(boxes, truth)
    return giou_loss_of_corners(
        box_convert(boxes, "cxcywh", "xyxy"), box_convert(truth, "cxcywh", "xyxy"), reduction="none"
    )


def _extent(occupied: Tensor) -> tuple[Tensor, Tensor]:
    """First and last edge of what is occupied, as fractions of the length: bool [..., n] -> [...] each."""
    length = occupied.shape[-1]
    first = occupied.byte().argmax(-1)
    behind = occupied.flip(-1).byte().argmax(-1)
    somewhere = occupied.any(-1)
    return (first / length).where(somewhere, 0), ((length - behind) / length).where(somewhere, 0)
