"""A true and a false sentence about the same clips: what R2-VOS keeps and what it rejects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rvos_edu.config import R2VOSExperimentConfig
from rvos_edu.data import ClipDataset, PairDataset
from rvos_edu.data.r2_youtube_vos import make_pairs
from rvos_edu.engine.inference import evenly, predict, truth_of
from rvos_edu.errors import DataError
from rvos_edu.metrics import region_similarity
from rvos_edu.models import R2VOS
from rvos_edu.structures import VideoSample


@dataclass(frozen=True)
class JudgedClip:
    """One clip with a sentence that fits it and one that does not.

    Args:
        true, false: the samples; they share their frames.
        j: region similarity of the true one, without the filter.
        kept, rejected: whether the true sentence was kept and the false one rejected.
    """

    true: VideoSample
    false: VideoSample
    j: float
    kept: bool
    rejected: bool


def judge_clips(
    model: R2VOS, dataset: ClipDataset, *, config: R2VOSExperimentConfig, limit: int | None = None
) -> list[JudgedClip]:
    """Ask about `limit` clips, taken evenly, their first sentence and one of another video.

    Args:
        model: in evaluation mode.
        dataset: whole clips with masks; Moving Shapes, where the false sentences are proven to be false, or
            the layout of Refer-YouTube-VOS.
        config: how frames are resized, and from which probability on a sentence is rejected.
        limit: number of clips; None: all.

    Raises:
        DataError: if there are fewer than two videos, or no masks.
    """
    pairs = PairDataset(dataset.root, make_pairs(dataset.root, dataset.split))
    asked = {key.video: clip for clip, key in enumerate(pairs.clips)}
    known = [clip for clip, key in enumerate(dataset.clips) if key.video in asked]
    threshold = config.inference.align_threshold
    judged = []
    for place in evenly(len(known), limit):
        clip = known[place]
        true = dataset.load_clip(clip)[0]
        false = pairs.load_clip(asked[dataset.clips[clip].video])[0]
        [[right, wrong]] = predict(model, [[true, false]], config=config)
        masks, referred, _ = truth_of(true)
        assert right.mismatch is not None and wrong.mismatch is not None
        judged.append(
            JudgedClip(
                true=true,
                false=false,
                j=float(np.mean(region_similarity(right.voted, masks[referred]))),
                kept=right.mismatch < threshold,
                rejected=wrong.mismatch >= threshold,
            )
        )
    return judged


def clearest(clips: list[JudgedClip]) -> JudgedClip:
    """The clip that was segmented best among those of which both sentences were judged rightly, if any.

    Raises:
        DataError: if there is no clip.
    """
    if not clips:
        raise DataError("there is no clip with a true and a false sentence: the dataset is empty")
    return max(clips, key=lambda clip: (clip.kept + clip.rejected, clip.j))
