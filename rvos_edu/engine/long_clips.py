"""Whole videos that are longer than the model's window: one answer per sentence, as `segment` gives it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rvos_edu.engine.linking import Window, link_queries, windows
from rvos_edu.models import VideoModel
from rvos_edu.structures import VideoBatch


@dataclass(frozen=True)
class LongAnswer:
    """What the model says about one sentence and all frames of a video; the queries are linked sequences.

    Args:
        mask_logits: float [T, N, h, w], on the CPU.
        reference_logits: float [T, N, 2], on the CPU.
        alignment_logit: mean over the windows; None for models without 1(A).
    """

    mask_logits: Tensor
    reference_logits: Tensor
    alignment_logit: float | None


def answer_long(model: VideoModel, batch: VideoBatch, *, length: int, overlap: int) -> Iterator[LongAnswer]:
    """One answer per expression of a batch of one long clip, in order; the rule is that of `linking`.

    The frames pass through the temporal or frame encoder once, window by window.

    Args:
        model: in evaluation mode.
        batch: one clip of T frames, all annotated, on the model's device.
        length, overlap: of the windows.
    """
    frames = batch.frames.shape[1]
    parts = list(windows(range(frames), length=length, overlap=overlap))
    features = []
    for part in parts:
        chosen = batch.frames[:, part.frames[0] : part.frames[-1] + 1]
        every = torch.arange(len(part.frames), device=chosen.device)
        features.append(model.encode_frames(chosen, batch.padding, every))
    clip = batch.clips[:1]
    for expression in batch.expressions:
        # A union of models does not know that each takes its own features.
        outs = [model.ground(seen, [expression], clips=clip) for seen in features]  # type: ignore[arg-type]
        masks = [out.mask_logits[-1, 0].cpu() for out in outs]
        references = [out.reference_logits[-1, 0].cpu() for out in outs]
        aligned = [float(out.alignment_logits[0]) for out in outs if out.alignment_logits is not None]
        orders = _link(masks, parts)
        spans = _spans(parts)
        yield LongAnswer(
            torch.cat([m[a:b, order] for m, order, (a, b) in zip(masks, orders, spans, strict=True)]),
            torch.cat([r[a:b, order] for r, order, (a, b) in zip(references, orders, spans, strict=True)]),
            float(np.mean(aligned)) if aligned else None,
        )


def _link(masks: list[Tensor], parts: list[Window[int]]) -> list[Tensor]:
    """For each window which of its queries continues sequence n, int64 [N]."""
    orders = [np.arange(masks[0].shape[1])]
    for before, now, part in zip(masks[:-1], masks[1:], parts[1:], strict=True):
        earlier = before[len(before) - part.shared :]
        orders.append(link_queries(earlier > 0, now[: part.shared] > 0)[orders[-1]])
    return [torch.from_numpy(order) for order in orders]


def _spans(parts: list[Window[int]]) -> list[tuple[int, int]]:
    """First and last + 1 of the frames that each window answers for, counted within it."""
    pairs = zip(parts[:-1], parts[1:], strict=True)
    ends = [len(part.frames) - (after.shared - after.skipped) for part, after in pairs]
    return [(part.skipped, end) for part, end in zip(parts, [*ends, len(parts[-1].frames)], strict=True)]
