"""What R2-VOS makes of one sentence, ready to be drawn: words, pixels, queries (supplement, B and D)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rvos_edu.config import R2VOSExperimentConfig
from rvos_edu.data import collate, eval_transform
from rvos_edu.engine.diagnosis import share_on_object
from rvos_edu.engine.inference import Geometry, enlarge
from rvos_edu.models import R2VOS
from rvos_edu.structures import GroundingMaps, R2VOSOutput, VideoSample
from rvos_edu.viz.attention import enlarge as enlarge_map
from rvos_edu.viz.grounding import GroundingPicture
from rvos_edu.viz.instance_queries import QueryPicture


@dataclass(frozen=True)
class SentenceRecord:
    """One clip and one sentence in R2-VOS.

    Args:
        grounding: what words and pixels read of each other, and f_early (figure A).
        queries: from the fused text to the masks of all queries (figure B).
        mismatch: probability that the sentence does not fit.
    """

    grounding: GroundingPicture
    queries: QueryPicture
    mismatch: float


@dataclass(frozen=True)
class ObjectShare:
    """How much of what one sentence does lies on one object.

    Args:
        pixels: share of the clip's pixels that the object covers.
        attention: share of the words' attention to the pixels, mean over the words.
        strength: mean length of f_early on the object, divided by that elsewhere.
    """

    pixels: float
    attention: float
    strength: float


def share_on(picture: GroundingPicture, masks: NDArray[np.bool_]) -> ObjectShare:
    """Whether a sentence's maps lie on an object; `masks` bool [A, H, W].

    Raises:
        ValueError: if the masks do not fit the frames, or are all empty or all full.
    """
    if masks.shape != picture.frames.shape[:3] or not masks.any() or masks.all():
        raise ValueError(
            f"masks must be {picture.frames.shape[:3]}, neither empty nor full, got {masks.shape}"
        )
    size = (masks.shape[1], masks.shape[2])
    looks = enlarge_map(picture.words_to_pixels.mean(0), size)
    lengths = enlarge_map(picture.strength, size)
    attention, pixels = share_on_object(looks, masks)
    return ObjectShare(
        pixels=pixels,
        attention=attention,
        strength=float(lengths[masks].mean() / lengths[~masks].mean()),
    )


@torch.inference_mode()
def sentence_record(model: R2VOS, sample: VideoSample, *, config: R2VOSExperimentConfig) -> SentenceRecord:
    """Run the model on one stored clip (frames uint8) and keep what figures A and B show.

    Attention is the mean over heads. Masks are those without the filter 1(A).

    Raises:
        ValueError: if the model has no early grounding.
        CheckpointError: if the model has no tokenizer.
    """
    shown = eval_transform(config.data)(replace(sample, target=None))
    words = model.text_encoder.tokenize([sample.expression])
    batch = collate([shown]).to(next(model.parameters()).device)
    out = model(batch.frames, words, batch.padding, batch.annotated, return_attention=True)
    if out.grounding is None or model.tokenizer is None:
        raise ValueError("this model has no early grounding: its words and pixels never read each other")
    size = (int(batch.frames.shape[-2]), int(batch.frames.shape[-1]))
    mismatch = float(out.alignment_logits[0].float().sigmoid())
    note = f"p(does not match) {mismatch:.2f}"
    geometry = Geometry(size, shown.size, sample.size)
    queries = replace(_queries(model, out, sample, geometry, config.inference.order), note=note)
    looks, reads = _attention(out.grounding)
    return SentenceRecord(
        grounding=GroundingPicture(
            expression=sample.expression,
            tokens=list(model.tokenizer.convert_ids_to_tokens(words["input_ids"][0].tolist())),
            frames=queries.frames,
            masks=queries.masks[queries.chosen],
            words_to_pixels=looks,
            pixels_to_words=reads,
            strength=_array(out.grounding.after[0].norm(dim=1)),
            note=note,
        ),
        queries=queries,
        mismatch=mismatch,
    )


def _attention(found: GroundingMaps) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """[L, A, h, w] of words to pixels and of pixels to words, mean over heads."""
    frames, _, height, width = found.after.shape[1:]
    both = found.words_to_pixels[0].mean(0), found.pixels_to_words[0].mean(0).T  # [L, A * h * w]
    looks, reads = (_array(weights.reshape(-1, frames, height, width)) for weights in both)
    return looks, reads


def _queries(
    model: R2VOS, out: R2VOSOutput, sample: VideoSample, geometry: Geometry, order: str
) -> QueryPicture:
    probabilities = out.class_logits[-1, 0, ..., 0].float().sigmoid().T  # [N, A]
    fused = model.fused_text(out.sentence, out.reconstructed)
    return QueryPicture(
        expression=sample.expression,
        frames=sample.frames[list(sample.annotated)].permute(0, 2, 3, 1).numpy(),
        masks=enlarge(out.mask_logits[-1, 0].cpu(), geometry, order=order).transpose(0, 1).numpy(),
        boxes=_array(out.boxes[-1, 0].transpose(0, 1)),
        probabilities=_array(probabilities),
        chosen=int(probabilities.sum(1).argmax()),
        sentence=_array(out.sentence[0]),
        reconstructed=_array(out.reconstructed[0]),
        fused=_array(fused[0]),
    )


def _array(values: Tensor) -> NDArray[np.float32]:
    return values.float().cpu().numpy()
