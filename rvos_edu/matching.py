"""Hungarian matching of query sequences and instance sequences (MTTR, section 3.5; supplement A.2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from rvos_edu.losses import SMOOTHING
from rvos_edu.structures import Target

DICE_WEIGHT = 5.0
REFERENCE_WEIGHT = 2.0
BROKEN = 1e6


@torch.no_grad()
def match_sequences(
    mask_logits: Tensor,
    reference_logits: Tensor,
    targets: Sequence[Target],
    *,
    canvas: tuple[int, int] | None = None,
    count_padding: bool = False,
    dice_weight: float = DICE_WEIGHT,
    reference_weight: float = REFERENCE_WEIGHT,
) -> list[tuple[Tensor, Tensor]]:
    """One assignment per clip over whole sequences, for one decoder layer.

    Cost = dice_weight * C_dice + reference_weight * C_ref; both are means over frames.

    Args:
        mask_logits: [B, A, N, h, w].
        reference_logits: [B, A, N, 2], index 0 = referred.
        targets: B targets, masks at the clip's own size.
        canvas: (H, W) that predictions are enlarged to, default the largest target.
        count_padding: count pixels between a clip's own size and the canvas, as the published code does.

    Returns:
        per clip (queries, instances), int64 [min(N, I)] each, queries ascending, on the CPU.

    Raises:
        ValueError: if shapes do not fit.
    """
    check_targets(mask_logits, targets)
    canvas = canvas or largest_canvas(targets)
    check_canvas(canvas, targets)
    with torch.autocast(mask_logits.device.type, enabled=False):
        costs = [
            dice_weight * dice_cost(masks, target.masks, canvas, count_padding=count_padding)
            + reference_weight * reference_cost(scores, target)
            for masks, scores, target in zip(mask_logits, reference_logits, targets, strict=True)
        ]
    return [_assign(cost) for cost in _to_cpu(costs)]


def dice_cost(
    mask_logits: Tensor, masks: Tensor, canvas: tuple[int, int], *, count_padding: bool = False
) -> Tensor:
    """Minus the mean Dice coefficient over frames of every query with every instance (A.2).

    Args:
        mask_logits: [A, N, h, w].
        masks: bool [I, A, H, W].
        canvas: (H, W) that predictions are enlarged to; masks lie in its upper left corner.
        count_padding: the rest of the canvas counts as background.

    Returns:
        float32 [N, I].
    """
    height, width = masks.shape[-2:]
    probability = enlarge(mask_logits, canvas).sigmoid_()
    if not count_padding:
        probability = probability[..., :height, :width]
    sizes = probability.flatten(2).sum(-1)  # [A, N]
    inside = probability[..., :height, :width].flatten(2)  # [A, N, pixels]
    truth = masks.flatten(2).to(inside.dtype)  # [I, A, pixels]
    both = torch.bmm(inside, truth.permute(1, 2, 0))  # [A, N, I]
    totals = sizes[..., None] + truth.sum(-1).T[:, None]
    return -((2 * both + SMOOTHING) / (totals + SMOOTHING)).mean(0)


def reference_cost(reference_logits: Tensor, target: Target) -> Tensor:
    """Minus the mean probability over frames of what the target says about an instance (section 3.5).

    That is "referred" for the referred instance where it is visible, "not referred" everywhere else.

    Args:
        reference_logits: [A, N, 2].
        target: with I instances.

    Returns:
        float32 [N, I].
    """
    assert target.visible is not None
    probability = reference_logits.float().softmax(-1)
    cost = -probability[..., 1].mean(0)[:, None].repeat(1, len(target.masks))
    agreed = probability[..., 0].where(target.visible[:, None], probability[..., 1])
    cost[:, target.referred] = -agreed.mean(0)
    return cost


def enlarge(mask_logits: Tensor, canvas: tuple[int, int]) -> Tensor:
    """Bilinear to the canvas, in float32: [..., h, w] -> [..., H, W].

    Written as two matrix products: on a CPU their gradient is more than ten times faster than that of
    `interpolate`, and equal to rounding.
    """
    rows, columns = (
        F.interpolate(torch.eye(old, device=mask_logits.device)[None], size=new, mode="linear")[0]
        for old, new in zip(mask_logits.shape[-2:], canvas, strict=True)
    )  # [h, H], [w, W]
    return rows.T @ (mask_logits.float() @ columns)


def largest_canvas(targets: Sequence[Target]) -> tuple[int, int]:
    """(H, W) that holds every target."""
    return (max(t.masks.shape[-2] for t in targets), max(t.masks.shape[-1] for t in targets))


def check_targets(mask_logits: Tensor, targets: Sequence[Target]) -> None:
    """Raise ValueError unless there is one target per clip with as many frames as the predictions."""
    if mask_logits.ndim != 5:
        raise ValueError(f"mask_logits of one layer must be [B, A, N, h, w], got {tuple(mask_logits.shape)}")
    if len(mask_logits) != len(targets) or not targets:
        raise ValueError(f"{len(mask_logits)} predictions need as many targets, got {len(targets)}")
    for target in targets:
        if target.masks.shape[1] != mask_logits.shape[1]:
            raise ValueError(
                f"a target has {target.masks.shape[1]} frames, the predictions have {mask_logits.shape[1]}"
            )


def check_canvas(canvas: tuple[int, int], targets: Sequence[Target]) -> None:
    """Raise ValueError unless every target fits into the canvas."""
    needed = largest_canvas(targets)
    if canvas[0] < needed[0] or canvas[1] < needed[1]:
        raise ValueError(f"the canvas {tuple(canvas)} is smaller than the largest target {needed}")


def _to_cpu(costs: list[Tensor]) -> list[Tensor]:
    """All cost matrices in one transfer."""
    flat = torch.cat([cost.flatten() for cost in costs]).cpu()
    parts = flat.split([cost.numel() for cost in costs])
    return [part.view(cost.shape) for part, cost in zip(parts, costs, strict=True)]


def _assign(cost: Tensor) -> tuple[Tensor, Tensor]:
    # A broken query is the cheapest, so that it is matched and its loss shows that something broke.
    queries, instances = linear_sum_assignment(cost.nan_to_num(nan=-BROKEN, neginf=-BROKEN).numpy())
    return torch.from_numpy(queries), torch.from_numpy(instances)
