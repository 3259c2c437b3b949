"""The loss explorer: its losses, its static twin, its sliders."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rvos_edu.widgets import loss as module
from rvos_edu.widgets.loss import cross_entropy, disc_logits, loss_figure, loss_widget

pytest.importorskip("ipywidgets")


def test_a_disc_is_where_it_should_be_and_as_large() -> None:
    zero = torch.tensor(0.0)
    disc = disc_logits(zero, 0.0, 9.0, 1.0) > 0
    assert disc.shape == (module.HEIGHT, module.WIDTH)
    assert int(disc.sum()) == pytest.approx(np.pi * 81, rel=0.03)
    moved = disc_logits(torch.tensor(5.0), -3.0, 9.0, 1.0) > 0
    assert torch.equal(moved, torch.roll(disc, (-3, 5), (0, 1)))
    assert not (disc_logits(zero, 0.0, 0.0, 1.0) > 0).any()
    assert disc_logits(torch.zeros(4), 0.0, 9.0, 30.0).abs().max() == module.LIMIT


def test_cross_entropy_by_hand() -> None:
    logits = torch.logit(torch.tensor([[0.75, 0.25]]))
    loss = cross_entropy(logits, torch.tensor([[True, True]]))
    assert float(loss) == pytest.approx(-(np.log(0.75) + np.log(0.25)) / 2)


def test_the_figure_holds_masks_losses_pushes_and_the_present_point() -> None:
    figure = loss_figure(x=6, y=2, size=8, sharpness=0.5, true_size=10)
    logits, truth = (
        disc_logits(torch.tensor(6.0), 2.0, 8.0, 0.5),
        disc_logits(torch.tensor(0.0), 0, 10.0, 1.0) > 0,
    )
    probability, *pushes = (np.asarray(axes.images[0].get_array()) for axes in figure.axes[:4])
    np.testing.assert_allclose(probability, logits.sigmoid(), rtol=1e-5)
    for (name, loss), push, above, below in zip(
        module.LOSSES.items(), pushes, figure.axes[1:4], figure.axes[5:], strict=True
    ):
        value = float(loss(logits, truth))
        assert above.get_title() == f"{name} {value:.3f}"
        curve, point = below.lines
        assert float(point.get_xdata()[0]) == 6 and float(point.get_ydata()[0]) == pytest.approx(value)
        at_six = curve.get_ydata()[list(curve.get_xdata()).index(6.0)]
        assert float(at_six) == pytest.approx(value, rel=1e-5)  # the point lies on the curve
        assert push[~truth.numpy()].max() <= 0 <= push[truth.numpy()].min()


def test_no_overlap_dice_is_flat_and_the_others_are_not() -> None:
    figure = loss_figure(x=28, sharpness=3)
    dice, focal, entropy = (axes.images[0].get_array() for axes in figure.axes[1:4])
    truth = (disc_logits(torch.tensor(0.0), 0, 9.0, 1.0) > 0).numpy()
    assert dice[truth].max() < 0.02 * focal[truth].max() < 0.02 * entropy[truth].max()


def test_an_invisible_object_and_bad_values() -> None:
    assert len(loss_figure(true_size=0).to_jpeg()) > 1000
    for wrong in ({"size": -1.0}, {"true_size": -1.0}, {"sharpness": 0.0}):
        with pytest.raises(ValueError, match="radii must be at least 0"):
            loss_figure(**wrong)


def test_every_slider_changes_the_picture() -> None:
    widget = loss_widget()
    (x, y), (size, true_size), sharpness, picture = (
        getattr(child, "children", child) for child in widget.children
    )
    assert bytes(picture.value) == loss_figure().to_jpeg() and "needs a running kernel" in repr(widget)
    seen = {bytes(picture.value)}
    for slider, value in ((x, -5), (y, 4), (size, 12), (true_size, 5), (sharpness, 0.4)):
        slider.value = value
        seen.add(bytes(picture.value))
    assert len(seen) == 6
    now = loss_figure(x=-5, y=4, size=12, true_size=5, sharpness=0.4)
    assert bytes(picture.value) == now.to_jpeg()
