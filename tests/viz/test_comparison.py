"""The chart of a table: a dot per figure, hollow where nothing was measured."""

from __future__ import annotations

import numpy as np
import pytest

from rvos_edu.viz.comparison import ALONE, MEASURED, PAPER, comparison_chart


def test_every_figure_is_a_dot() -> None:
    paper = {"J": [50.0, 60.0, None], "F": [55.0, None, 70.0]}
    measured = {"J": [40.0, None, None], "F": [None, 30.0, 75.0]}
    figure = comparison_chart(["a", "b", "c"], paper, measured, title="t", note="n")
    first, second = figure.axes
    dots = {
        (float(np.ravel(line.get_xdata())[0]), int(np.ravel(line.get_ydata())[0]), line.get_label())
        for line in first.lines
        if line.get_linestyle() == "None"
    }
    assert dots == {(50.0, 0, PAPER["label"]), (40.0, 0, MEASURED["label"]), (60.0, 1, ALONE["label"])}
    joined = [line for line in second.lines if line.get_linestyle() == "-"]
    assert [tuple(line.get_xdata()) for line in joined] == [(70.0, 75.0)]
    assert [text.get_text() for text in first.get_yticklabels()] == ["a", "b", "c"]


def test_more_figures_than_fit_side_by_side() -> None:
    figures = {f"P{i}": [1.0] for i in range(8)}
    figure = comparison_chart(["a"], figures, figures)
    assert len({round(axes.get_position().y0, 1) for axes in figure.axes}) <= 2 and len(figure.axes) == 8


def test_what_does_not_fit_is_refused() -> None:
    for rows, paper, measured in (
        ([], {"J": []}, {"J": []}),
        (["a"], {}, {}),
        (["a"], {"J": [1.0]}, {"F": [1.0]}),
        (["a"], {"J": [1.0]}, {"J": [1.0, 2.0]}),
    ):
        with pytest.raises(ValueError, match="the same figures for"):
            comparison_chart(rows, paper, measured)
