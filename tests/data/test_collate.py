"""Batches: clips padded to the right and below, sentences that share clips."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from rvos_edu.data import collate
from rvos_edu.structures import Target, VideoSample


def sample(height: int, width: int, value: float, *, frames: int = 2, expression: str = "x") -> VideoSample:
    return VideoSample(
        frames=torch.full((frames, 3, height, width), value),
        expression=expression,
        target=Target(torch.ones(1, frames, height, width, dtype=torch.bool), 0),
        annotated=tuple(range(frames)),
        video=f"v{value}",
        expression_id="0",
        frame_names=tuple(map(str, range(frames))),
        original_size=(height, width),
    )


def test_clips_of_two_sizes() -> None:
    batch = collate([sample(2, 5, 1.0, expression="a"), sample(4, 3, 2.0, expression="b")])
    assert batch.frames.shape == (2, 2, 3, 4, 5) and batch.padding.shape == (2, 4, 5)
    assert (batch.frames[0, :, :, :2] == 1).all() and (batch.frames[0, :, :, 2:] == 0).all()
    assert (batch.frames[1, :, :, :, :3] == 2).all() and (batch.frames[1, :, :, :, 3:] == 0).all()
    assert not batch.padding[0, :2].any() and batch.padding[0, 2:].all()
    assert (~batch.padding).sum((1, 2)).tolist() == [10, 12]
    assert batch.expressions == ["a", "b"] and batch.clips.tolist() == [0, 1]
    assert batch.annotated.tolist() == [0, 1] and batch.annotated.dtype == torch.int64
    assert batch.targets is not None
    assert [t.masks.shape[-2:] for t in batch.targets] == [(2, 5), (4, 3)]


def test_several_sentences_per_clip() -> None:
    one, other = sample(2, 2, 1.0, expression="a"), sample(2, 2, 2.0, expression="c")
    batch = collate([[one, replace(one, expression="b")], [other]])
    assert batch.frames.shape[0] == 2 and batch.clips.tolist() == [0, 0, 1]
    assert batch.expressions == ["a", "b", "c"] and len(batch.samples) == 3
    assert batch.samples[0].frames.shape == (0, 3, 2, 2) and batch.samples[0].size == (2, 2)
    assert batch.samples[0].frames.untyped_storage().size() == 0  # no hidden copy travels with it


def test_without_targets() -> None:
    assert collate([replace(sample(1, 1, 0.0, frames=1), target=None)]).targets is None


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([], "at least one clip"),
        ([[]], "at least one sample per clip"),
        ([sample(2, 2, 1.0), sample(2, 2, 2.0, frames=3)], r"v1\.0 has 2, v2\.0 has 3"),
        ([sample(2, 2, 1.0), replace(sample(2, 2, 2.0), annotated=(1,))], r"has \(0, 1\), v2\.0 has \(1,\)"),
        ([sample(2, 2, 1.0), replace(sample(2, 2, 2.0), target=None)], "have a target or none"),
        ([replace(sample(2, 2, 1.0), frames=torch.zeros(2, 3, 2, 2, dtype=torch.int64))], "torch.int64"),
        (
            [
                sample(2, 2, 1.0),
                replace(sample(2, 2, 2.0), frames=torch.zeros(2, 3, 2, 2, dtype=torch.uint8)),
            ],
            r"v1\.0 has torch.float32, v2\.0 has torch.uint8",
        ),
        ([[sample(2, 2, 1.0), sample(2, 3, 1.0)]], r"those of v1\.0 differ"),
    ],
)
def test_what_does_not_fit_into_a_batch(samples: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        collate(samples)
