"""What flows through the house: samples, batches, targets, model outputs and results.

Shapes use one legend: B batch, T frames of a window, A annotated frames, N object queries,
I instances, L words, Z decoder layers, H,W pixels, h,w mask resolution.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Target:
    """The truth about one (clip, expression) pair.

    Args:
        masks: bool [I, A, H, W] (other numbers: true where not 0), one mask sequence per instance; all-False
            where invisible.
        referred: index in 0..I-1 of the instance that the expression refers to.
        visible: bool [A], frames in which the referred object is visible; default: mask not empty.

    Raises:
        ValueError: if a shape or the index does not fit.
    """

    masks: Tensor
    referred: int
    visible: Tensor | None = None

    def __post_init__(self) -> None:
        if self.masks.ndim != 4:
            raise ValueError(f"Target.masks must be [I, A, H, W], got shape {tuple(self.masks.shape)}")
        if not 0 <= self.referred < self.masks.shape[0]:
            raise ValueError(f"Target.referred must be in 0..{self.masks.shape[0] - 1}, got {self.referred}")
        object.__setattr__(self, "masks", self.masks.bool())
        if self.visible is None:  # of bits, any() takes 20 times as long as the largest of bytes
            rows = self.masks[self.referred].flatten(1).view(torch.uint8)
            object.__setattr__(self, "visible", (rows.amax(1) if rows.shape[1] else rows.any(1)).bool())
        elif tuple(self.visible.shape) != (self.masks.shape[1],):
            raise ValueError(
                f"Target.visible must be [A] = [{self.masks.shape[1]}], got {tuple(self.visible.shape)}"
            )
        else:
            object.__setattr__(self, "visible", self.visible.bool())

    def keep_frames(self, indices: Tensor) -> Target:
        """The same truth for a subset of the annotated frames; `indices` int [A']."""
        assert self.visible is not None
        return Target(self.masks[:, indices], self.referred, self.visible[indices])

    def to(self, device: torch.device | str) -> Target:
        """A copy on `device`."""
        assert self.visible is not None
        return Target(self.masks.to(device), self.referred, self.visible.to(device))


@dataclass(frozen=True)
class VideoSample:
    """One clip and one expression about it: the item of every dataset.

    Args:
        frames: uint8 [T, 3, H, W] RGB as stored, or float32 normalised after a transform.
        expression: the sentence, lower case, single spaces.
        target: the truth, or None where no masks are public.
        annotated: indices within 0..T-1 of the frames that `target` describes, ascending.
        video: id of the video.
        expression_id: id of the expression within the video.
        frame_names: names of the T frames (a repeated frame repeats its name).
        original_size: (H, W) of the stored frames.
        category: what the expression demands (colour, ..., late entry), None where unknown.
        candidates: number of objects that fit the expression without its deciding word, None where unknown.
        raw_expression: the sentence as stored.
        mirrored: whether frames and sentence are those of the mirrored video.
    """

    frames: Tensor
    expression: str
    target: Target | None
    annotated: tuple[int, ...]
    video: str
    expression_id: str
    frame_names: tuple[str, ...]
    original_size: tuple[int, int]
    category: str | None = None
    candidates: int | None = None
    raw_expression: str = ""
    mirrored: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of `frames` as they are now."""
        return (int(self.frames.shape[-2]), int(self.frames.shape[-1]))


@dataclass(frozen=True)
class VideoBatch:
    """Padded clips and the expressions about them.

    Args:
        frames: float32 [B, T, 3, H, W], normalised, zero where padded; or uint8, see `normalise_batch`.
        padding: bool [B, H, W], True where padded.
        expressions: E sentences; E = B unless several sentences share a clip.
        clips: int64 [E], the clip that each expression is about.
        annotated: int64 [A], frames that the targets describe.
        targets: E targets at the clip's own (unpadded) size, or None where no masks are public.
        samples: the E samples, frames removed to save memory where possible.
    """

    frames: Tensor
    padding: Tensor
    expressions: list[str]
    clips: Tensor
    annotated: Tensor
    targets: list[Target] | None
    samples: list[VideoSample] = field(default_factory=list)

    def keep_frames(self, indices: Tensor) -> VideoBatch:
        """Keep a subset of the annotated frames; `indices` int [A'] into `annotated`."""
        targets = None if self.targets is None else [t.keep_frames(indices) for t in self.targets]
        return replace(self, annotated=self.annotated[indices], targets=targets)

    def to(self, device: torch.device | str) -> VideoBatch:
        """A copy with all tensors on `device`."""
        targets = None if self.targets is None else [t.to(device) for t in self.targets]
        return replace(
            self,
            frames=self.frames.to(device),
            padding=self.padding.to(device),
            clips=self.clips.to(device),
            annotated=self.annotated.to(device),
            targets=targets,
        )


@dataclass(frozen=True)
class AttentionMaps:
    """Attention weights of the multimodal transformer, returned on request.

    S = h'w' + L tokens: the pixels of the stride-16 map row by row, then the words.

    Args:
        encoder: [layers, B, A, heads, S, S].
        decoder: [Z, B, A, heads, N, S], object queries attending to the sequence.
        grid: (h', w') of the stride-16 map.
    """

    encoder: Tensor
    decoder: Tensor
    grid: tuple[int, int]


@dataclass(frozen=True)
class MTTROutput:
    """What MTTR returns.

    Args:
        mask_logits: [Z, B, A, N, h, w] at stride 4, last decoder layer last.
        reference_logits: [Z, B, A, N, 2], index 0 = referred.
        attention: weights, if asked for.
    """

    mask_logits: Tensor
    reference_logits: Tensor
    attention: AttentionMaps | None = None

    @property
    def alignment_logits(self) -> None:
        """MTTR does not ask whether a sentence fits."""
        return None


@dataclass(frozen=True)
class NegativePairs:
    """What R2-VOS says of sentences that do not fit their clips; P pairs, at training only.

    Args:
        sentence, reconstructed: [P, D], as in `R2VOSOutput`.
        alignment_logits: [P].
    """

    sentence: Tensor
    reconstructed: Tensor
    alignment_logits: Tensor


@dataclass(frozen=True)
class GroundingMaps:
    """What can be drawn of the early grounding of R2-VOS (supplement, figure A), returned on request.

    Args:
        before, after: [B, A, D, h', w'], the deepest map of the visual encoder and f_early.
        pixels_to_words: [B, heads, A * h' * w', L], each pixel's attention to the words.
        words_to_pixels: [B, heads, L, A * h' * w'], each word's attention to all pixels of all frames.
        filters: [B, K, D], made from the words.
    """

    before: Tensor
    after: Tensor
    pixels_to_words: Tensor
    words_to_pixels: Tensor
    filters: Tensor


@dataclass(frozen=True)
class R2VOSOutput:
    """What R2-VOS returns.

    Args:
        mask_logits: [Z, B, A, N, h, w] at stride 4, last decoder layer last.
        class_logits: [Z, B, A, N, 1], positive = referred.
        boxes: [Z, B, A, N, 4], centre x, centre y, width, height in 0..1 of the unpadded frame.
        sentence: [B, D], embedding e of the sentence.
        reconstructed: [B, D], embedding e' reconstructed from the grounded video.
        alignment_logits: [B], positive = the sentence does not match.
        mask_features: [B, A, C, h, w], per-pixel features that the masks are made from.
        negatives: the same vectors for pairs that do not match, if they were given.
        grounding: attention and features of the early grounding, if asked for.
    """

    mask_logits: Tensor
    class_logits: Tensor
    boxes: Tensor
    sentence: Tensor
    reconstructed: Tensor
    alignment_logits: Tensor
    mask_features: Tensor
    negatives: NegativePairs | None = None
    grounding: GroundingMaps | None = None

    @property
    def reference_logits(self) -> Tensor:
        """[Z, B, A, N, 2] whose softmax is the sigmoid of the class: index 0 = referred, as MTTR's."""
        return torch.cat([self.class_logits, torch.zeros_like(self.class_logits)], dim=-1)


@dataclass(frozen=True)
class Losses:
    """Unweighted losses per decoder layer and their weighted sum.

    Args:
        dice, focal, reference: [Z].
        total: scalar, weighted sum over terms and layers.
    """

    dice: Tensor
    focal: Tensor
    reference: Tensor
    total: Tensor


@dataclass(frozen=True)
class R2VOSLosses:
    """Unweighted losses of R2-VOS and their weighted sum; a term that is not used is 0.

    Args:
        dice, focal, cls, l1, giou: [Z], per decoder layer.
        distance, angle, pointwise: scalars, between reconstructed and original sentences.
        align: scalar, of telling fitting from other sentences.
        total: scalar, weighted sum over terms and layers.
    """

    dice: Tensor
    focal: Tensor
    cls: Tensor
    l1: Tensor
    giou: Tensor
    distance: Tensor
    angle: Tensor
    pointwise: Tensor
    align: Tensor
    total: Tensor


@dataclass(frozen=True)
class Segmentation:
    """Result of segmenting one video with one sentence.

    Args:
        masks: bool [T, H, W] at the video's own size.
        votes: float [N], sum over frames of the probability of "referred".
        probabilities: float [N, T].
        query: the chosen query.
        aligned: whether the sentence fits the video; None for models that do not decide that.
        expression: the sentence.
        mismatch: probability that it does not fit, one for the whole video; None as above.
        rejected: whether the masks were emptied because it does not fit (R2-VOS, 1(A)).
    """

    masks: np.ndarray
    votes: np.ndarray
    probabilities: np.ndarray
    query: int
    aligned: bool | None
    expression: str
    mismatch: float | None = None
    rejected: bool = False
