"""Cut a video into training windows (MTTR, section 4 and published code)."""

from __future__ import annotations


def window_starts(length: int, window: int | None) -> list[int]:
    """First frame of each window: consecutive, not overlapping, a short rest replaced by the last frames.

    Args:
        length: frames of the video, >= 1.
        window: frames of a window, >= 1; None: the whole video is one window.

    Raises:
        ValueError: if a number is smaller than 1.
    """
    _check(length, window)
    if window is None or length <= window:
        return [0]
    starts = list(range(0, length - window + 1, window))
    return starts if length % window == 0 else [*starts, length - window]


def window_indices(start: int, length: int, window: int | None) -> tuple[int, ...]:
    """The frames of the window at `start`; a video shorter than the window repeats its last frame."""
    _check(length, window)
    return tuple(min(i, length - 1) for i in range(start, start + (length if window is None else window)))


def centre_indices(centre: int, length: int, window: int) -> tuple[int, ...]:
    """The frames of the window around one frame, which has place window // 2; edge frames are repeated.

    Args:
        centre: index of the frame.
        length: frames of the video, >= 1.
        window: frames of the window, >= 1.
    """
    _check(length, window)
    first = centre - window // 2
    return tuple(min(max(i, 0), length - 1) for i in range(first, first + window))


def _check(length: int, window: int | None) -> None:
    if length < 1 or (window is not None and window < 1):
        raise ValueError(f"a window needs length >= 1 and window >= 1, got {length} and {window}")
