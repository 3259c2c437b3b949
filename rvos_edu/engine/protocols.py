"""Two tests of understanding: frames in random order, and the sentence of another object.

A model that reads motion from the order of frames falls to chance when that order is random; a model
that reads the sentence leaves the first object when it is given the sentence of another one.
"""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import torch

from rvos_edu.structures import VideoSample


def shuffle_frames_of(samples: list[VideoSample], *, seed: int) -> list[VideoSample]:
    """The samples of one clip with its frames in a random order, the truth in the same order.

    The order depends on (seed, video) only, is the same for all samples and never the stored one
    (clips of one frame stay as they are).
    """
    count = len(samples[0].frames)
    order = _frame_order(count, seed=seed, video=samples[0].video)
    index = torch.from_numpy(order)
    frames = samples[0].frames[index]
    return [_reordered(sample, order, frames) for sample in samples]


def other_sentence(samples: list[VideoSample], *, seed: int) -> list[int | None]:
    """For each sample of a clip the index of a sample about another object, None where there is none."""
    referred = [-1 if s.target is None else s.target.referred for s in samples]
    rng = np.random.default_rng([seed, zlib.crc32(samples[0].video.encode())])
    partners: list[int | None] = []
    for mine in referred:
        others = [i for i, other in enumerate(referred) if other != mine]
        partners.append(int(rng.choice(others)) if others else None)
    return partners


def _frame_order(count: int, *, seed: int, video: str) -> np.ndarray:
    rng = np.random.default_rng([seed, zlib.crc32(video.encode())])
    order = rng.permutation(count)
    while count > 1 and np.array_equal(order, np.arange(count)):
        order = rng.permutation(count)
    return order


def _reordered(sample: VideoSample, order: np.ndarray, frames: torch.Tensor) -> VideoSample:
    places = [i for i, old in enumerate(order) if int(old) in sample.annotated]  # ascending new positions
    target = sample.target
    if target is not None:
        described = [sample.annotated.index(int(order[i])) for i in places]
        target = target.keep_frames(torch.tensor(described))
    return replace(
        sample,
        frames=frames,
        target=target,
        annotated=tuple(places),
        frame_names=tuple(sample.frame_names[int(i)] for i in order),
    )
