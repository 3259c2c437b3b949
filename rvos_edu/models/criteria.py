"""Matching and losses of MTTR over all decoder layers (MTTR, section 3.5; supplement A, C.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from rvos_edu.losses import dice_loss, reference_loss, sigmoid_focal_loss
from rvos_edu.matching import check_targets, enlarge, largest_canvas, match_sequences
from rvos_edu.structures import Losses, MTTROutput, Target

NORMALISERS = ("paper", "reference")


@dataclass(frozen=True)
class _Matches:
    """All matched pairs of a batch, M in number: int64 [M] each."""

    clip: Tensor
    query: Tensor
    instance: Tensor


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
        matches = match_sequences(
            masks,
            scores,
            targets,
            count_padding=self.normalise == "reference",
            dice_weight=self.dice,
            reference_weight=self.reference,
        )
        pairs = _flatten(matches, masks.device)
        dice, focal = self._mask_losses(masks, targets, pairs)
        return dice, focal, self._reference_loss(scores, targets, pairs)

    def _mask_losses(
        self, masks: Tensor, targets: Sequence[Target], pairs: _Matches
    ) -> tuple[Tensor, Tensor]:
        """Only matched queries are enlarged to the canvas."""
        canvas = largest_canvas(targets)
        logits = enlarge(masks[pairs.clip, :, pairs.query], canvas)  # [M, A, H, W]
        truth, inside = _on_canvas(targets, pairs, canvas)
        everything = self.normalise == "reference" or bool(inside.all())
        valid = None if everything else inside
        return dice_loss(logits, truth, valid).sum(), sigmoid_focal_loss(logits, truth, valid).sum()

    def _reference_loss(self, scores: Tensor, targets: Sequence[Target], pairs: _Matches) -> Tensor:
        """Cross-entropy of all queries of all clips, summed over clips."""
        referred = torch.zeros(scores.shape[:-1], dtype=torch.bool, device=scores.device)  # [B, A, N]
        weights = torch.full(scores.shape[:-1], self.not_referred, device=scores.device)
        wanted = torch.tensor([target.referred for target in targets], device=scores.device)
        visible = torch.stack([target.visible for target in targets])  # type: ignore[misc]
        hit = pairs.instance == wanted[pairs.clip]
        clip, query = pairs.clip[hit], pairs.query[hit]
        referred[clip, :, query] = visible[clip]
        weights[clip, :, query] = 1.0
        if self.normalise == "paper":
            weights = weights.where(referred, self.not_referred)
        return reference_loss(scores, referred, weights).sum()


def _flatten(matches: list[tuple[Tensor, Tensor]], device: torch.device) -> _Matches:
    clip = torch.cat([torch.full_like(queries, number) for number, (queries, _) in enumerate(matches)])
    query = torch.cat([queries for queries, _ in matches])
    instance = torch.cat([instances for _, instances in matches])
    clip, query, instance = torch.stack([clip, query, instance]).to(device)
    return _Matches(clip, query, instance)


def _on_canvas(targets: Sequence[Target], pairs: _Matches, canvas: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Matched truths bool [M, A, H, W], upper left on the canvas, and where they lie [M, 1, H, W]."""
    frames = targets[0].masks.shape[1]
    truth = torch.zeros(len(pairs.clip), frames, *canvas, dtype=torch.bool, device=pairs.clip.device)
    valid = torch.zeros(len(pairs.clip), 1, *canvas, dtype=torch.bool, device=pairs.clip.device)
    for number, target in enumerate(targets):
        rows = pairs.clip == number
        height, width = target.masks.shape[-2:]
        truth[rows, :, :height, :width] = target.masks[pairs.instance[rows]]
        valid[rows, :, :height, :width] = True
    return truth, valid
