"""Figures of the way from queries to masks: channels of the plan, weighted terms, groups, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.text import Text

from rvos_edu.viz.decoder import decoder_plan, group_planes, weighted_sum

FRAME = np.zeros((8, 12, 3), np.uint8)


def words(figure) -> list[str]:
    return [t.get_text() for t in figure.findobj(Text) if t.get_text()]


def test_plan_names_channels_and_sizes() -> None:
    said = words(decoder_plan(128, (32, 64), 8, (5, 7)))
    for card in ("memory\n128\n5 x 7", "64\n5 x 7", "sum\n64\n10 x 14", "16\n20 x 28", "pixels\n8\n20 x 28"):
        assert card in said
    assert "stage 2\n64\n10 x 14" in said and "stage 1\n32\n20 x 28" in said


@pytest.mark.parametrize("count", [8, 5])
def test_weighted_sum_draws_channels_terms_and_their_sum(count: int) -> None:
    rng = np.random.default_rng(0)
    channels, weights = rng.normal(size=(count, 4, 6)), rng.normal(size=count)
    figure = weighted_sum(FRAME, channels, weights, np.ones((8, 12), bool))
    drawn = {axes.get_title(): np.asarray(axes.images[0].get_array()) for axes in figure.axes}
    np.testing.assert_allclose(drawn["channel 3"], channels[3])
    np.testing.assert_allclose(drawn[f"times {weights[3]:+.1f}"], weights[3] * channels[3])
    np.testing.assert_allclose(drawn["sum of all terms"], np.einsum("k,khw->hw", weights, channels))
    assert len(figure.axes) == 2 * count + 3 and {"frame", "sum > 0"} <= set(drawn)
    with pytest.raises(ValueError, match=r"weights \[K\]"):
        weighted_sum(FRAME, channels, weights[:2], np.ones((8, 12), bool))


def test_group_planes_place_every_named_point() -> None:
    points = np.arange(8.0).reshape(4, 2)
    figure = group_planes(points, {"by query": ["a", "b", "a", "b"], "by colour": ["red", "", "red", "red"]})
    left, right = figure.axes
    assert [line.get_label() for line in left.lines] == ["a", "b"]
    np.testing.assert_array_equal(left.lines[0].get_xydata(), points[[0, 2]])
    np.testing.assert_array_equal(right.lines[0].get_xydata(), points[[0, 2, 3]])
    with pytest.raises(ValueError, match=r"\[2, 2\] for 'short'"):
        group_planes(points, {"short": ["a", "b"]})
