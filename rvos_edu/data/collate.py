"""Put clips of different sizes into one batch: zeros to the right and below, marked as padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import torch

from rvos_edu.structures import Target, VideoBatch, VideoSample


def collate(samples: Sequence[VideoSample] | Sequence[Sequence[VideoSample]]) -> VideoBatch:
    """A batch of clips with one sentence each, or with a list of sentences per clip (same frames).

    Frames are normalised, or all uint8 (to be normalised as a batch, see `normalise_batch`). Targets keep the
    size of their own clip. The batch's samples carry no frames: [0, 3, H, W].

    Raises:
        ValueError: if there is no sample, or clips differ in length, in annotated frames, in having targets
            or in the type of their frames.
    """
    groups = [[s] if isinstance(s, VideoSample) else list(s) for s in samples]
    if not groups or not all(groups):
        raise ValueError("collate needs at least one clip, and at least one sample per clip")
    flat = [sample for group in groups for sample in group]
    _check(groups, flat)
    clips = [group[0].frames for group in groups]
    height, width = (max(int(clip.shape[d]) for clip in clips) for d in (-2, -1))
    frames = clips[0].new_zeros(len(clips), len(clips[0]), 3, height, width)  # [B, T, 3, H, W]
    padding = torch.ones(len(clips), height, width, dtype=torch.bool)
    for b, clip in enumerate(clips):
        h, w = clip.shape[-2:]
        frames[b, :, :, :h, :w] = clip
        padding[b, :h, :w] = False
    targets = None if flat[0].target is None else [cast(Target, sample.target) for sample in flat]
    return VideoBatch(
        frames=frames,
        padding=padding,
        expressions=[sample.expression for sample in flat],
        clips=torch.tensor([b for b, group in enumerate(groups) for _ in group]),
        annotated=torch.tensor(flat[0].annotated, dtype=torch.int64),
        targets=targets,
        samples=[replace(s, frames=s.frames.new_empty((0, *s.frames.shape[1:]))) for s in flat],
    )


def _check(groups: list[list[VideoSample]], flat: list[VideoSample]) -> None:
    first = flat[0]
    for sample in flat:
        if sample.frames.dtype not in (torch.float32, torch.uint8):
            raise ValueError(f"collate needs normalised float32 or uint8 frames, got {sample.frames.dtype}")
        if sample.frames.dtype != first.frames.dtype:
            raise ValueError(
                f"frames of one batch must be of one type: {first.video} has {first.frames.dtype}, "
                f"{sample.video} has {sample.frames.dtype}"
            )
        if len(sample.frames) != len(first.frames):
            raise ValueError(
                f"clips of one batch must have equally many frames: {first.video} has {len(first.frames)}, "
                f"{sample.video} has {len(sample.frames)}; use a window, or a batch of one clip"
            )
        if sample.annotated != first.annotated:
            raise ValueError(
                f"clips of one batch must have the same annotated frames: {first.video} has "
                f"{first.annotated}, {sample.video} has {sample.annotated}"
            )
        if (sample.target is None) != (first.target is None):
            raise ValueError("either all samples of a batch have a target or none has")
    for group in groups:
        if any(sample.frames.shape != group[0].frames.shape for sample in group):
            raise ValueError(f"samples of one clip must share its frames, those of {group[0].video} differ")
