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
        expressions_per_clip: the most sentences per item, >= 1.
        transform: applied to the samples of an item together.
        seed: of the draws.
        every_expression: a clip gives as many items as it takes to show each of its sentences once per epoch,
            as both papers count epochs; which sentences stand together changes from epoch to epoch.
    """

    def __init__(
        self,
        dataset: ClipDataset,
        *,
        expressions_per_clip: int,
        transform: Transform | None,
        seed: int,
        every_expression: bool = False,
    ) -> None:
        if expressions_per_clip < 1:
            raise ValueError(f"expressions_per_clip must be at least 1, got {expressions_per_clip}")
        self.dataset, self.expressions_per_clip = dataset, expressions_per_clip
        self.transform, self.seed, self.epoch = transform, seed, 0
        self._groups = [
            (clip, group if every_expression else None)
            for clip in range(len(dataset.clips))
            for group in range(self._parts(clip) if every_expression else 1)
        ]

    def _parts(self, clip: int) -> int:
        return -(-len(self.dataset.samples_of(clip)) // self.expressions_per_clip)

    def set_epoch(self, epoch: int) -> None:
        """Choose the draws of another epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self._groups)

    def clip_of(self, index: int) -> int:
        """Number of the clip that an item shows."""
        return self._groups[index][0]

    def __getitem__(self, index: int) -> list[VideoSample]:
        clip, group = self._groups[index]
        rng = random.Random(f"{self.seed}-{self.epoch}-{index}")
        sentences = range(len(self.dataset.samples_of(clip)))
        if group is None:
            chosen = rng.sample(sentences, min(self.expressions_per_clip, len(sentences)))
        else:
            order = random.Random(f"{self.seed}-{self.epoch}-sentences of {clip}")
            mixed = order.sample(sentences, len(sentences))
            chosen = mixed[group * self.expressions_per_clip :][: self.expressions_per_clip]
        samples = self.dataset.load_places(clip, sorted(chosen))
        return samples if self.transform is None else self.transform.group(samples, rng)
