"""What flows through the house: the truth's checks and defaults, subsets of frames."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rvos_edu.structures import Target, VideoBatch, VideoSample


def masks() -> Tensor:
    """Two instances, three frames; the second is absent from the first frame."""
    drawn = torch.zeros(2, 3, 4, 5, dtype=torch.bool)
    drawn[0, :, 0, 0] = True
    drawn[1, 1:, 3, 4] = True
    return drawn


def test_visible_where_the_mask_is_not_empty() -> None:
    assert Target(masks(), 0).visible.tolist() == [True, True, True]  # type: ignore[union-attr]
    assert Target(masks(), 1).visible.tolist() == [False, True, True]  # type: ignore[union-attr]


def test_what_is_said_about_visibility_counts() -> None:
    said = torch.tensor([1, 0, 1])
    assert Target(masks(), 1, visible=said).visible.tolist() == [True, False, True]  # type: ignore[union-attr]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.int64])
def test_numbers_become_truth_values(dtype: torch.dtype) -> None:
    target = Target(masks().to(dtype) * 255, 1)
    assert target.masks.dtype == torch.bool and target.masks.equal(masks())
    assert target.visible is not None and target.visible.dtype == torch.bool


def test_masks_are_shared_not_copied() -> None:
    drawn = masks()
    assert Target(drawn, 0).masks is drawn


@pytest.mark.parametrize(
    "shape, referred, visible, message",
    [
        ((3, 4, 5), 0, None, r"\[I, A, H, W\], got shape \(3, 4, 5\)"),
        ((2, 3, 4, 5), 2, None, r"0\.\.1, got 2"),
        ((2, 3, 4, 5), -1, None, r"0\.\.1, got -1"),
        ((2, 3, 4, 5), 0, 2, r"\[A\] = \[3\], got \(2,\)"),
    ],
)
def test_bad_truths(shape: tuple[int, ...], referred: int, visible: int | None, message: str) -> None:
    said = None if visible is None else torch.ones(visible, dtype=torch.bool)
    with pytest.raises(ValueError, match=message):
        Target(torch.ones(shape, dtype=torch.bool), referred, said)


def test_some_frames_of_a_truth_and_of_a_batch() -> None:
    target = Target(masks(), 1)
    kept = target.keep_frames(torch.tensor([0, 2]))
    assert kept.masks.equal(masks()[:, [0, 2]]) and kept.visible.tolist() == [False, True]  # type: ignore[union-attr]
    batch = VideoBatch(
        frames=torch.zeros(1, 5, 3, 4, 5),
        padding=torch.zeros(1, 4, 5, dtype=torch.bool),
        expressions=["it"],
        clips=torch.tensor([0]),
        annotated=torch.tensor([1, 3, 4]),
        targets=[target],
    )
    fewer = batch.keep_frames(torch.tensor([0, 2])).to("cpu")
    assert fewer.annotated.tolist() == [1, 4] and fewer.frames.shape[1] == 5
    assert fewer.targets is not None and fewer.targets[0].masks.shape[1] == 2


def test_size_of_a_sample() -> None:
    sample = VideoSample(torch.zeros(2, 3, 7, 9), "it", None, (0, 1), "v", "0", ("a", "b"), (70, 90))
    assert sample.size == (7, 9)
