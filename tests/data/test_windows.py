"""Windows cover every frame, each exactly as long as asked."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rvos_edu.data.windows import centre_indices, window_indices, window_starts


@pytest.mark.parametrize(
    ("length", "window", "starts"),
    [
        (24, 12, [0, 12]),
        (27, 12, [0, 12, 15]),  # the short rest becomes the last 12 frames
        (13, 12, [0, 1]),
        (12, 12, [0]),
        (5, 12, [0]),
        (1, 1, [0]),
        (7, None, [0]),
    ],
)
def test_starts(length: int, window: int | None, starts: list[int]) -> None:
    assert window_starts(length, window) == starts


def test_indices() -> None:
    assert window_indices(15, 27, 12) == tuple(range(15, 27))
    assert window_indices(0, 3, 5) == (0, 1, 2, 2, 2)  # the last frame is repeated
    assert window_indices(0, 3, None) == (0, 1, 2)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 60), st.integers(1, 20))
def test_every_frame_is_covered_and_only_the_last_window_overlaps(length: int, window: int) -> None:
    starts = window_starts(length, window)
    windows = [window_indices(start, length, window) for start in starts]
    assert all(len(indices) == window for indices in windows)
    assert {i for indices in windows for i in indices} == set(range(length))
    assert all(b - a == window for a, b in zip(starts[:-1], starts[1:-1], strict=False))


@pytest.mark.parametrize(("length", "window"), [(0, 4), (4, 0), (-1, None)])
def test_impossible_numbers(length: int, window: int | None) -> None:
    with pytest.raises(ValueError, match=f"got {length} and {window}"):
        window_starts(length, window)


@pytest.mark.parametrize(
    ("centre", "window", "indices"),
    [
        (4, 1, (4,)),
        (4, 4, (2, 3, 4, 5)),
        (4, 5, (2, 3, 4, 5, 6)),
        (0, 4, (0, 0, 0, 1)),
        (9, 5, (7, 8, 9, 9, 9)),
        (1, 24, (*[0] * 11, *range(10), 9, 9, 9)),
    ],
)
def test_windows_around_a_frame(centre: int, window: int, indices: tuple[int, ...]) -> None:
    """Ten frames; the centre is always at place window // 2, as the published loader has it."""
    assert centre_indices(centre, 10, window) == indices
    assert len(indices) == window and indices[window // 2] == centre
