"""Diagrams of named lines: read from the artists."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rvos_edu.viz.lines import Panel, line_panels

STEPS = np.array([0, 10, 20])
DICE = Panel({"with": (STEPS, [0.9, 0.4, 0.1]), "without": (STEPS, [0.9, 0.5, 0.4])}, "step", "dice", "left")
RIGHT = Panel(
    {"without": (STEPS, [50, 49, 51]), "with": (STEPS, [50, 60, 90])},
    "step",
    logarithmic=True,
    level=(50.0, "chance"),
)


def test_the_same_line_has_the_same_colour_in_every_panel() -> None:
    figure = line_panels([DICE, RIGHT], title="two runs")
    left, right = figure.axes
    for axes, panel in ((left, DICE), (right, RIGHT)):
        for line, (x, y) in zip(axes.lines, panel.lines.values(), strict=False):
            np.testing.assert_array_equal(line.get_xdata(), x)
            np.testing.assert_array_equal(line.get_ydata(), y)
    assert left.lines[0].get_color() == right.lines[1].get_color() != left.lines[1].get_color()
    legend = figure.legends[0]
    assert [text.get_text() for text in legend.get_texts()] == ["with", "without"]
    assert [line.get_color() for line in legend.get_lines()] == [line.get_color() for line in left.lines]


def test_words_and_scales_are_those_of_the_panel() -> None:
    figure = line_panels([DICE, RIGHT], title="two runs")
    left, right = figure.axes
    assert (left.get_xlabel(), left.get_ylabel(), left.get_title()) == ("step", "dice", "left")
    assert (left.get_yscale(), right.get_yscale(), right.get_title()) == ("linear", "log", "")
    assert figure.get_suptitle() == "two runs"


def test_level_is_drawn_in_its_panel_only() -> None:
    left, right = line_panels([DICE, RIGHT]).axes
    assert [line.get_linestyle() for line in left.lines] == ["-", "-"]
    np.testing.assert_array_equal(right.lines[-1].get_ydata(), [50.0, 50.0])
    assert right.texts[0].get_text() == "chance"


def test_few_points_are_marked_and_many_are_not() -> None:
    x = np.arange(100)
    (axes,) = line_panels([Panel({"few": (STEPS, STEPS), "many": (x, np.cos(x / 100))}, "update")]).axes
    assert [line.get_marker() for line in axes.lines] == ["o", "None"]


@pytest.mark.parametrize(
    ("panels", "message"),
    [
        ([], "at least one line"),
        ([Panel({}, "x")], "at least one line"),
        ([Panel({"run": ([1, 2], [1])}, "x")], r"line 'run': x \(2,\) and y \(1,\) must be \[n\]"),
        ([Panel({"run": (1, 1)}, "x")], r"line 'run': x \(\) and y \(\) must be \[n\]"),
    ],
)
def test_what_does_not_fit_is_refused(panels: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        line_panels(panels)
