"""Windows of long videos, and the links between their query sequences."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rvos_edu.engine.linking import link_queries, sequence_iou, windows


def kept_frames(count: int, length: int, overlap: int) -> list[int]:
    """Frames in the order in which `segment` stores them."""
    found = list(windows(range(count), length=length, overlap=overlap))
    stored: list[int] = []
    for window, after in itertools.zip_longest(found, found[1:]):
        end = len(window.frames) if after is None else len(window.frames) - (after.shared - after.skipped)
        stored += window.frames[window.skipped : end]
    return stored


def test_a_short_video_is_one_window() -> None:
    [window] = windows(range(5), length=8, overlap=4)
    assert (window.start, window.frames, window.shared) == (0, [0, 1, 2, 3, 4], 0)


def test_windows_overlap_and_the_last_one_ends_with_the_video() -> None:
    found = [(w.start, w.frames, w.shared) for w in windows(range(7), length=4, overlap=2)]
    assert found == [(0, [0, 1, 2, 3], 0), (2, [2, 3, 4, 5], 2), (3, [3, 4, 5, 6], 3)]


def test_no_frame_no_window() -> None:
    assert list(windows([], length=4, overlap=1)) == []


@pytest.mark.parametrize("overlap", [-1, 4])
def test_impossible_overlap(overlap: int) -> None:
    with pytest.raises(ValueError, match=f"overlap must be in 0..3 .* got {overlap}"):
        list(windows(range(9), length=4, overlap=overlap))


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 60), st.integers(1, 9), st.data())
def test_every_frame_is_stored_once_in_order(count: int, length: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, length - 1))
    assert kept_frames(count, length, overlap) == list(range(count))
    assert all(
        len(w.frames) == min(length, count) for w in windows(range(count), length=length, overlap=overlap)
    )


def masks_at(columns: list[int | None]) -> torch.Tensor:
    """bool [2, N, 4, 8]: query n covers one column, or nothing."""
    masks = torch.zeros(2, len(columns), 4, 8, dtype=torch.bool)
    for n, column in enumerate(columns):
        if column is not None:
            masks[:, n, :, column] = True
    return masks


def test_sequence_iou_by_hand() -> None:
    first = torch.zeros(1, 2, 1, 4, dtype=torch.bool)
    second = first.clone()
    first[0, 0, 0, :2] = True  # two pixels; the other mask is empty
    second[0, 0, 0, 1:4] = True  # one pixel in common, four in either
    np.testing.assert_allclose(sequence_iou(first, second), [[0.25, 0.0], [0.0, 0.0]])


def test_sequences_follow_their_masks() -> None:
    assert link_queries(masks_at([1, 3, 5]), masks_at([5, 1, 3])).tolist() == [1, 2, 0]


def test_equal_overlaps_keep_the_query() -> None:
    assert link_queries(masks_at([None, 3, None]), masks_at([None, 3, None])).tolist() == [0, 1, 2]
    assert link_queries(masks_at([None, 3, None, 2]), masks_at([3, None, None, 2])).tolist() == [1, 0, 2, 3]


@settings(deadline=None, max_examples=20)
@given(st.permutations(range(6)))
def test_any_permutation_is_undone(order: list[int]) -> None:
    masks = torch.rand(3, 6, 5, 5, generator=torch.Generator().manual_seed(0)) > 0.5
    links = link_queries(masks, masks[:, order])
    assert [order[link] for link in links] == list(range(6))
