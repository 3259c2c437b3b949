"""Watch the matching while a model trains, and weigh its cost anew (MTTR, section 3.5; supplement A.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from rvos_edu.matching import DICE_WEIGHT, REFERENCE_WEIGHT, dice_cost, enlarge, reference_cost
from rvos_edu.structures import Target
from rvos_edu.viz import Figure
from rvos_edu.viz.matching import MatchingView, matching_explorer
from rvos_edu.viz.style import check_frames
from rvos_edu.widgets.explorer import explorer

if TYPE_CHECKING:
    from ipywidgets import VBox


@dataclass(frozen=True)
class MatchingMoment:
    """The queries of one training step, for one sentence.

    Args:
        step: its number.
        masks: bool [N, A, H, W].
        dice, reference: float [N, I], the two terms of the cost before they are weighed.
    """

    step: int
    masks: np.ndarray
    dice: np.ndarray
    reference: np.ndarray

    def pairs(
        self, *, dice_weight: float = DICE_WEIGHT, reference_weight: float = REFERENCE_WEIGHT
    ) -> list[tuple[int, int]]:
        """The cheapest assignment, as (query, object), queries ascending."""
        cost = dice_weight * self.dice + reference_weight * self.reference
        queries, objects = linear_sum_assignment(cost)
        return list(zip(queries.tolist(), objects.tolist(), strict=True))


@torch.no_grad()
def matching_moment(
    step: int, mask_logits: Tensor, reference_logits: Tensor, target: Target
) -> MatchingMoment:
    """What the pictures need of one decoder layer and one sentence.

    Args:
        step: number of the training step.
        mask_logits: [A, N, h, w].
        reference_logits: [A, N, 2], index 0 = referred.
        target: with masks [I, A, H, W].
    """
    height, width = target.masks.shape[-2:]
    masks = enlarge(mask_logits, (height, width)) > 0
    return MatchingMoment(
        step=step,
        masks=masks.transpose(0, 1).cpu().numpy(),
        dice=dice_cost(mask_logits, target.masks, (height, width)).cpu().numpy(),
        reference=reference_cost(reference_logits, target).cpu().numpy(),
    )


@dataclass(frozen=True)
class MatchingHistory:
    """One clip and one sentence through a training.

    Args:
        frames: uint8 [A, H, W, 3].
        target: with masks [I, A, H, W] at the frames' size.
        moments: in the order of their steps.
        expression: the sentence.

    Raises:
        ValueError: if there is no moment, or a type or shape does not fit.
    """

    frames: np.ndarray
    target: Target
    moments: Sequence[MatchingMoment]
    expression: str = ""

    def __post_init__(self) -> None:
        frames = check_frames("frames", self.frames)
        if not self.moments:
            raise ValueError("a MatchingHistory needs at least one moment, got none")
        if tuple(self.target.masks.shape[1:]) != frames.shape[:3]:
            seen = tuple(self.target.masks.shape)
            raise ValueError(
                f"target.masks must be [I, A, H, W] with A, H, W = {frames.shape[:3]}, got {seen}"
            )

    def title(self, step: int) -> str:
        """The sentence, after the step where there are several."""
        parts = [f"step {step}"] if len(self.moments) > 1 else []
        return ": ".join([*parts, self.expression] if self.expression else parts)


def matching_figure(
    history: MatchingHistory,
    *,
    moment: int = -1,
    dice_weight: float = DICE_WEIGHT,
    reference_weight: float = REFERENCE_WEIGHT,
) -> Figure:
    """Cost matrices of one moment with the assignment under these weights, and the masks of its pairs.

    Args:
        history: recorded while training.
        moment: index into its moments; the last one by default.
        dice_weight, reference_weight: of the two terms.

    Raises:
        ValueError: if there is no such moment, or a weight is negative.
    """
    if not -len(history.moments) <= moment < len(history.moments):
        raise ValueError(f"moment must be below {len(history.moments)}, got {moment}")
    if dice_weight < 0 or reference_weight < 0:
        raise ValueError(f"weights must be at least 0, got {dice_weight:g} and {reference_weight:g}")
    seen = history.moments[moment]
    view = MatchingView(
        frames=history.frames,
        truth=history.target.masks.numpy(),
        masks=seen.masks,
        dice=seen.dice,
        reference=seen.reference,
        referred=history.target.referred,
        title=history.title(seen.step),
    )
    pairs = seen.pairs(dice_weight=dice_weight, reference_weight=reference_weight)
    return matching_explorer(view, pairs, weights=(dice_weight, reference_weight))


def matching_widget(history: MatchingHistory) -> VBox:
    """Sliders for the training step and the two weights, above the picture of `matching_figure`.

    Nothing is trained again: every change assigns anew, from the recorded costs.
    """
    from ipywidgets import FloatSlider, HBox, Image, SelectionSlider

    steps = [(str(moment.step), index) for index, moment in enumerate(history.moments)]
    moment = SelectionSlider(options=steps, value=len(steps) - 1, description="step")
    dice = FloatSlider(DICE_WEIGHT, min=0, max=10, step=0.5, description="Dice")
    reference = FloatSlider(REFERENCE_WEIGHT, min=0, max=10, step=0.5, description="reference")
    picture = Image(format="jpeg", width=810)

    def show(_: object) -> None:
        figure = matching_figure(
            history, moment=moment.value, dice_weight=dice.value, reference_weight=reference.value
        )
        picture.value = figure.to_jpeg()

    for slider in (moment, dice, reference):
        slider.observe(show, names="value")
    show(None)
    return explorer([HBox([moment, dice, reference]), picture], twin="matching_figure")
