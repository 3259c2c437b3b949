"""Clips with a few of their sentences: the frames pass through the temporal encoder once for all of them."""

from __future__ import annotations

import random

from torch.utils.data import Dataset

from rvos_edu.data.dataset import ClipDataset
from rvos_edu.data.transforms import Transform
from rvos_edu.structures import VideoSample


class GroupedClips(Dataset[list[VideoSample]]):
    """One item per clip: up to `expressions_per_clip` of its sentences, drawn without replacement.

    All samples of an item share frames and the random flip. What is drawn depends on (seed, epoch, index)
    only, never on the process or worker that draws.

    Args:
        dataset: clips and sentences; its own `transform` is not used.
        expressions_per_clip: the most sentences per clip, >= 1.
        transform: applied to the samples of a clip together.
        seed: of the draws.
    """

    def __init__(
        self,
        dataset: ClipDataset,
        *,
        expressions_per_clip: int,
        transform: Transform | None,
        seed: int,
    ) -> None:
        if expressions_per_clip < 1:
            raise ValueError(f"expressions_per_clip must be at least 1, got {expressions_per_clip}")
        self.dataset, self.expressions_per_clip = dataset, expressions_per_clip
        self.transform, self.seed, self.epoch = transform, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the draws of another epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.dataset.clips)

    def __getitem__(self, index: int) -> list[VideoSample]:
        rng = random.Random(f"{self.seed}-{self.epoch}-{index}")
        samples = self.dataset.load_clip(index)
        chosen = sorted(rng.sample(range(len(samples)), min(self.expressions_per_clip, len(samples))))
        samples = [samples[i] for i in chosen]
        return samples if self.transform is None else self.transform.group(samples, rng)
