"""Checks of notebook 07: Dice of a clip, share of easy pixels, balanced weight, focal without padding."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rvos_edu.course.checking import Exercise
from rvos_edu.course.exercise_focal_padding import E_07_4
from rvos_edu.course.expect import array_of, expect, expect_close, expect_shape
from rvos_edu.losses import ALPHA, GAMMA, SMOOTHING, dice_loss

__all__ = ["E_07_1", "E_07_2", "E_07_3", "E_07_4"]

E_07_1 = Exercise("07.1", "one Dice for the whole clip")
E_07_2 = Exercise("07.2", "the share of the easy pixels")
E_07_3 = Exercise("07.3", "a balanced weight")


def _clip(seed: int, frames: int = 3, height: int = 6, width: int = 8) -> tuple[Tensor, Tensor]:
    """Random logits and masks whose area differs from frame to frame."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(frames, height, width, generator=generator) * 2
    share = torch.linspace(0.1, 0.8, frames)[:, None, None]
    return logits, torch.rand(frames, height, width, generator=generator) < share


# 07.1 ----------------------------------------------------------------------------------------------------


def _pooled(logits: Tensor, masks: Tensor, smoothing: float) -> Tensor:
    probability = logits.sigmoid()
    both = (probability * masks).sum()
    return 1 - (2 * both + smoothing) / (probability.sum() + masks.sum() + smoothing)


def _dice_mistakes(logits: Tensor, masks: Tensor) -> dict[str, Tensor]:
    per_frame = dice_loss(logits, masks)
    right = _pooled(logits, masks, SMOOTHING)
    hard = (logits > 0).float() * 200 - 100
    raw = 1 - (2 * (logits * masks).sum() + SMOOTHING) / (logits.sum() + masks.sum() + SMOOTHING)
    return {
        "That is the coefficient. A loss must fall when the overlap grows.": 1 - right,
        "You averaged one Dice per frame. Here frames are added up before the division.": per_frame.mean(),
        "You summed one Dice per frame, as A.3 does. Here all frames share a single one.": per_frame.sum(),
        "You used the logits as if they were probabilities.": raw,
        "You made the mask hard before comparing it; probabilities keep the loss smooth.": _pooled(
            hard, masks, SMOOTHING
        ),
        "The smoothing is missing.": _pooled(logits, masks, 0.0),
        "The smoothing entered once per frame; the volume is one mask, so it enters once.": _pooled(
            logits, masks, SMOOTHING * len(logits)
        ),
    }


def _check_dice(answer: Any, logits: Tensor, masks: Tensor, hint: str) -> None:
    got = answer(logits.clone(), masks.clone())
    expect_shape(got, (), hint="The whole clip has one loss: over which axes do the sums run?")
    mistakes = _dice_mistakes(logits, masks)
    expect_close(got, _pooled(logits, masks, SMOOTHING), hint=hint, mistakes=mistakes)


@E_07_1.stage("a single frame: the Dice loss of section 1")
def _(answer: Any) -> None:
    logits, masks = _clip(1, frames=1)
    _check_dice(answer, logits, masks, "With one frame, the notebook's Dice loss should come out.")


@E_07_1.stage("three frames: pooled before the division")
def _(answer: Any) -> None:
    _check_dice(answer, *_clip(2), "One frame was right, three are not. Add up pixels of all frames first.")


@E_07_1.stage("tiny masks: the smoothing enters once")
def _(answer: Any) -> None:
    logits = torch.full((4, 3, 3), -6.0)
    masks = torch.zeros(4, 3, 3, dtype=torch.bool)
    masks[2, 1, 1] = True
    _check_dice(answer, logits, masks, "Large masks were right, tiny ones are not: look at the smoothing.")


@E_07_1.stage("nothing there and nothing claimed: no loss")
def _(answer: Any) -> None:
    got = answer(torch.full((2, 4, 4), -60.0), torch.zeros(2, 4, 4, dtype=torch.bool))
    expect_close(got, 0.0, hint="An empty clip that is predicted empty should cost nothing.")


# 07.2 ----------------------------------------------------------------------------------------------------


def _slopes(logits: Tensor, masks: Tensor, gamma: float, alpha: float = ALPHA) -> Tensor:
    """d focal / d logit of every pixel, up to the common factor 1 / pixels."""
    wrong = torch.where(masks, -logits, logits)
    q = wrong.sigmoid()
    weight = torch.where(masks, alpha, 1 - alpha)
    slope = weight * q**gamma * (gamma * (1 - q) * torch.nn.functional.softplus(wrong) + q)
    return torch.where(masks, -slope, slope)


def _share(values: Tensor, easy: Tensor) -> Tensor:
    return values[easy].sum() / values.sum()


def _true_class(logits: Tensor, masks: Tensor) -> Tensor:
    return torch.where(masks, logits, -logits).sigmoid()


def _share_mistakes(logits: Tensor, masks: Tensor, gamma: float) -> dict[str, Tensor]:
    true = _true_class(logits, masks)
    easy, slopes = true > 0.9, _slopes(logits, masks, gamma)
    values = torch.where(masks, ALPHA, 1 - ALPHA) * (1 - true) ** gamma * -true.log()
    return {
        "That is the share of the loss. The question is about its gradient.": _share(values, easy),
        "That is the share of the pixels. How hard does each of them pull?": easy.float().mean(),
        "Pushes up and pushes down cancel in your sum; take their sizes first.": _share(slopes, easy),
        "You called pixels easy whose probability of 'object' is high. Background is easy when it is low.": (
            _share(slopes.abs(), logits.sigmoid() > 0.9)
        ),
        "That is the share of the pixels that are not easy.": _share(slopes.abs(), ~easy),
        "A.6 is missing: object and background weigh differently.": _share(
            _slopes(logits, masks, gamma, alpha=0.5).abs(), easy
        ),
        "A.6 is the wrong way round: which class has the weight 0.25?": _share(
            _slopes(logits, masks, gamma, alpha=1 - ALPHA).abs(), easy
        ),
        "Your number does not depend on gamma as it should: this is the share at gamma 2.": _share(
            _slopes(logits, masks, GAMMA).abs(), easy
        ),
        "Your number does not depend on gamma as it should: this is the share at gamma 0.": _share(
            _slopes(logits, masks, 0.0).abs(), easy
        ),
        "The focal factor was taken as a constant. It depends on the logit too, so it has a slope.": _share(
            torch.where(masks, ALPHA, 1 - ALPHA) * (1 - true) ** (gamma + 1), easy
        ),
    }


def _check_share(answer: Any, logits: Tensor, masks: Tensor, gamma: float, hint: str) -> None:
    got = answer(logits.clone(), masks.clone(), gamma)
    number = expect_shape(got, (), hint="One number for the whole frame.")
    right = _share(_slopes(logits, masks, gamma).abs(), _true_class(logits, masks) > 0.9)
    expect_close(number, right, hint=hint, mistakes=_share_mistakes(logits, masks, gamma))


@E_07_2.stage("a number between 0 and 1 comes back")
def _(answer: Any) -> None:
    logits, masks = _clip(3)
    number = array_of(answer(logits[0] * 3, masks[0], 2.0))
    expect(number.shape == (), f"The shape is {list(number.shape)}; one number is expected for the frame.")
    expect(0 <= number <= 1, "A share lies between 0 and 1. Did signs get in, or did you not divide?")


@E_07_2.stage("background only, gamma 0")
def _(answer: Any) -> None:
    logits = _clip(4)[0][0] * 2 - 1
    empty = torch.zeros_like(logits, dtype=torch.bool)
    _check_share(
        answer, logits, empty, 0.0, "At gamma 0 the slope of a pixel is 1 minus its true probability."
    )


@E_07_2.stage("object and background, gamma 0")
def _(answer: Any) -> None:
    logits, masks = (x[1] for x in _clip(5))
    hint = "Background alone was right. Look at what changes for pixels of the object."
    _check_share(answer, logits * 2, masks, 0.0, hint)


@E_07_2.stage("gamma 2, and another gamma")
def _(answer: Any) -> None:
    noise, masks = (x[1] for x in _clip(6))
    logits = torch.where(masks, noise / 2 + 2, noise / 2 - 2)  # a good mask, so that easy pixels still matter
    for gamma in (2.0, 0.5):
        _check_share(answer, logits, masks, gamma, "Gamma 0 was right. Is the focal factor a constant?")


# 07.3 ----------------------------------------------------------------------------------------------------


def _check_weight(answer: Any, visible: list[int], queries: int, hint: str) -> None:
    shown = torch.tensor(visible, dtype=torch.bool)
    got = answer(shown.clone(), queries)
    yes, cells = int(shown.sum()), len(shown) * queries
    mistakes = {
        "You left out the matched query where it is invisible: there it is told 'not referred' too.": (
            yes / (len(shown) * (queries - 1))
        ),
        "You counted queries, as if the object were visible in all frames.": 1 / (queries - 1),
        "You divided by all cells of the table; some of them say 'referred'.": yes / cells,
        "Upside down: there are many more 'not referred' targets, so each must weigh less than 1.": (
            (cells - yes) / max(yes, 1)
        ),
    }
    right = yes / (cells - yes)
    expect_close(expect_shape(got, (), hint="One weight for the clip."), right, hint=hint, mistakes=mistakes)


@E_07_3.stage("visible in every frame")
def _(answer: Any) -> None:
    _check_weight(
        answer, [1, 1, 1], 50, "Count the cells of the table by what they say; both sides must weigh alike."
    )


@E_07_3.stage("late entry")
def _(answer: Any) -> None:
    _check_weight(answer, [0, 0, 1, 1], 10, "What is the matched query told where its object is invisible?")


@E_07_3.stage("never visible")
def _(answer: Any) -> None:
    _check_weight(
        answer, [0, 0, 0], 5, "Nobody says 'referred' here. Then how much may the other side weigh?"
    )
