"""A true and a false sentence per clip, judged; which clip is shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rvos_edu.config import R2VOSExperimentConfig
from rvos_edu.data import load
from rvos_edu.engine.false_sentence import JudgedClip, clearest, judge_clips
from rvos_edu.engine.inference import predict
from rvos_edu.errors import DataError
from tests.engine.conftest import write_tree
from tests.engine.oracle import samples
from tests.tiny import tiny_r2vos

CONFIG = R2VOSExperimentConfig()
CONFIG.data.short_side, CONFIG.data.max_side = 32, 48
[SAMPLE] = samples("clip", [[0, 1]], [("object one", 0, None, None)])


def clip(j: float, *, kept: bool, rejected: bool) -> JudgedClip:
    return JudgedClip(SAMPLE, SAMPLE, j, kept, rejected)


def test_shown_is_the_best_mask_among_those_judged_rightly() -> None:
    right, better = clip(0.6, kept=True, rejected=True), clip(0.7, kept=True, rejected=True)
    wrong = clip(0.9, kept=True, rejected=False)
    assert clearest([right, better, wrong]) is better
    assert clearest([clip(0.5, kept=False, rejected=False), wrong]) is wrong
    with pytest.raises(DataError, match="no clip with a true and a false sentence"):
        clearest([])


def test_every_clip_is_asked_a_sentence_of_its_own_and_one_of_another_video(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "data", {"test": 3})
    dataset, model = load("refer-youtube-vos", split="test", root=str(root)), tiny_r2vos()
    found = judge_clips(model, dataset, config=CONFIG)
    assert [judged.true.video for judged in found] == [f"test{v:03d}" for v in range(3)]
    for judged in found:
        assert judged.false.video == judged.true.video  # the video that is asked
        assert judged.false.expression_id.split("-")[0] != judged.true.video  # whose sentence it is
        np.testing.assert_array_equal(judged.false.frames, judged.true.frames)
        [[right, wrong]] = predict(model, [[judged.true, judged.false]], config=CONFIG)
        assert right.mismatch is not None and wrong.mismatch is not None
        assert (judged.kept, judged.rejected) == (right.mismatch < 0.5, wrong.mismatch >= 0.5)
    assert [judged.true.video for judged in judge_clips(model, dataset, config=CONFIG, limit=2)] == [
        "test000", "test001",
    ]  # fmt: skip
    everything = R2VOSExperimentConfig(data=CONFIG.data)
    everything.inference.align_threshold = 0.0
    assert not any(judged.kept for judged in judge_clips(model, dataset, config=everything))
