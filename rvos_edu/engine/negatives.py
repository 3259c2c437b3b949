"""False sentences for the clips of a batch, which train the semantic alignment 1(A) of R2-VOS.

They are the sentences of the other clips of the global batch, rolled by one clip: the supplement pairs within
the batch, the published code takes those of the next process, which on one process are the true ones.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor

from rvos_edu.data.moving_shapes.truth import MARGIN, MovingShapesTruth
from rvos_edu.structures import VideoBatch, VideoSample


@dataclass
class NegativeCounts:
    """How the search went.

    Args:
        made: pairs made.
        same_video: sentences passed over because they belong to the clip's own video.
        true: sentences passed over because they are true of the clip, or nearly so.
        none_found: pairs wanted but not made, because the batch holds no (other) false sentence.
    """

    made: int = 0
    same_video: int = 0
    true: int = 0
    none_found: int = 0


@dataclass(frozen=True)
class Negatives:
    """P pairs of a clip and a sentence that does not describe it.

    Args:
        expressions: P sentences.
        clips: int64 [P], ascending, the local clip (row of `VideoBatch.frames`) that each is asked of.
        counts: of this process.
    """

    expressions: list[str]
    clips: Tensor
    counts: NegativeCounts


@dataclass(frozen=True)
class _Clip:
    """What other processes need to know of a clip."""

    rank: int
    video: str
    mirrored: bool
    sentences: list[tuple[str, str]] = field(default_factory=list)  # (id, text)


def choose_negatives(
    batch: VideoBatch,
    *,
    rng: random.Random,
    truth: MovingShapesTruth | None,
    accelerator: Accelerator | None = None,
    per_clip: int | None = None,
) -> Negatives:
    """As many false sentences for each local clip as it has true ones.

    A clip takes sentences of the next clip of the global batch (that of all processes, in their order), in an
    order drawn from `rng`; those of its own video and those that are true of it are passed over, and once
    that clip is used up the one after it follows. No clip gets the same words twice.

    With equal `rng` in all processes they choose together what one process with the whole batch would.

    Args:
        batch: the clips of this process; every process must call this with a batch.
        rng: asked once.
        truth: what is true of which video; None for real data, where another video is all that is known.
        accelerator: gathers over processes; None: this process alone.
        per_clip: at most so many per clip.

    Raises:
        ValueError: if `per_clip` is less than 1, or the batch does not know its samples.
        DataError: if `truth` does not know a video.
    """
    if per_clip is not None and per_clip < 1:
        raise ValueError(f"per_clip must be at least 1, got {per_clip}")
    rank = 0 if accelerator is None else accelerator.process_index
    everyone = _clips(batch, rank)
    if accelerator is not None and accelerator.num_processes > 1:
        everyone = gather_object(everyone)
    own = [index for index, clip in enumerate(everyone) if clip.rank == rank]
    counts = NegativeCounts()
    expressions: list[str] = []
    clips: list[int] = []
    drawn = rng.getrandbits(64)
    for local, index in enumerate(own):
        asked = everyone[index]
        wanted = len(asked.sentences) if per_clip is None else min(per_clip, len(asked.sentences))
        found: dict[str, None] = {}
        candidates = _false_of(everyone, index, truth, random.Random(f"{drawn} {index}"), counts)
        while len(found) < wanted and (text := next(candidates, None)) is not None:
            found[text] = None
        expressions += found
        clips += [local] * len(found)
        counts.made += len(found)
        counts.none_found += wanted - len(found)
    return Negatives(expressions, torch.tensor(clips, dtype=torch.int64), counts)


def _clips(batch: VideoBatch, rank: int) -> list[_Clip]:
    """The clips of a batch with their sentences as the model reads them."""
    if len(batch.samples) != len(batch.expressions):
        raise ValueError(
            f"negatives need the batch's samples: {len(batch.expressions)} expressions, "
            f"{len(batch.samples)} samples"
        )
    of_clip: list[list[VideoSample]] = [[] for _ in range(len(batch.frames))]
    for sample, clip in zip(batch.samples, batch.clips.tolist(), strict=True):
        of_clip[clip].append(sample)
    return [
        _Clip(rank, s[0].video, s[0].mirrored, [(e.expression_id, e.expression) for e in s]) for s in of_clip
    ]


def _false_of(
    clips: list[_Clip],
    index: int,
    truth: MovingShapesTruth | None,
    rng: random.Random,
    counts: NegativeCounts,
) -> Iterator[str]:
    """Sentences of the following clips that do not describe clip `index`; counts what it passes over."""
    asked = clips[index]
    own = {text for _, text in asked.sentences}
    for source in [*clips[index + 1 :], *clips[:index]]:
        if source.video == asked.video:
            counts.same_video += len(source.sentences)
            continue
        mirrored = source.mirrored != asked.mirrored
        for key, text in rng.sample(source.sentences, len(source.sentences)):
            known = truth is not None and truth.fits(
                asked.video, source.video, key, mirrored=mirrored, margin=MARGIN
            )
            if known or text in own:
                counts.true += 1
            else:
                yield text
