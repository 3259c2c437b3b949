"""Figures of losses, through their artists and arrays."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure as MatplotlibFigure

from rvos_edu.viz import losses as draw

TRUTH = np.zeros((12, 16), bool)
TRUTH[3:8, 4:10] = True
MASK = np.linspace(0, 1, TRUTH.size).reshape(TRUTH.shape)
PUSH = np.where(TRUTH, 0.5, -0.25)
OFFSETS = np.arange(-3, 4)


def images(figure: MatplotlibFigure) -> list[np.ndarray]:
    return [np.asarray(image.get_array()) for axes in figure.axes for image in axes.images]


def words(figure: MatplotlibFigure) -> list[str]:
    return [t.get_text() for t in figure.findobj(matplotlib.text.Text) if t.get_text()]


def term(name: str = "Dice", **changed: object) -> draw.LossTerm:
    values = {"value": 0.25, "push": PUSH, "curve": (OFFSETS / 3.0) ** 2} | changed
    return draw.LossTerm(name, **values)  # type: ignore[arg-type]


def test_explorer_shows_mask_pushes_and_curves_with_the_present_point() -> None:
    terms = [term(), term("focal", push=-PUSH, value=0.5)]
    figure = draw.loss_explorer(MASK, TRUTH, terms, offsets=OFFSETS, offset=1.5, row=5)
    mask, first, second = images(figure)
    np.testing.assert_allclose(mask, MASK)
    np.testing.assert_allclose(first, PUSH)
    np.testing.assert_allclose(second, -PUSH)
    assert {"Dice 0.250", "focal 0.500", "raises the mask here", "lowers it here"} <= set(words(figure))
    profile, *curves = figure.axes[3:]
    np.testing.assert_allclose(profile.lines[0].get_ydata(), MASK[5])
    for axes, value in zip(curves, (0.25, 0.5), strict=True):
        line, point = axes.lines
        np.testing.assert_allclose(line.get_ydata(), (OFFSETS / 3) ** 2)
        assert (float(point.get_xdata()[0]), float(point.get_ydata()[0])) == (1.5, value)
        assert axes.get_ylim()[1] > 1


def test_a_push_up_is_blue_and_zero_is_white() -> None:
    (_, axes) = draw.push_maps(MASK, TRUTH, {"Dice": PUSH}).axes
    image = axes.images[0]
    up, none, down = (image.cmap(image.norm(v)) for v in (0.5, 0.0, -0.5))
    assert up[2] > up[0] and down[0] > down[2] and min(none[:3]) > 0.9
    assert axes.get_xlabel() == "strongest push 5.0e-01"


def test_an_empty_truth_and_no_push_can_be_drawn() -> None:
    nothing = np.zeros_like(TRUTH)
    figure = draw.push_maps(np.zeros(TRUTH.shape), nothing, {"Dice": np.zeros(TRUTH.shape)}, title="x")
    assert len(figure.to_jpeg()) > 1000


def test_weights_of_queries_are_written_and_coloured_by_target() -> None:
    referred = np.zeros((3, 4), bool)
    referred[1:, 2] = True
    weights = np.where(referred, 1.0, 0.1)
    figure = draw.query_weights(referred, {"paper": weights, "code": weights * 2})
    first, second = images(figure)
    assert first.shape == (3, 4) and first[1, 2] == 1.0 and first[0, 0] == -0.1 and second[0, 0] == -0.2
    assert words(figure).count("0.1") == 10 and "paper" in words(figure)


def test_bars_stack_the_terms_of_each_layer() -> None:
    figure = draw.layer_bars({"dice": [1.0, 2.0], "focal": [0.5, 0.25]})
    (axes,) = figure.axes
    assert [(b.get_x(), b.get_width()) for b in axes.patches] == [(0, 1), (0, 2), (1, 0.5), (2, 0.25)]
    assert {"1.50", "2.25", "decoder layer 1"} <= set(words(figure))


def test_bad_input_is_refused() -> None:
    explore = {"offsets": OFFSETS, "offset": 0.0, "row": 0}
    with pytest.raises(ValueError, match="must be .H, W., got"):
        draw.push_maps(MASK, TRUTH.astype(int), {})
    with pytest.raises(ValueError, match="in 0..1, got 0..2"):
        draw.push_maps(MASK * 2, TRUTH, {})
    with pytest.raises(ValueError, match="the push of 'Dice'"):
        draw.push_maps(MASK, TRUTH, {"Dice": PUSH[1:]})
    with pytest.raises(ValueError, match="row must be in 0..11, got 12"):
        draw.loss_explorer(MASK, TRUTH, [term()], **explore | {"row": 12})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one value per offset"):
        draw.loss_explorer(MASK, TRUTH, [term(curve=[1.0])], **explore)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="weights 'w' must be"):
        draw.query_weights(np.zeros((2, 3), bool), {"w": np.ones((3, 2))})
    for terms in ({}, {"a": [1.0], "b": [1.0, 2.0]}, {"a": [[1.0]]}):
        with pytest.raises(ValueError, match="every term must be"):
            draw.layer_bars(terms)
