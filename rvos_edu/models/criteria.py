"""Matching and losses of MTTR over all decoder layers (MTTR, sections 3.5 and 3.6; supplement A, C.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from rvos_edu.config_checks import NORMALISERS
from rvos_edu.losses import dice_loss, reference_loss, sigmoid_focal_loss
from rvos_edu.matching import check_targets, enlarge, largest_canvas, match_sequences
from rvos_edu.structures import Losses, MTTROutput, Target

Matches = list[tuple[Tensor, Tensor]]


class MTTRCriterion(nn.Module):
    """Match every decoder layer to the truth and weigh its losses.

    Paper: dice and focal are summed over frames and divided by the number of instances; padding pixels do
    not count; every "not referred" target weighs `not_referred`. Reference, the published code: divided by
    the number of instances times frames; padding counts; the query matched to the referred object weighs 1
    in all frames.

    Args:
        dice, focal, reference: weights of the terms; `dice` and `reference` also weigh the matching cost.
        not_referred: weight of "not referred" targets.
        normalise: "paper" or "reference".

    Raises:
        ValueError: for another `normalise`.
    """

    def __init__(
        self,
        *,
        dice: float = 5.0,
        focal: float = 2.0,
        reference: float = 2.0,
        not_referred: float = 0.1,
        normalise: str = "paper",
    ) -> None:
        super().__init__()
        if normalise not in NORMALISERS:
            raise ValueError(f"normalise must be one of {NORMALISERS}, got {normalise!r}")
        self.dice = dice
        self.focal = focal
        self.reference = reference
        self.not_referred = not_referred
        self.normalise = normalise

    def forward(self, out: MTTROutput, targets: Sequence[Target]) -> Losses:
        """Losses of all decoder layers; computed in float32 whatever the precision of `out`.

        Args:
            out: mask_logits [Z, B, A, N, h, w] and reference_logits [Z, B, A, N, 2].
            targets: B targets, masks at the clip's own size.

        Raises:
            ValueError: if shapes do not fit.
        """
        check_targets(out.mask_logits[0], targets)
        device = out.mask_logits.device
        targets = [target.to(device) for target in targets]
        instances, sentences = self._normalisers(targets, device)
        with torch.autocast(device.type, enabled=False):
            layers = [
                self._layer(masks, scores.float(), targets)
                for masks, scores in zip(out.mask_logits, out.reference_logits, strict=True)
            ]
            dice, focal, reference = (torch.stack(term) for term in zip(*layers, strict=True))
            dice, focal, reference = dice / instances, focal / instances, reference / sentences
            total = (self.dice * dice + self.focal * focal + self.reference * reference).sum()
        return Losses(dice=dice, focal=focal, reference=reference, total=total)

    def _normalisers(self, targets: Sequence[Target], device: torch.device) -> tuple[Tensor, Tensor]:
        """Numbers of instances (or instance-frames) and of sentences, averaged over processes, at least 1."""
        instances = sum(len(target.masks) for target in targets)
        if self.normalise == "reference":
            instances = sum(target.masks.shape[0] * target.masks.shape[1] for target in targets)
        counts = torch.tensor([instances, len(targets)], dtype=torch.float32, device=device)
        if dist.is_available() and dist.is_initialized():
            dist.all_reduce(counts)
            counts = counts / dist.get_world_size()
        counts = counts.clamp(min=1)
        return counts[0], counts[1]

    def _layer(
        self, masks: Tensor, scores: Tensor, targets: Sequence[Target]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Sums over the batch of dice, focal and reference loss of one decoder layer."""
        canvas = largest_canvas(targets)
        count_padding = self.normalise == "reference"
        matches = match_sequences(
            masks,
            scores,
            targets,
            canvas=canvas,
            count_padding=count_padding,
            dice_weight=self.dice,
            reference_weight=self.reference,
        )
        parts = []
        for logits, target, (queries, instances) in zip(masks, targets, matches, strict=True):
            truth = target.masks[instances]  # [M, A, H, W]
            if count_padding:
                height, width = truth.shape[-2:]
                truth = F.pad(truth, (0, canvas[1] - width, 0, canvas[0] - height))
            matched = logits[:, queries].transpose(0, 1).float()
            parts.append(_MaskLosses.apply(matched, truth.float(), canvas))
        dice, focal = torch.stack(parts).sum(0)
        return dice, focal, self._reference_loss(scores, targets, matches)

    def _reference_loss(self, scores: Tensor, targets: Sequence[Target], matches: Matches) -> Tensor:
        """Cross-entropy of all queries of all clips, summed over clips."""
        referred = torch.zeros(scores.shape[:-1], dtype=torch.bool, device=scores.device)  # [B, A, N]
        matched = torch.zeros_like(referred)
        for clip, (target, (queries, instances)) in enumerate(zip(targets, matches, strict=True)):
            assert target.visible is not None
            for query in queries[instances == target.referred].tolist():
                referred[clip, :, query] = target.visible
                matched[clip, :, query] = True
        important = matched if self.normalise == "reference" else referred
        weights = torch.where(important, 1.0, self.not_referred)
        return reference_loss(scores, referred, weights).sum()


class _MaskLosses(torch.autograd.Function):
    """Dice and focal loss of one clip's matched sequences, summed: [2].

    The gradients are worked out at once and only kept at mask resolution: enlarged masks of a whole batch
    and all decoder layers would fill the memory and the caches.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, truth: Tensor, canvas: tuple[int, int]) -> Tensor:
        """logits float32 [M, A, h, w], enlarged to the canvas; truth 0 or 1 [M, A, H, W], its upper left."""
        height, width = truth.shape[-2:]
        with torch.set_grad_enabled(ctx.needs_input_grad[0]):
            small = logits.detach().requires_grad_(ctx.needs_input_grad[0])
            large = enlarge(small, canvas)[..., :height, :width]
            losses = [dice_loss(large, truth).sum(), sigmoid_focal_loss(large, truth).sum()]
        if ctx.needs_input_grad[0]:
            grads = [torch.autograd.grad(loss, small, retain_graph=True)[0] for loss in losses]
            ctx.save_for_backward(*grads)
        return torch.stack(losses).detach()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        dice, focal = ctx.saved_tensors
        return grad[0] * dice + grad[1] * focal, None, None
