"""Batches of whole Moving Shapes videos with all their sentences, for the tests of negatives."""

from __future__ import annotations

import random
from pathlib import Path

from rvos_edu.config import DataConfig
from rvos_edu.data import RandomFlip, VideoDataset, collate, eval_transform
from rvos_edu.structures import VideoBatch

DATA = DataConfig(short_side=16, max_side=32)


def a_batch(root: str | Path, clips: list[int], *, mirrored: frozenset[int] = frozenset()) -> VideoBatch:
    """The clips of the test split with these numbers; those at the places `mirrored` in a mirror."""
    dataset = VideoDataset(root, split="test")
    groups = []
    for place, clip in enumerate(clips):
        samples = eval_transform(DATA).group(dataset.load_clip(clip), None)
        flip = RandomFlip(float(place in mirrored))
        groups.append(flip.group(samples, random.Random(0)))
    return collate(groups)
