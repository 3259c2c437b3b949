"""Long videos: overlapping windows whose query sequences are linked by mask IoU.

The rule. A video of at most `length` frames is one window. A longer one is cut into windows of exactly
`length` frames that share `overlap` frames with the window before; the last window ends with the video
and so may share more. Query q of one window continues as the query of the next window that a Hungarian
assignment on the N x N mask IoUs over all shared frames gives it; equal IoUs (two empty sequences, say)
keep the same learned query. Of the shared frames, the first half is taken from the earlier window, the
rest from the later one. A linked sequence is named by its query in the first window, and one vote over
the whole linked sequences decides (TSVS, MTTR section 3.7).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

Item = TypeVar("Item")
SAME_QUERY = 1e-4  # added to the IoU of equal queries: decides between sequences that fit equally well


@dataclass(frozen=True)
class Window(Generic[Item]):
    """Frames start .. start + len(frames) - 1, of which the first `shared` were in the window before."""

    start: int
    frames: list[Item]
    shared: int

    @property
    def skipped(self) -> int:
        """How many of the shared frames are taken from the window before."""
        return self.shared // 2


def windows(frames: Iterable[Item], *, length: int, overlap: int) -> Iterator[Window[Item]]:
    """Cut a stream into overlapping windows, holding `length` frames and what is read ahead only.

    Raises:
        ValueError: unless 0 <= overlap < length.
    """
    if not 0 <= overlap < length:
        raise ValueError(f"overlap must be in 0..{length - 1} (the window's length less one), got {overlap}")
    stream = iter(frames)
    held = list(islice(stream, length))
    start = shared = 0
    while held:
        yield Window(start, held, shared)
        fresh = list(islice(stream, length - overlap))
        if not fresh:
            return
        start += len(fresh)
        shared = length - len(fresh)
        held = held[len(held) - shared :] + fresh


def link_queries(earlier: Tensor, later: Tensor) -> np.ndarray:
    """Which query of the later window continues each query of the earlier one.

    Args:
        earlier, later: bool [O, N, h, w], the masks of both windows in the frames they share.

    Returns:
        int64 [N], a permutation.
    """
    iou = sequence_iou(earlier, later) + SAME_QUERY * np.eye(earlier.shape[1])
    return linear_sum_assignment(iou, maximize=True)[1]


def sequence_iou(first: Tensor, second: Tensor) -> np.ndarray:
    """IoU of every pair of sequences, bool [O, N, h, w] and [O, M, h, w] -> [N, M]; 0 if both are empty."""
    a = first.transpose(0, 1).flatten(1).float()
    b = second.transpose(0, 1).flatten(1).float()
    both = a @ b.T
    either = a.sum(1)[:, None] + b.sum(1)[None] - both
    return torch.where(either > 0, both / either.clamp(min=1), 0.0).double().cpu().numpy()
