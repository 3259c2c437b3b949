"""Flip, resize and normalise; mirrored videos need mirrored words."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rvos_edu.config import DataConfig
from rvos_edu.data import (
    Compose,
    Normalise,
    RandomFlip,
    Resize,
    collate,
    eval_transform,
    normalise_batch,
    swap_directions,
    train_transform,
)
from rvos_edu.data.transforms import ResizeStored
from rvos_edu.structures import Target, VideoSample


def sample(height: int = 4, width: int = 6, frames: int = 2, expression: str = "on the left") -> VideoSample:
    """Frames count up from 0; instance 1 covers the left column of the first frame."""
    values = torch.arange(frames * 3 * height * width) % 256
    masks = torch.zeros(2, frames, height, width, dtype=torch.bool)
    masks[1, 0, :, 0] = True
    return VideoSample(
        frames=values.to(torch.uint8).view(frames, 3, height, width),
        expression=expression,
        target=Target(masks, 1),
        annotated=tuple(range(frames)),
        video="v",
        expression_id="0",
        frame_names=tuple(map(str, range(frames))),
        original_size=(height, width),
        raw_expression=expression,
    )


@pytest.mark.parametrize(
    ("text", "mirrored"),
    [
        ("a bright man on the left", "a bright man on the right"),
        ("left of the right one", "right of the left one"),
        ("the leftmost and the rightmost dog", "the rightmost and the leftmost dog"),
        ("moving leftwards, then rightward", "moving rightwards, then leftward"),
        ("on the left-hand side, upper-right", "on the right-hand side, upper-left"),
        ("on the lefthand side", "on the righthand side"),
        ("Left LEFT left, John's Right.", "Right RIGHT right, John's Left."),
        (
            "an upright copyright of leftovers, brightest, lefty",
            "an upright copyright of leftovers, brightest, lefty",
        ),
        ("no direction", "no direction"),
        ("", ""),
    ],
)
def test_swap_directions(text: str, mirrored: str) -> None:
    assert swap_directions(text) == mirrored
    assert swap_directions(mirrored) == text


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.sampled_from(["left", "right", "leftmost", "rightwards", "bright", "a", "left-hand", ",", "Right"])
    )
)
def test_swapping_twice_changes_nothing(words: list[str]) -> None:
    assert swap_directions(swap_directions(" ".join(words))) == " ".join(words)


def test_flip_mirrors_frames_masks_and_words() -> None:
    before = sample()
    after = RandomFlip(1.0)(before, random.Random(0))
    assert after.target is not None and before.target is not None
    assert torch.equal(after.frames, before.frames.flip(-1))
    assert torch.equal(after.target.masks, before.target.masks.flip(-1))
    assert after.target.masks[1, 0, :, -1].all() and after.target.referred == 1
    assert (after.expression, after.raw_expression) == ("on the right", "on the left")
    assert RandomFlip(0.0)(before, random.Random(0)) is before


def test_flip_happens_as_often_as_asked() -> None:
    rng = random.Random(0)
    flips = sum(RandomFlip(0.5)(sample(), rng).expression == "on the right" for _ in range(400))
    assert 160 < flips < 240
    with pytest.raises(ValueError, match=r"0\.\.1, got 1\.5"):
        RandomFlip(1.5)
    with pytest.raises(ValueError, match="random"):
        RandomFlip(0.5)(sample())


def test_a_group_shares_frames_masks_and_the_flip() -> None:
    one = sample(40, 60)
    assert one.target is not None
    group = [
        one,
        replace(one, expression="right", target=Target(one.target.masks, 0)),
        replace(one, target=None),
    ]
    changed = train_transform(DataConfig(short_side=20, max_side=40, flip=1.0)).group(group, random.Random(0))
    assert changed[0].frames is changed[1].frames is changed[2].frames
    assert changed[0].target is not None and changed[1].target is not None and changed[2].target is None
    assert changed[0].target.masks is changed[1].target.masks
    assert [s.expression for s in changed] == ["on the right", "left", "on the right"]
    assert changed[0].size == (20, 30) and changed[0].frames.dtype == torch.uint8


@pytest.mark.parametrize(
    ("size", "short", "longest", "expected"),
    [
        ((720, 1280), 360, 640, (360, 640)),
        ((1280, 720), 360, 640, (640, 360)),
        ((480, 854), 360, 640, (360, 640)),
        ((360, 1000), 360, 640, (230, 638)),  # the long side decides; DETR's integer arithmetic
        ((80, 112), 80, 112, (80, 112)),
        ((1, 1), 360, 640, (360, 360)),
        ((33, 57), 66, 640, (66, 114)),
        ((1, 5000), 8, 64, (1, 64)),
        ((5000, 1), 8, 64, (64, 1)),
    ],
)
def test_size(size: tuple[int, int], short: int, longest: int, expected: tuple[int, int]) -> None:
    assert Resize(short, longest).size(*size) == expected


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 2000), st.integers(1, 2000))
def test_no_side_exceeds_the_longest(height: int, width: int) -> None:
    size = Resize(36, 64).size(height, width)
    assert 1 <= min(size) <= 36 and max(size) <= 64


@settings(deadline=None, max_examples=300)
@given(st.integers(1, 500), st.integers(0, 700), st.integers(1, 1100), st.integers(1, 2000))
@example(360, 280, 720, 1282)
@example(360, 280, 359, 639)
@example(360, 280, 360, 1000)
def test_stored_frames_get_the_size_of_training_once(short: int, more: int, height: int, width: int) -> None:
    resize = ResizeStored(short, short + more)
    stored = resize.stored(height, width)
    assert resize.size(*stored) == Resize(short, short + more).size(height, width)
    assert stored in ((height, width), resize.size(*stored))


def test_resize_does_not_come_back_to_all_of_its_sizes() -> None:
    assert (Resize(360, 640).size(720, 1282), Resize(360, 640).size(359, 639)) == ((359, 639), (360, 640))
    assert ResizeStored(360, 640).stored(720, 1282) == ResizeStored(360, 640).size(359, 639) == (359, 639)
    assert ResizeStored(360, 640).stored(358, 637) == (358, 637)  # two pixels: enlarged when it is read


def test_resize_frames_and_masks() -> None:
    before = sample(4, 6)
    constant = replace(before, frames=torch.full_like(before.frames, 77))
    after = Resize(8, 12)(constant)
    assert after.target is not None and after.size == (8, 12) and after.frames.dtype == torch.uint8
    assert (after.frames == 77).all() and after.original_size == (4, 6)
    assert after.target.masks[1, 0, :, :2].all() and int(after.target.masks.sum()) == 16
    assert Resize(4, 6)(before).frames is before.frames
    with pytest.raises(ValueError, match="got 9 and 8"):
        Resize(9, 8)


def test_visible_stays_when_a_mask_is_too_small_to_survive() -> None:
    before = sample(40, 60)
    masks = torch.zeros(1, 2, 40, 60, dtype=torch.bool)
    masks[0, 0, 0, 0] = True
    after = Resize(4, 6)(replace(before, target=Target(masks, 0)))
    assert after.target is not None and not after.target.masks.any()
    assert after.target.visible is not None and after.target.visible.tolist() == [True, False]


def test_normalise_by_hand() -> None:
    frames = torch.tensor([0, 255, 128], dtype=torch.uint8).view(1, 3, 1, 1)
    after = Normalise()(replace(sample(1, 1, 1), frames=frames, target=None)).frames.flatten()
    expected = [(0 - 0.485) / 0.229, (1 - 0.456) / 0.224, (128 / 255 - 0.406) / 0.225]
    assert after.tolist() == pytest.approx(expected, abs=1e-6)
    with pytest.raises(ValueError, match=r"uint8 frames, got torch\.float32"):
        Normalise()(replace(sample(), frames=torch.zeros(2, 3, 4, 6)))


def test_a_batch_normalised_late_is_the_batch_of_normalised_clips() -> None:
    clips = [sample(4, 6), replace(sample(5, 3), video="w")]
    late, early = normalise_batch(collate(clips)), collate([Normalise()(clip) for clip in clips])
    assert collate(clips).frames.dtype == torch.uint8 and torch.equal(late.frames, early.frames)
    assert late.frames[1, :, :, :, 3:].eq(0).all() and torch.equal(late.padding, early.padding)


@pytest.mark.parametrize("size", [(1, 1), (33, 57)])
def test_odd_sizes_and_one_frame(size: tuple[int, int]) -> None:
    after = eval_transform(DataConfig(short_side=16, max_side=32))(sample(*size, frames=1))
    assert min(after.size) == 16 and torch.isfinite(after.frames).all()


def test_compose_runs_in_order() -> None:
    composed = Compose([RandomFlip(1.0), RandomFlip(1.0)])
    assert torch.equal(composed(sample(), random.Random(0)).frames, sample().frames)
