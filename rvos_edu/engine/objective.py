"""What a training step minimises, for each model: the forward pass of a batch and its losses by name."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from dataclasses import asdict, astuple
from typing import ClassVar

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from rvos_edu.config import AnyExperiment, ExperimentConfig, R2VOSExperimentConfig
from rvos_edu.data import GroupedClips, known_truth
from rvos_edu.engine.negatives import NegativeCounts, Negatives, choose_negatives
from rvos_edu.errors import DataError
from rvos_edu.models import MTTRCriterion, R2VOSCriterion
from rvos_edu.structures import Target, VideoBatch


class Objective(ABC):
    """A loss of a batch; `terms` names its values, "loss" first."""

    terms: ClassVar[tuple[str, ...]]

    @abstractmethod
    def __call__(self, network: nn.Module, batch: VideoBatch, number: int) -> Tensor:
        """Values of `terms`, [number of terms], the first with a gradient; `number` counts micro-batches."""


def build_objective(config: AnyExperiment, accelerator: Accelerator, data: GroupedClips) -> Objective:
    """The objective of a configuration's architecture."""
    if isinstance(config, ExperimentConfig):
        return _MTTRObjective(config, accelerator)
    return _R2VOSObjective(config, accelerator, data)


class _MTTRObjective(Objective):
    terms = ("loss", "dice", "focal", "reference")

    def __init__(self, config: ExperimentConfig, accelerator: Accelerator) -> None:
        self.split, self.accelerator = config.data.train_split, accelerator
        self.criterion = MTTRCriterion(**asdict(config.loss))

    def __call__(self, network: nn.Module, batch: VideoBatch, number: int) -> Tensor:
        targets = _targets(batch, self.split)
        with self.accelerator.autocast():
            out = network(batch.frames, batch.expressions, batch.padding, batch.annotated, clips=batch.clips)
        losses = self.criterion(out, targets)  # in float32
        # Of the last layer; only the total sums over layers.
        return torch.stack([losses.total, losses.dice[-1], losses.focal[-1], losses.reference[-1]])


class _R2VOSObjective(Objective):
    layered = ("dice", "focal", "cls", "l1", "giou")
    single = ("distance", "angle", "pointwise", "align")
    terms = (
        "loss",
        *layered,
        *single,
        "negatives",
        "negatives_same_video",
        "negatives_true",
        "negatives_missing",
    )

    def __init__(self, config: R2VOSExperimentConfig, accelerator: Accelerator, data: GroupedClips) -> None:
        self.per_clip = config.data.negatives_per_clip
        self.seed, self.split, self.accelerator = config.train.seed, config.data.train_split, accelerator
        self.criterion = R2VOSCriterion(**asdict(config.loss))
        self.truth = known_truth(config.data.name, data.dataset.root, self.split)

    def __call__(self, network: nn.Module, batch: VideoBatch, number: int) -> Tensor:
        targets = _targets(batch, self.split)
        wrong = self._negatives(batch, number)
        asked: dict[str, object] = {"clips": batch.clips}
        if wrong is not None:
            asked |= {"negatives": wrong.expressions, "negative_clips": wrong.clips}
        with self.accelerator.autocast():
            out = network(batch.frames, batch.expressions, batch.padding, batch.annotated, **asked)
        losses = self.criterion(out, targets)  # in float32
        counts = NegativeCounts() if wrong is None else wrong.counts
        return torch.stack(
            [
                losses.total,
                *(getattr(losses, name)[-1] for name in self.layered),
                *(getattr(losses, name) for name in self.single),
                *(losses.total.new_tensor(float(count)) for count in astuple(counts)),
            ]
        )

    def _negatives(self, batch: VideoBatch, number: int) -> Negatives | None:
        """Sentences of other videos, drawn anew in each micro-batch, the same after a resume."""
        if self.per_clip == 0:
            return None
        rng = random.Random(f"{self.seed} negatives {number}")
        return choose_negatives(
            batch, rng=rng, truth=self.truth, accelerator=self.accelerator, per_clip=self.per_clip
        )


def _targets(batch: VideoBatch, split: str) -> list[Target]:
    if batch.targets is None:
        raise DataError(f"split {split!r} has no masks to learn from")
    return batch.targets
