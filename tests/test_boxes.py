"""Boxes of masks, L1 and generalised IoU: by hand, against torchvision's, properties."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import box_convert, generalized_box_iou
from torchvision.ops import masks_to_boxes as corners_of_masks

from rvos_edu.boxes import giou_loss, l1_loss, masks_to_boxes

few = settings(deadline=None, max_examples=20)


def test_boxes_by_hand() -> None:
    """In 4 rows of 8: rows 1 to 2 and columns 2 to 6; one corner pixel; everything; nothing."""
    masks = torch.zeros(4, 4, 8, dtype=torch.bool)
    masks[0, 1, 2] = masks[0, 2, 6] = True
    masks[1, 3, 7] = True
    masks[2] = True
    expected = [
        [(2 + 7) / 2 / 8, (1 + 3) / 2 / 4, 5 / 8, 2 / 4],
        [7.5 / 8, 3.5 / 4, 1 / 8, 1 / 4],
        [0.5, 0.5, 1, 1],
        [0, 0, 0, 0],
    ]
    assert masks_to_boxes(masks).tolist() == expected
    assert masks_to_boxes(masks.view(2, 2, 4, 8)).tolist() == [expected[:2], expected[2:]]


@few
@given(st.integers(0, 10_000))
def test_boxes_are_those_of_torchvision_whatever_the_resolution(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    masks = torch.rand(6, 5, 7, generator=generator) > 0.9
    masks[:, 2, 3] = True  # theirs cannot be empty, and ends at the centre of the last pixel
    theirs = (corners_of_masks(masks) + torch.tensor([0, 0, 1, 1])) / torch.tensor([7, 5, 7, 5])
    ours = masks_to_boxes(masks)
    assert torch.allclose(ours, box_convert(theirs, "xyxy", "cxcywh"), atol=1e-6)
    larger = masks.repeat_interleave(4, 1).repeat_interleave(4, 2)
    assert torch.allclose(masks_to_boxes(larger), ours, atol=1e-6)


def test_losses_by_hand() -> None:
    """Quarter of a frame in the whole: IoU 1/4. Two quarters that touch in a corner: 0 - (1 - 1/2) / 1."""
    whole, first = torch.tensor([0.5, 0.5, 1, 1]), torch.tensor([0.25, 0.25, 0.5, 0.5])
    last, nothing = torch.tensor([0.75, 0.75, 0.5, 0.5]), torch.zeros(4)
    assert float(l1_loss(whole, first)) == pytest.approx(0.25 + 0.25 + 0.5 + 0.5)
    pairs = [(whole, first), (first, last), (first, first), (whole, nothing), (nothing, nothing)]
    losses = [float(giou_loss(one, other)) for one, other in pairs]
    assert losses == pytest.approx([0.75, 1.5, 0, 1, 1], abs=1e-6)


@few
@given(st.integers(0, 10_000))
def test_generalised_iou_of_random_boxes(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    one, other = torch.rand(2, 5, 4, generator=generator) + 0.05
    corners = [box_convert(boxes, "cxcywh", "xyxy") for boxes in (one, other)]
    losses = giou_loss(one[:, None], other)  # every pair
    assert losses.shape == (5, 5) and ((losses >= 0) & (losses <= 2)).all()
    assert torch.allclose(losses, 1 - generalized_box_iou(*corners), atol=1e-5)


def test_boxes_without_extent_have_finite_gradients() -> None:
    boxes = torch.zeros(3, 4, requires_grad=True)
    (giou_loss(boxes, torch.zeros(3, 4)) + l1_loss(boxes, torch.zeros(3, 4))).sum().backward()
    assert boxes.grad is not None and boxes.grad.isfinite().all()


@pytest.mark.parametrize("shape", [(4,), (2, 0, 4), (2, 4, 0)])
def test_bad_input(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="at least one pixel"):
        masks_to_boxes(torch.zeros(shape, dtype=torch.bool))
