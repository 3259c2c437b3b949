"""Matching and losses of R2-VOS (R2-VOS; supplement, section C)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from rvos_edu.boxes import giou_loss, l1_loss
from rvos_edu.config_checks import NORMALISERS, RELATIONS
from rvos_edu.cycle import pointwise_loss, relational_angle_loss, relational_distance_loss
from rvos_edu.losses import dice_loss, sigmoid_focal_loss
from rvos_edu.matching import check_targets
from rvos_edu.models.r2vos_truth import Truth, referred_truth
from rvos_edu.structures import R2VOSLosses, R2VOSOutput, Target

NOTHING = -1e4  # logit of a cell that does not count: adds 0 to both mask losses


@dataclass(frozen=True)
class _Counts:
    """What sums are divided by: mean over processes of sentences, visible frames and negatives, scalars.

    The mean over processes of sums divided by these is the sum over all of them divided by all.
    `rows`: sentences of each process.
    """

    sentences: Tensor
    frames: Tensor
    negatives: Tensor
    rows: tuple[int, ...]


class R2VOSCriterion(nn.Module):
    """Match every decoder layer to the referred object, weigh its losses and those of the cycle.

    Total: text * (distance + angle * angle_loss) + align * align_loss, and of every decoder layer
    cls * cls_loss + mask * (dice * dice_loss + focal * focal_loss) + l1 * l1_loss + giou * giou_loss.
    The best query of a clip, at the same weights, is its match. Dice and focal loss are those of the
    whole clip, all frames at once; the class loss is a sum over frames and queries, positive for the
    matched query where the object is visible; box losses are sums over frames.

    Paper: dice and focal are divided by the number of sentences (a mean over clips), class and box losses
    by the number of frames in which the object is visible; boxes count in those frames only; padding
    does not count. Reference, the published code: everything is divided by the number of visible frames,
    boxes count in all frames (zeros where nothing is), and so does padding.

    Masks are compared on the grid of the predictions, stride 4 of the frames, whatever the resolution of
    the targets: see `referred_truth`.

    Several processes: the relational losses see the sentences of all; the mean of the processes' gradients
    is that of one process with the whole batch. A term without data is 0 and its gradient too.

    Args:
        text: weight of the cycle; `angle` that of its angles against its distances.
        cls, mask, align, l1, giou, dice, focal: weights; `mask` multiplies `dice` and `focal`.
        relation: "relational", "point-wise" (text * pointwise instead) or "none".
        normalise: "paper" or "reference".

    Raises:
        ValueError: for another `relation` or `normalise`.
    """

    def __init__(
        self,
        *,
        text: float = 0.1,
        cls: float = 2.0,
        mask: float = 2.0,
        align: float = 1.0,
        angle: float = 10.0,
        l1: float = 5.0,
        giou: float = 2.0,
        dice: float = 2.0,
        focal: float = 5.0,
        relation: str = "relational",
        normalise: str = "paper",
    ) -> None:
        super().__init__()
        if relation not in RELATIONS:
            raise ValueError(f"relation must be one of {RELATIONS}, got {relation!r}")
        if normalise not in NORMALISERS:
            raise ValueError(f"normalise must be one of {NORMALISERS}, got {normalise!r}")
        self.text, self.angle, self.align = text, angle, align
        self.cls, self.l1, self.giou = cls, l1, giou
        self.dice, self.focal = mask * dice, mask * focal
        self.relation, self.normalise = relation, normalise

    def forward(self, out: R2VOSOutput, targets: Sequence[Target]) -> R2VOSLosses:
        """Losses of all decoder layers and of the cycle; in float32 whatever the precision of `out`.

        Args:
            out: of the model, with `negatives` where sentences were given that do not fit.
            targets: B targets at the clip's own size or reduced by one factor for all; only the referred
                instance counts.

        Raises:
            ValueError: if shapes do not fit.
        """
        _check(out, targets)
        with torch.autocast(out.mask_logits.device.type, enabled=False):
            truth = self.truth(out, targets)
            counts = _count(out, truth)
            dice, focal, cls, l1, giou = self._layers(out, truth, self._match(out, truth), counts)
            distance, angle, pointwise = self._cycle(out, counts)
            align = _align_loss(out, counts)
            layers = self.dice * dice + self.focal * focal + self.cls * cls + self.l1 * l1 + self.giou * giou
            cycle = distance + self.angle * angle + pointwise
            total = layers.sum() + self.text * cycle + self.align * align
        return R2VOSLosses(dice, focal, cls, l1, giou, distance, angle, pointwise, align, total)

    @torch.no_grad()
    def match(self, out: R2VOSOutput, targets: Sequence[Target]) -> Tensor:
        """The best query of each clip in each decoder layer: int64 [Z, B].

        Cost: the weighted sum of class cost (focal loss of a positive minus that of a negative), L1 and
        generalised IoU loss, means over the frames that count, and of dice and focal loss of the clip.

        Raises:
            ValueError: if shapes do not fit.
        """
        _check(out, targets)
        with torch.autocast(out.mask_logits.device.type, enabled=False):
            return self._match(out, self.truth(out, targets))

    def truth(self, out: R2VOSOutput, targets: Sequence[Target]) -> Truth:
        """What the predictions are compared with, on their device."""
        device, (height, width) = out.mask_logits.device, out.mask_logits.shape[-2:]
        return referred_truth([target.to(device) for target in targets], (height, width), how=self.normalise)

    @torch.no_grad()
    def _match(self, out: R2VOSOutput, truth: Truth) -> Tensor:
        # A broken query is the cheapest (argmin of NaN), so that its loss shows that something broke.
        masks = out.mask_logits.float().flatten(-2).transpose(2, 3)  # [Z, B, N, A, P]
        dice, focal = _mask_losses(masks, truth.masks[:, None], truth.padding[:, None])
        scores = out.class_logits.float()[..., None]  # [Z, B, A, N, 1, 1]
        yes, no = (sigmoid_focal_loss(scores, torch.full_like(scores, answer)) for answer in (1.0, 0.0))
        boxes, true_boxes = out.boxes.float(), truth.boxes[:, :, None]
        cls = _frame_mean(yes - no, truth.visible)
        l1 = _frame_mean(l1_loss(boxes, true_boxes), truth.boxed)
        giou = _frame_mean(giou_loss(boxes, true_boxes), truth.boxed)
        cost = self.dice * dice + self.focal * focal + self.cls * cls + self.l1 * l1 + self.giou * giou
        return cost.argmin(-1)

    def _layers(self, out: R2VOSOutput, truth: Truth, queries: Tensor, counts: _Counts) -> list[Tensor]:
        """Dice, focal, class, L1 and generalised IoU loss, [Z] each; `queries` [Z, B]."""
        index = queries[:, :, None, None, None]  # [Z, B, 1, 1, 1]
        masks = torch.take_along_dim(out.mask_logits.flatten(-2), index, 3)[:, :, :, 0].float()
        boxes = torch.take_along_dim(out.boxes, index, 3)[:, :, :, 0].float()
        scores = out.class_logits[..., 0].float()  # [Z, B, A, N]
        chosen = F.one_hot(queries, scores.shape[-1])[:, :, None]  # [Z, B, 1, N]
        dice, focal = _mask_losses(masks, truth.masks, truth.padding)  # [Z, B]
        slots = scores.shape[-2] * scores.shape[-1]
        cls = sigmoid_focal_loss(scores, chosen * truth.visible[..., None]) * slots
        l1 = (l1_loss(boxes, truth.boxes) * truth.boxed).sum(-1)
        giou = (giou_loss(boxes, truth.boxes) * truth.boxed).sum(-1)
        clips = counts.frames if self.normalise == "reference" else counts.sentences
        sums = [term.sum(-1) for term in (dice, focal, cls, l1, giou)]
        divisors = (clips, clips, counts.frames, counts.frames, counts.frames)
        return [term / divisor for term, divisor in zip(sums, divisors, strict=True)]

    def _cycle(self, out: R2VOSOutput, counts: _Counts) -> tuple[Tensor, Tensor, Tensor]:
        """Distance, angle and point-wise loss; those that `relation` does not name are 0."""
        student, teacher = out.reconstructed.float(), out.sentence.detach().float()
        nothing = student.new_zeros(())
        if self.relation == "point-wise":
            return nothing, nothing, pointwise_loss(student, teacher) * (len(student) / counts.sentences)
        if self.relation == "none":
            return nothing, nothing, nothing
        pairs = _gather(torch.cat([student, teacher], 1), counts.rows)
        student, teacher = pairs.chunk(2, 1)
        losses = (relational_distance_loss(student, teacher), relational_angle_loss(student, teacher))
        # Each process learns from its own rows only: the mean of their gradients needs as many times as much.
        extra = len(counts.rows) - 1
        distance, angle = (loss + extra * (loss - loss.detach()) for loss in losses)
        return distance, angle, nothing


def _mask_losses(logits: Tensor, truth: Tensor, padding: Tensor) -> tuple[Tensor, Tensor]:
    """Dice and focal loss of whole clips, padding left out: logits and truth [..., A, P] -> [...] each."""
    logits = logits.masked_fill(padding, NOTHING)
    real = 1 - padding.float().mean((-2, -1))
    return dice_loss(logits, truth), sigmoid_focal_loss(logits, truth) / real


def _frame_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Mean over the frames of weight 1, 0 without any: [Z, B, A, N] and [B, A] -> [Z, B, N]."""
    return (values * weights[..., None]).sum(2) / weights.sum(-1).clamp(min=1)[:, None]


def _align_loss(out: R2VOSOutput, counts: _Counts) -> Tensor:
    """Mean of the cross-entropies of pairs that fit (label 0) and that do not (1); 0 without the latter."""
    fitting = F.softplus(out.alignment_logits.float()).sum() / counts.sentences
    if out.negatives is None:
        others = torch.zeros_like(fitting)
    else:
        others = F.softplus(-out.negatives.alignment_logits.float()).sum()
    there = counts.negatives > 0  # in any process
    others = others / counts.negatives.where(there, 1)
    return ((fitting + others) / 2).where(there, 0)


def _count(out: R2VOSOutput, truth: Truth) -> _Counts:
    """One exchange among processes."""
    negatives = 0 if out.negatives is None else len(out.negatives.alignment_logits)
    device = truth.visible.device
    given = torch.tensor([len(truth.visible), negatives], device=device)
    own = torch.cat([given, truth.visible.sum()[None].long()])
    every = [own]
    if dist.is_available() and dist.is_initialized():
        every = [torch.empty_like(own) for _ in range(dist.get_world_size())]
        dist.all_gather(every, own)
    rows = [len(truth.visible)] if len(every) == 1 else [int(part[0]) for part in every]
    sums = torch.stack(every).sum(0)
    sentences, others, frames = (sums.clamp(min=torch.tensor([1, 0, 1], device=device)) / len(every)).unbind()
    return _Counts(sentences=sentences, frames=frames, negatives=others, rows=tuple(rows))


def _gather(rows: Tensor, counts: tuple[int, ...]) -> Tensor:
    """Rows of all processes in their order, only this one's with a gradient: [R, D] -> [sum of counts, D]."""
    if len(counts) == 1:
        return rows
    padded = F.pad(rows.detach(), (0, 0, 0, max(counts) - len(rows)))
    every = [torch.empty_like(padded) for _ in counts]
    dist.all_gather(every, padded)
    parts = [part[:count] for part, count in zip(every, counts, strict=True)]
    parts[dist.get_rank()] = rows
    return torch.cat(parts)


def _check(out: R2VOSOutput, targets: Sequence[Target]) -> None:
    if out.mask_logits.ndim != 6:
        raise ValueError(f"mask_logits must be [Z, B, A, N, h, w], got {tuple(out.mask_logits.shape)}")
    check_targets(out.mask_logits[0], targets)
    leading = tuple(out.mask_logits.shape[:4])
    for name, got, size in (("class_logits", out.class_logits, 1), ("boxes", out.boxes, 4)):
        if tuple(got.shape) != (*leading, size):
            raise ValueError(f"{name} must be {[*leading, size]}, got {tuple(got.shape)}")
    if len(out.sentence) != leading[1] or len(out.alignment_logits) != leading[1]:
        raise ValueError(
            f"{leading[1]} pairs need as many sentences and alignment logits, got {len(out.sentence)} "
            f"and {len(out.alignment_logits)}"
        )
