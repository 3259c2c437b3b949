"""The matching explorer and its static twin."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rvos_edu.matching import match_sequences
from rvos_edu.structures import Target
from rvos_edu.widgets.matching import MatchingHistory, matching_figure, matching_moment, matching_widget

pytest.importorskip("ipywidgets")

FRAMES = np.random.default_rng(0).integers(0, 255, (3, 16, 24, 3), dtype=np.uint8)
A, N, I = 3, 6, 2  # noqa: E741


@pytest.fixture
def target() -> Target:
    masks = torch.zeros(I, A, 16, 24, dtype=torch.bool)
    masks[0, :, :8, :8] = True
    masks[1, 1:, 8:, 12:] = True
    return Target(masks, 1)


def outputs(target: Target, *, seed: int, strength: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Random logits; query 2 and 5 draw object 0 and 1 the better, the greater `strength` is."""
    torch.manual_seed(seed)
    logits = torch.randn(A, N, 4, 6)
    logits[:, 2] += strength * (target.masks[0, :, ::4, ::4].float() - 0.5)
    logits[:, 5] += strength * (target.masks[1, :, ::4, ::4].float() - 0.5)
    return logits, torch.randn(A, N, 2)


@pytest.fixture
def history(target: Target) -> MatchingHistory:
    moments = [matching_moment(10 * k, *outputs(target, seed=k, strength=6.0 * k), target) for k in range(3)]
    return MatchingHistory(FRAMES, target, moments, "the red circle")


@pytest.mark.parametrize("weights", [(5.0, 2.0), (5.0, 0.0), (0.0, 2.0)])
def test_a_moment_assigns_as_the_library_does(target: Target, weights: tuple[float, float]) -> None:
    logits, scores = outputs(target, seed=4, strength=2.0)
    moment = matching_moment(0, logits, scores, target)
    [(queries, objects)] = match_sequences(
        logits[None], scores[None], [target], dice_weight=weights[0], reference_weight=weights[1]
    )
    got = moment.pairs(dice_weight=weights[0], reference_weight=weights[1])
    assert got == list(zip(queries.tolist(), objects.tolist(), strict=True))
    assert moment.masks.shape == (N, A, 16, 24) and moment.masks.dtype == np.bool_
    assert moment.dice.shape == moment.reference.shape == (N, I)


def test_the_figure_shows_the_assignment_under_its_weights(history: MatchingHistory) -> None:
    last = history.moments[-1]
    assert last.pairs() == [(2, 0), (5, 1)]
    figure = matching_figure(history, dice_weight=3.0, reference_weight=1.0)
    np.testing.assert_allclose(
        np.asarray(figure.axes[0].images[2].get_array()), 3 * last.dice + last.reference
    )
    assert figure.get_suptitle() == "step 20: the red circle"
    assert matching_figure(history, moment=0).get_suptitle() == "step 0: the red circle"
    alone = MatchingHistory(FRAMES, history.target, [last], "the red circle")
    assert matching_figure(alone).get_suptitle() == "the red circle"


def test_sliders_redraw_the_picture(history: MatchingHistory) -> None:
    widget = matching_widget(history)
    controls, picture = widget.children
    moment, dice, reference = controls.children
    assert bytes(picture.value) == matching_figure(history).to_jpeg()
    moment.value = 0
    assert bytes(picture.value) == matching_figure(history, moment=0).to_jpeg()
    reference.value = 0.0
    dice.value = 1.0
    expected = matching_figure(history, moment=0, dice_weight=1.0, reference_weight=0.0)
    assert bytes(picture.value) == expected.to_jpeg()
    assert "running kernel" in repr(widget) and "matching_figure" in repr(widget)


def test_a_weight_can_change_the_assignment(target: Target) -> None:
    """Queries 0 and 1 draw the same; only the words tell which is the referred one."""
    logits = torch.where(target.masks[1, :, ::4, ::4], 5.0, -5.0)[:, None].repeat(1, N, 1, 1)
    logits[:, 2:] = -5.0
    logits[:, 0] *= 1.1
    scores = torch.zeros(A, N, 2)
    scores[:, 1, 0] = 4.0
    moment = matching_moment(0, logits, scores, target)
    chosen = [
        dict((i, q) for q, i in moment.pairs(reference_weight=weight))[target.referred]
        for weight in (0.0, 2.0)
    ]
    assert chosen == [0, 1]


def test_bad_input(history: MatchingHistory, target: Target) -> None:
    with pytest.raises(ValueError, match="at least one moment"):
        MatchingHistory(FRAMES, target, [])
    with pytest.raises(ValueError, match=r"target.masks must be \[I, A, H, W\]"):
        MatchingHistory(FRAMES[:2], target, history.moments)
    with pytest.raises(ValueError, match="moment must be below 3, got 3"):
        matching_figure(history, moment=3)
    with pytest.raises(ValueError, match="weights must be at least 0, got -1 and 2"):
        matching_figure(history, dice_weight=-1)
