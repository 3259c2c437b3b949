"""Clips with a few of their sentences."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from rvos_edu.config import DataConfig
from rvos_edu.data import GroupedClips, VideoDataset, collate, train_transform
from tests.fixtures import LONG, edit_expressions

CONFIG = DataConfig(short_side=16, max_side=32)


@pytest.fixture
def many(tree: Path) -> VideoDataset:
    """Twenty sentences about the long video."""
    left = {str(i): {"exp": f"number {i} on the left", "obj_id": "1"} for i in range(20)}
    edit_expressions(tree, "train", lambda videos: videos[LONG].update(expressions=left))
    return VideoDataset(tree, split="train", window=4)


def ids(samples: list) -> list[str]:
    return [sample.expression_id for sample in samples]


def test_draws_without_replacement_and_shares(many: VideoDataset) -> None:
    grouped = GroupedClips(many, expressions_per_clip=4, transform=train_transform(CONFIG), seed=0)
    assert len(grouped) == len(many.clips) == 4
    samples = grouped[0]
    assert len(samples) == len(set(ids(samples))) == 4
    assert all(s.frames is samples[0].frames for s in samples)
    assert len({s.expression.split()[-1] for s in samples}) == 1  # one flip for all
    assert len(grouped[3]) == 1  # the clip has one sentence


def test_draws_depend_on_seed_epoch_and_index_only(many: VideoDataset) -> None:
    def draws(seed: int, epoch: int) -> list[list[str]]:
        grouped = GroupedClips(many, expressions_per_clip=4, transform=train_transform(CONFIG), seed=seed)
        grouped.set_epoch(epoch)
        grouped[2]  # what was drawn before does not matter
        return [[s.expression for s in grouped[i]] for i in range(3)]

    assert draws(0, 0) == draws(0, 0)
    assert draws(0, 0) != draws(0, 1) and draws(0, 0) != draws(1, 0)
    assert draws(0, 0)[0] != draws(0, 0)[1]


def test_flips_and_sentences_vary_over_epochs(many: VideoDataset) -> None:
    grouped = GroupedClips(many, expressions_per_clip=1, transform=train_transform(CONFIG), seed=0)
    seen = []
    for epoch in range(40):
        grouped.set_epoch(epoch)
        seen.append(grouped[0][0].expression)
    assert 10 < sum("left" in text for text in seen) < 30
    assert len({text.split()[1] for text in seen}) > 10


def test_without_transform_the_stored_frames_come(many: VideoDataset) -> None:
    grouped = GroupedClips(many, expressions_per_clip=99, transform=None, seed=0)
    assert grouped[0][0].frames.dtype == torch.uint8 and len(grouped[0]) == 20
    assert ids(grouped[0]) == [str(i) for i in range(20)]
    with pytest.raises(ValueError, match="at least 1, got 0"):
        GroupedClips(many, expressions_per_clip=0, transform=None, seed=0)


def test_workers_bring_the_same_batches(many: VideoDataset) -> None:
    grouped = GroupedClips(many, expressions_per_clip=2, transform=train_transform(CONFIG), seed=0)
    alone, helped = (
        list(DataLoader(grouped, batch_size=4, num_workers=workers, collate_fn=collate))  # type: ignore[arg-type]
        for workers in (0, 1)
    )
    assert len(alone) == len(helped) == 1
    assert torch.equal(alone[0].frames, helped[0].frames) and torch.equal(alone[0].padding, helped[0].padding)
    assert alone[0].expressions == helped[0].expressions and alone[0].clips.tolist() == [0, 0, 1, 1, 2, 2, 3]
    assert all(
        torch.equal(a.masks, b.masks) for a, b in zip(alone[0].targets, helped[0].targets, strict=True)
    )


@pytest.mark.parametrize("together, parts", [(1, 20), (3, 7), (20, 1), (99, 1)])
def test_an_epoch_with_every_expression(many: VideoDataset, together: int, parts: int) -> None:
    """Each sentence of each window once; which stand together changes from epoch to epoch."""
    grouped = GroupedClips(many, expressions_per_clip=together, transform=None, seed=0, every_expression=True)
    assert len(grouped) == 3 * parts + 1  # three windows with twenty sentences, one with one
    epochs = []
    for epoch in range(2):
        grouped.set_epoch(epoch)
        items = [i for i in range(len(grouped)) if grouped.clip_of(i) == 1]
        assert len(items) == parts
        groups = [ids(grouped[i]) for i in items]
        assert sorted(sum(groups, []), key=int) == [str(i) for i in range(20)]
        assert max(map(len, groups)) <= together
        epochs.append(groups)
    assert (epochs[0] == epochs[1]) == (parts == 1)
