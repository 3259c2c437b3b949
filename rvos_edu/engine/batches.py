"""Which clips each process sees in which step, and the loader that brings them."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch.utils.data import DataLoader, Dataset

from rvos_edu.data.collate import collate
from rvos_edu.errors import ConfigError, RVOSError
from rvos_edu.structures import VideoBatch, VideoSample


class EpochData(Protocol):
    """Clips whose random choices depend on (seed, epoch, index) only, such as `GroupedClips`."""

    def set_epoch(self, epoch: int) -> None: ...

    def __getitem__(self, index: int) -> list[VideoSample]: ...


@dataclass(frozen=True)
class BatchPlan:
    """The order of all batches of a run, known from the start.

    Every step uses `batch_size * accumulate * processes` clips, in the order of one shuffle per epoch;
    the remainder of an epoch is left out (the next shuffle brings other clips). How many processes
    share the work does not change which clips a step sees, only who sees them.

    Args:
        clips: indices of the clips to draw from.
        batch_size: clips per process and micro-batch.
        accumulate: micro-batches per step.
        processes: number of processes.
        seed: shuffles depend on (seed, epoch) only.

    Raises:
        ConfigError: if the clips do not fill one step.
    """

    clips: list[int]
    batch_size: int
    accumulate: int
    processes: int
    seed: int

    def __post_init__(self) -> None:
        if len(self.clips) < self.clips_per_step:
            raise ConfigError(
                f"one step needs {self.clips_per_step} clips (train.batch_size {self.batch_size} x "
                f"train.accumulate {self.accumulate} x {self.processes} processes), "
                f"but the training data has {len(self.clips)}"
            )

    @property
    def clips_per_step(self) -> int:
        """Clips that one step sees, over all processes."""
        return self.batch_size * self.accumulate * self.processes

    @property
    def steps_per_epoch(self) -> int:
        """Steps in one pass over the clips."""
        return len(self.clips) // self.clips_per_step

    def micro_batches(self, steps: range, rank: int) -> Iterator[list[tuple[int, int]]]:
        """(epoch, clip) pairs of process `rank`: `accumulate` lists for each of the `steps`."""
        shuffled, of_epoch = list(self.clips), -1
        for step in steps:
            epoch, position = divmod(step, self.steps_per_epoch)
            if epoch != of_epoch:
                shuffled, of_epoch = list(self.clips), epoch
                random.Random(f"{self.seed} epoch {epoch}").shuffle(shuffled)
            for micro in range(self.accumulate):
                start = position * self.clips_per_step + (micro * self.processes + rank) * self.batch_size
                yield [(epoch, clip) for clip in shuffled[start : start + self.batch_size]]


def load_batches(
    data: EpochData, plan: BatchPlan, *, steps: range, rank: int, workers: int
) -> Iterator[VideoBatch]:
    """The batches of all `steps`, `plan.accumulate` per step; worker processes live across epochs.

    Raises:
        DataError: as `data` raises it, also from a worker process.
    """
    loader: DataLoader[VideoBatch | RVOSError] = DataLoader(
        _ByEpoch(data),  # type: ignore[arg-type]  # its items become batches in `collate`
        batch_sampler=_MicroBatches(plan, steps, rank),  # type: ignore[arg-type]  # any iterable of lists will do
        num_workers=workers,
        collate_fn=_collate,
        worker_init_fn=_leave_signals_to_the_main_process,
        generator=torch.Generator().manual_seed(plan.seed),  # else it draws from dropout's generator
    )
    for batch in loader:
        if isinstance(batch, RVOSError):
            raise batch
        yield batch


@dataclass(frozen=True)
class _MicroBatches:
    plan: BatchPlan
    steps: range
    rank: int

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        return self.plan.micro_batches(self.steps, self.rank)


class _ByEpoch(Dataset[list[VideoSample] | RVOSError]):
    """The index carries the epoch, so that workers need not be told when a new one begins.

    Errors of users are returned: raised in a worker, they would arrive with a traceback as their message.
    """

    def __init__(self, data: EpochData) -> None:
        self.data = data

    def __getitem__(self, key: tuple[int, int]) -> list[VideoSample] | RVOSError:
        epoch, index = key
        self.data.set_epoch(epoch)
        try:
            return self.data[index]
        except RVOSError as error:
            return error


def _collate(clips: list[list[VideoSample] | RVOSError]) -> VideoBatch | RVOSError:
    good: list[list[VideoSample]] = []
    for clip in clips:
        if isinstance(clip, RVOSError):
            return clip
        good.append(clip)
    return collate(good)


def _leave_signals_to_the_main_process(_: int) -> None:
    """Ctrl-C reaches every process of the terminal: workers go on until the last checkpoint is written."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
