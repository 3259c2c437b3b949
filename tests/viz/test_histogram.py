"""Heights of the bars, place of the mark, refused values."""

from __future__ import annotations

import pytest

from rvos_edu.viz.histogram import histogram


def test_bars_count_and_the_mark_stands_at_its_value() -> None:
    figure = histogram([0, 5, 95, 100], bins=4, mark=50.0)
    (axes,) = figure.axes
    assert [patch.get_height() for patch in axes.patches] == [2, 0, 0, 2]
    assert list(axes.lines[0].get_xdata()) == [50.0, 50.0]


@pytest.mark.parametrize(("values", "seen"), [([], "none"), ([50, 101], "50..101"), ([float("nan")], "nan")])
def test_refuses(values: list[float], seen: str) -> None:
    with pytest.raises(ValueError, match=f"numbers in 0..100, got {seen}"):
        histogram(values)
