"""Lines of several runs: read from the artists."""

from __future__ import annotations

import numpy as np
import pytest

from rvos_edu.viz.runs import line_panels

STEPS = np.array([0, 10, 20])
PANELS = {
    "dice": {"with": (STEPS, [0.9, 0.4, 0.1]), "without": (STEPS, [0.9, 0.5, 0.4])},
    "right (%)": {"without": (STEPS, [50, 49, 51]), "with": (STEPS, [50, 60, 90])},
}


def test_one_line_per_run_in_one_colour_over_all_panels() -> None:
    figure = line_panels(PANELS, title="two runs")
    left, right = figure.axes
    drawn = {axes.get_ylabel(): {line.get_label(): line for line in axes.lines} for axes in (left, right)}
    for label, lines in PANELS.items():
        for name, (x, y) in lines.items():
            np.testing.assert_array_equal(drawn[label][name].get_xdata(), x)
            np.testing.assert_array_equal(drawn[label][name].get_ydata(), y)
            assert drawn[label][name].get_color() == drawn["dice"][name].get_color()
    assert drawn["dice"]["with"].get_color() != drawn["dice"]["without"].get_color()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["with", "without"]
    assert figure.get_suptitle() == "two runs"


def test_level_is_drawn_in_its_panel_only() -> None:
    left, right = line_panels(PANELS, levels={"right (%)": (50.0, "chance")}).axes
    assert [line.get_linestyle() for line in left.lines] == ["-", "-"]
    assert list(right.lines[-1].get_ydata()) == [50.0, 50.0] and right.texts[0].get_text() == "chance"


def test_many_points_have_no_markers() -> None:
    x = np.arange(100)
    axes = line_panels({"rate": {"cosine": (x, np.cos(x / 100))}}, xlabel="update").axes[0]
    assert axes.lines[0].get_marker() in (None, "None") and axes.get_xlabel() == "update"


@pytest.mark.parametrize(
    ("panels", "levels", "message"),
    [
        ({}, None, "at least one line"),
        ({"a": {}}, None, "at least one line"),
        ({"a": {"run": ([1, 2], [1])}}, None, r"'run' in 'a': x \(2,\) and y \(1,\)"),
        (PANELS, {"rate": (1.0, "one")}, "a level for 'rate'"),
    ],
)
def test_what_does_not_fit_is_refused(panels, levels, message) -> None:
    with pytest.raises(ValueError, match=message):
        line_panels(panels, levels=levels)
