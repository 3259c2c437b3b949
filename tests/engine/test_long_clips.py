"""Videos longer than the model's window: evaluation and `segment` give one and the same answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from rvos_edu.data import load
from rvos_edu.engine.inference import load_model, predict
from rvos_edu.engine.segment import segment
from rvos_edu.structures import VideoSample


def long_video(frames: int) -> list[VideoSample]:
    """Clips of one size after each other, with two sentences about the first."""
    data = load("moving-shapes", split="test", level="2", train_videos=0)
    first, *others = data.load_clip(0)
    pieces = [s.frames for clip in range(frames // 8 + 1) for s in data.load_clip(clip)[:1]]
    joined = np.concatenate([piece.numpy() for piece in pieces])[:frames]
    names = tuple(f"{t:05d}" for t in range(frames))
    return [
        replace(
            s, frames=torch.from_numpy(joined), target=None, annotated=tuple(range(frames)), frame_names=names
        )
        for s in (first, others[0])
    ]


@pytest.mark.parametrize("name", ["nano-mttr", "nano-r2vos"])
@pytest.mark.parametrize("frames", [21, 8])
def test_as_segment_answers(name: str, frames: int) -> None:
    model, config = load_model(name)
    config = replace(config, inference=replace(config.inference, max_frames=8, overlap=3))
    samples = long_video(frames)
    [found] = predict(model, [samples], config=config)
    for sample, prediction in zip(samples, found, strict=True):
        pictures = sample.frames.permute(0, 2, 3, 1).numpy()
        wanted = segment(model, pictures, sample.expression, config=config, align_filter=_filter(name))
        assert prediction.query == wanted.query
        assert prediction.probabilities == pytest.approx(wanted.probabilities, abs=1e-5)
        assert (prediction.voted != wanted.masks).mean() < 1e-4
        assert prediction.mismatch == pytest.approx(wanted.mismatch, abs=1e-5)
        assert prediction.mask_logits.shape[0] == frames


def _filter(name: str) -> bool | None:
    """Predictions come without the filter."""
    return False if name == "nano-r2vos" else None
