"""The truth on the grid of the predicted masks: by hand, at every resolution, with padding, as published."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rvos_edu.data.transforms import ReduceMasks
from rvos_edu.models.r2vos_truth import Truth, referred_truth
from rvos_edu.structures import Target, VideoSample

few = settings(deadline=None, max_examples=20)


def cells(truth: Truth, grid: tuple[int, int]) -> Tensor:
    """[B, A, h, w]"""
    return truth.masks.unflatten(-1, grid)


def test_half_a_block_is_enough() -> None:
    """Blocks of 2x2 with 1, 2, 3 and 4 pixels; only the referred instance counts."""
    mask = torch.tensor([[1, 0, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1], [1, 0, 1, 1]]).bool()
    truth = referred_truth([Target(torch.stack([~mask, mask])[:, None], 1)], (2, 2))
    assert cells(truth, (2, 2)).tolist() == [[[[0, 1], [1, 1]]]]
    assert truth.boxes.tolist() == [[[0.5, 0.5, 1, 1]]]
    assert not truth.padding.any() and truth.boxed.tolist() == truth.visible.tolist() == [[1]]


@few
@given(st.integers(0, 10_000), st.sampled_from([(16, 24), (18, 22), (13, 31)]))
def test_reduced_targets_give_the_same_truth(seed: int, size: tuple[int, int]) -> None:
    """As the data reduces masks: all at once, or not at all; the grid has ceil(H / 4) rows."""
    generator = torch.Generator().manual_seed(seed)
    masks = torch.rand(1, 2, *size, generator=generator) > 0.5
    masks[..., size[0] // 4 * 4 :, :] = masks[..., size[1] // 4 * 4 :] = False
    frames = torch.zeros(2, 3, *size)
    sample = VideoSample(frames, "a", Target(masks, 0), (0, 1), "v", "0", ("0", "1"), size)
    [small] = ReduceMasks(4).group([sample])
    assert small.target is not None
    reduced = small.target.masks
    grid = (reduced.shape[-2], reduced.shape[-1])
    there = reduced[0].float()[None]
    assert torch.equal(cells(referred_truth([Target(reduced, 0)], grid), grid), there)
    if size == (16, 24):
        assert torch.equal(cells(referred_truth([Target(masks, 0)], grid), grid), there)


def test_cells_beyond_a_clip_are_padding() -> None:
    """A clip of 18 x 13 among 32 x 32 pixels on 8 x 8 cells: centres at pixels 2, 6, 10, 14, 18, ..."""
    small = Target(torch.ones(1, 1, 18, 13, dtype=torch.bool), 0)
    large = Target(torch.ones(1, 1, 32, 32, dtype=torch.bool), 0)
    truth = referred_truth([large, small], (8, 8))
    real = ~truth.padding.unflatten(-1, (8, 8))[:, 0]
    assert real[0].all() and real[1].nonzero().max(0).values.tolist() == [3, 2]
    assert torch.equal(
        cells(truth, (8, 8)).bool()[:, :1], real[:, None]
    )  # half a cell beyond it is no object
    assert truth.boxes.tolist() == [[[0.5, 0.5, 1, 1]], [[0.5, 0.5, 1, 1]]]  # of its own size


def test_published_truth_takes_pixels_2_6_10() -> None:
    """Zeros beyond the clip, which count; the grid covers 12 x 16 pixels, the canvas is 11 x 13."""
    mask = torch.zeros(11, 13, dtype=torch.bool)
    mask[2::4, 2::4] = True  # 9 pixels: rows 2, 6, 10, columns 2, 6, 10
    truth = referred_truth([Target(mask[None, None], 0)], (3, 4), how="reference")
    assert cells(truth, (3, 4)).tolist() == [[[[1, 1, 1, 0]] * 3]]
    assert not truth.padding.any()
    assert not cells(referred_truth([Target(mask[None, None], 0)], (3, 4)), (3, 4)).any()
    halved = Target(mask[None, None, ::2, ::2], 0)  # pixels 1, 3, 5
    assert torch.equal(referred_truth([halved], (3, 4), how="reference").masks, truth.masks)


@pytest.mark.parametrize("how, counted", [("paper", [1, 0, 0]), ("reference", [1, 1, 1])])
def test_which_boxes_count(how: str, counted: list[int]) -> None:
    """Visible; invisible; visible, but too small to be seen at the resolution of the target."""
    masks = torch.zeros(1, 3, 8, 8, dtype=torch.bool)
    masks[0, 0, :2, :4] = True
    truth = referred_truth([Target(masks, 0, torch.tensor([True, False, True]))], (2, 2), how=how)
    assert truth.boxed.tolist() == [counted] and truth.visible.tolist() == [[1, 0, 1]]
    assert truth.boxes.tolist() == [[[0.25, 0.125, 0.5, 0.25], [0] * 4, [0] * 4]]
