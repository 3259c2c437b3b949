"""Threshold and ROC figures: read from the artists."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rvos_edu.viz.alignment import roc_chart, threshold_chart

PLACES = [0.0, 0.5, 1.0]
LINES = {"kept": [0, 90, 100], "R": [np.nan, 80.0, -200.0]}


def test_the_threshold_in_use_is_marked_and_its_values_are_written() -> None:
    figure = threshold_chart(PLACES, {"random": LINES, "hard": LINES}, mark=0.25, title="filter")
    left, right = figure.axes
    assert (left.get_title(), right.get_title(), figure.get_suptitle()) == ("random", "hard", "filter")
    np.testing.assert_array_equal(left.lines[0].get_ydata(), [0, 90, 100])
    assert [*left.lines[2].get_xdata()] == [0.25, 0.25] and left.lines[2].get_linestyle() == "--"
    assert left.texts[0].get_text() == "at 0.25:\n45.0 kept"  # no value of R there
    assert [*left.lines[3].get_ydata()] == [45.0]
    assert left.get_ylim() == (-53, 103)  # R that is far below 0 leaves the diagram
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["kept", "R"]
    figure.to_png()


def test_values_stand_on_the_side_that_has_room() -> None:
    for mark, side in ((0.2, "left"), (0.9, "right")):
        (axes,) = threshold_chart(PLACES, {"random": LINES}, mark=mark).axes
        assert axes.texts[0].get_ha() == side


def test_roc_has_curves_points_and_the_guess() -> None:
    curve = ([0, 0, 100], [0, 80, 100])
    figure = roc_chart({"random, AUC 90.0": curve, "hard": curve}, marks={"hard": (10, 85)}, mark_name="here")
    (axes,) = figure.axes
    guess, random, hard, point, _ = axes.lines
    assert [*guess.get_xdata()] == [*guess.get_ydata()] == [0, 100]
    assert [*random.get_ydata()] == [0, 80, 100] and random.get_label() == "random, AUC 90.0"
    assert (*point.get_xdata(), *point.get_ydata()) == (10, 85)
    assert point.get_color() == hard.get_color() != random.get_color()
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["a guess, AUC 50.0", "random, AUC 90.0", "hard", "here"]
    figure.to_png()


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: threshold_chart(PLACES, {}, mark=0.5), "one to four lines of the same names"),
        (lambda: threshold_chart(PLACES, {"a": LINES, "b": {"R": PLACES}}, mark=0.5), "of the same names"),
        (lambda: threshold_chart([0.5], {"a": LINES}, mark=0.5), r"kept: \(1,\) values expected, got \(3,\)"),
        (lambda: threshold_chart(PLACES, {"a": LINES}, mark=2), r"mark must be in 0..1, got 2"),
        (lambda: roc_chart({}, marks={}), r"must be of curves, got \[\]"),
        (lambda: roc_chart({"a": ([0], [0])}, marks={"b": (0, 0)}), r"marks \['b'\] must be of curves"),
        (lambda: roc_chart({"a": ([0, 1], [0])}, marks={}), r"a: x \(2,\) and y \(1,\) must be \[n\]"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(draw: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw()
