"""Pictures of the transformer, through their artists and arrays."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.patches import Polygon
from matplotlib.text import Text

from rvos_edu.viz.attention_panel import blend
from rvos_edu.viz.transformer import head_grid, mixing_plane, transformer_map


def test_outputs_lie_in_the_drawn_hull_of_the_values() -> None:
    values = {"a": (2.0, 0.0), "b": (0.0, 2.0), "c": (1.0, 0.5)}
    axes = mixing_plane(values, {"out": (1.0, 0.9)}).axes[0]
    [hull] = [patch for patch in axes.patches if isinstance(patch, Polygon)]
    assert {tuple(map(float, corner)) for corner in hull.get_xy()} == set(values.values())
    assert hull.get_path().contains_point((1.0, 0.9))
    assert axes.lines[0].get_xydata().tolist() == [[1.0, 0.9]]
    assert [text.get_text() for text in axes.texts if text.get_text()] == ["a", "b", "c", "out"]


def test_a_map_per_layer_and_head() -> None:
    frame = np.full((10, 14, 3), 90, np.uint8)
    maps = np.random.default_rng(0).random((3, 4, 2, 7))
    figure = head_grid(frame, maps, title="who")
    assert len(figure.axes) == 12
    shown = np.asarray(figure.axes[6].images[0].get_array())
    np.testing.assert_array_equal(shown, blend(frame, maps[1, 2] / maps[1, 2].max()))
    assert figure.axes[6].get_title() == f"head 2, on pixels {maps[1, 2].sum():.2f}"
    assert [axes.get_ylabel() for axes in figure.axes[::4]] == ["layer 0", "layer 1", "layer 2"]
    with pytest.raises(ValueError, match=r"\[layers, heads, h, w\], got \(2, 7\)"):
        head_grid(frame, maps[0, 0])


def test_the_map_names_every_part() -> None:
    figure = transformer_map(layers=(3, 2))
    said = [text.get_text() for text in figure.findobj(Text)]
    assert said.count("self-attention") == 2 and said.count("cross-attention") == 1
    assert said.count("add, layer norm") == 5 and said.count("feed-forward") == 2
    assert "encoder layer x 3" in said and "decoder layer x 2" in said
