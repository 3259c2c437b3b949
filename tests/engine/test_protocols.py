"""Shuffled frames and swapped sentences."""

from __future__ import annotations

import torch

from rvos_edu.engine.protocols import other_sentence, shuffle_frames_of
from rvos_edu.structures import Target, VideoSample

FRAMES = torch.arange(5, dtype=torch.uint8).view(5, 1, 1, 1).expand(5, 3, 2, 2).contiguous()


def sample(referred: int = 0, annotated: tuple[int, ...] = (0, 1, 2, 3, 4)) -> VideoSample:
    masks = torch.zeros(2, len(annotated), 5, 1, dtype=torch.bool)
    for place, frame in enumerate(annotated):
        masks[:, place, frame] = True  # the row tells which frame a mask is of
    return VideoSample(
        frames=FRAMES,
        expression="a red circle",
        target=Target(masks, referred),
        annotated=annotated,
        video="clip",
        expression_id="0",
        frame_names=tuple("abcde"),
        original_size=(2, 2),
    )


def test_frames_names_and_truth_move_together() -> None:
    samples = shuffle_frames_of([sample(), sample(1)], seed=3)
    order = samples[0].frames[:, 0, 0, 0].tolist()
    assert sorted(order) == [0, 1, 2, 3, 4] != order
    assert samples[0].frames is samples[1].frames
    for shuffled in samples:
        assert shuffled.target is not None
        assert [int(rows.flatten().int().argmax()) for rows in shuffled.target.masks[0]] == order
        assert shuffled.frame_names == tuple("abcde"[i] for i in order)


def test_only_annotated_frames_keep_their_truth() -> None:
    [shuffled] = shuffle_frames_of([sample(annotated=(1, 3))], seed=3)
    order = shuffled.frames[:, 0, 0, 0].tolist()
    assert [order[i] for i in shuffled.annotated] == [o for o in order if o in (1, 3)]
    assert shuffled.target is not None
    rows = [int(m.flatten().int().argmax()) for m in shuffled.target.masks[0]]
    assert rows == [order[i] for i in shuffled.annotated]


def test_the_order_depends_on_the_seed_only() -> None:
    once, again, other = (shuffle_frames_of([sample()], seed=s)[0].frame_names for s in (1, 1, 2))
    assert once == again != other


def test_the_other_sentence_is_about_another_object() -> None:
    samples = [sample(r) for r in (0, 0, 1, 0)]
    partners = other_sentence(samples, seed=0)
    assert partners[:2] == [2, 2] and partners[3] == 2
    assert partners[2] in (0, 1, 3)


def test_one_object_has_no_other_sentence() -> None:
    assert other_sentence([sample(1), sample(1)], seed=0) == [None, None]
