"""Flip, resize and normalise clips (MTTR, section C.4: one scale, no crop, flips swap words).

Every transform maps (sample, generator) to a sample; `group` does so for several sentences about one clip,
with one draw and one copy of the frames.
"""

from __future__ import annotations

import random
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from rvos_edu.config import DataConfig
from rvos_edu.structures import Target, VideoBatch, VideoSample

MEAN = (0.485, 0.456, 0.406)  # ImageNet, RGB
STD = (0.229, 0.224, 0.225)
_DIRECTION = re.compile(r"\b(left|right)(?=\b|most|wards?|hand|-)", re.IGNORECASE)


def swap_directions(text: str) -> str:
    """The sentence about the mirrored video: left and right change places, as words.

    "bright" stays, "leftmost" becomes "rightmost", "right-hand" "left-hand", "righthand" "lefthand".
    """
    return _DIRECTION.sub(_swap, text)


def _swap(match: re.Match[str]) -> str:
    word = match.group()
    other = "right" if word.lower() == "left" else "left"
    if word.isupper():
        return other.upper()
    return other.capitalize() if word[0].isupper() else other


class Transform(ABC):
    """A change of clips; samples of one group share frames (and usually masks) and keep sharing them."""

    @abstractmethod
    def group(self, samples: Sequence[VideoSample], rng: random.Random | None) -> list[VideoSample]:
        """Change all sentences' samples of one clip alike."""

    def __call__(self, sample: VideoSample, rng: random.Random | None = None) -> VideoSample:
        """Change one sample; `rng` may be None where nothing is random."""
        return self.group([sample], rng)[0]


class Compose(Transform):
    """One transform after the other."""

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = list(transforms)

    def group(self, samples: Sequence[VideoSample], rng: random.Random | None) -> list[VideoSample]:
        for transform in self.transforms:
            samples = transform.group(samples, rng)
        return list(samples)


class RandomFlip(Transform):
    """With probability `p` mirror frames and masks, and swap left and right in the sentence.

    Raises:
        ValueError: if `p` is not in 0..1, or no generator is given.
    """

    def __init__(self, p: float = 0.5) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"RandomFlip needs a probability in 0..1, got {p}")
        self.p = p

    def group(self, samples: Sequence[VideoSample], rng: random.Random | None) -> list[VideoSample]:
        if rng is None:
            raise ValueError("RandomFlip needs a random.Random")
        if rng.random() >= self.p:
            return list(samples)
        flipped = _change(samples, lambda frames: frames.flip(-1), lambda masks: masks.flip(-1))
        return [
            replace(s, expression=swap_directions(s.expression), mirrored=not s.mirrored) for s in flipped
        ]


class Resize(Transform):
    """Scale so that the short side is `short_side`, unless the long side would exceed `max_side`.

    Frames bilinearly with anti-aliasing, masks to the nearest pixel. Clips of the right size pass untouched.
    """

    def __init__(self, short_side: int, max_side: int) -> None:
        if not 1 <= short_side <= max_side:
            raise ValueError(f"Resize needs 1 <= short_side <= max_side, got {short_side} and {max_side}")
        self.short_side, self.max_side = short_side, max_side

    def size(self, height: int, width: int) -> tuple[int, int]:
        """(H, W) that a clip of `height` x `width` pixels gets; the arithmetic is DETR's."""
        short, long = min(height, width), max(height, width)
        side = self.short_side
        if long / short * side > self.max_side:
            side = max(1, round(self.max_side * short / long))
        other = min(max(side, int(side * long / short)), self.max_side)
        return (side, other) if height <= width else (other, side)

    def group(self, samples: Sequence[VideoSample], rng: random.Random | None = None) -> list[VideoSample]:
        size = self.size(*samples[0].size)
        if size == samples[0].size:
            return list(samples)
        return _change(
            samples,
            lambda frames: resize_frames(frames, size),
            lambda masks: resize_masks(masks.view(torch.uint8), size).view(torch.bool),
        )


class ResizeStored(Resize):
    """`Resize` of frames that were stored at `stored`: each clip gets the size that it would have got before.

    `Resize` would enlarge a few of its own sizes by a pixel: 720x1282 becomes 359x639, and that 360x640.
    """

    def stored(self, height: int, width: int) -> tuple[int, int]:
        """(H, W) to store a frame at: resized, unless that enlarges it by two pixels or more."""
        size = super().size(height, width)
        return size if min(size) <= min(height, width) + 1 else (height, width)

    def size(self, height: int, width: int) -> tuple[int, int]:
        """(H, W) that a clip stored at `height` x `width` pixels gets."""
        size = super().size(height, width)
        return (height, width) if min(size) == min(height, width) + 1 else size


class ReduceMasks(Transform):
    """Reduce the truth by a factor: a pixel is set where at least half of its block is.

    Raises:
        ValueError: if `stride` is less than 1.
    """

    def __init__(self, stride: int) -> None:
        if stride < 1:
            raise ValueError(f"ReduceMasks needs a stride >= 1, got {stride}")
        self.stride = stride

    def group(self, samples: Sequence[VideoSample], rng: random.Random | None = None) -> list[VideoSample]:
        if self.stride == 1:
            return list(samples)
        return _change(samples, lambda frames: frames, self._reduce)

    def _reduce(self, masks: Tensor) -> Tensor:
        return F.avg_pool2d(masks.float(), self.stride, ceil_mode=True, count_include_pad=False) >= 0.5


class Normalise(Transform):
    """uint8 frames to float32 with ImageNet's mean 0 and standard deviation 1 per channel."""

    def group(self, samples: Sequence[VideoSample], rng: random.Random | None = None) -> list[VideoSample]:
        return _change(samples, normalise, None)


def normalise(frames: Tensor) -> Tensor:
    """uint8 [..., 3, H, W] RGB to float32, ImageNet's mean and standard deviation taken out."""
    if frames.dtype != torch.uint8:
        raise ValueError(f"normalise needs uint8 frames, got {frames.dtype}")
    mean = torch.tensor(MEAN, device=frames.device).view(3, 1, 1) * 255
    scale = 1 / (torch.tensor(STD, device=frames.device).view(3, 1, 1) * 255)
    return frames.float().sub_(mean).mul_(scale)


def normalise_batch(batch: VideoBatch) -> VideoBatch:
    """A batch of uint8 frames as collating normalised clips gives it: zero where padded, not black."""
    frames = normalise(batch.frames)
    return replace(batch, frames=frames.masked_fill_(batch.padding[:, None, None], 0))


def train_transform(data: DataConfig, *, stored: bool = False) -> Compose:
    """Flip, resize; reduce the truth. Frames stay uint8, a quarter of the bytes; see `normalise_batch`.

    Args:
        stored: frames come from a copy that `rvos-edu data smaller` made for these sides.
    """
    resize = (ResizeStored if stored else Resize)(data.short_side, data.max_side)
    return Compose([RandomFlip(data.flip), resize, ReduceMasks(data.mask_stride)])


def eval_transform(data: DataConfig) -> Compose:
    """Resize, normalise."""
    return Compose([Resize(data.short_side, data.max_side), Normalise()])


def _change(
    samples: Sequence[VideoSample],
    on_frames: Callable[[Tensor], Tensor],
    on_masks: Callable[[Tensor], Tensor] | None,
) -> list[VideoSample]:
    """Apply to each distinct tensor once."""
    done: dict[int, Tensor] = {}

    def once(tensor: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
        if id(tensor) not in done:
            done[id(tensor)] = change(tensor)
        return done[id(tensor)]

    changed = []
    for sample in samples:
        target = sample.target
        if target is not None and on_masks is not None:
            target = Target(once(target.masks, on_masks), target.referred, target.visible)
        changed.append(replace(sample, frames=once(sample.frames, on_frames), target=target))
    return changed


def resize_frames(frames: Tensor, size: tuple[int, int]) -> Tensor:
    """uint8 [T, 3, H, W] to `size` (H, W), bilinearly with anti-aliasing."""
    return F.interpolate(frames, size=size, mode="bilinear", align_corners=False, antialias=True)


def resize_masks(masks: Tensor, size: tuple[int, int]) -> Tensor:
    """uint8 [I, T, H, W] masks or ids to `size` (H, W), the nearest pixel."""
    return F.interpolate(masks, size=size, mode="nearest-exact")


def resize_ids(ids: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """uint8 [H, W] ids to `size` (H, W), the nearest pixel; the same array if it has that size."""
    if ids.shape == size:
        return ids
    return resize_masks(torch.from_numpy(ids.copy())[None, None], size)[0, 0].numpy()
