"""Boxes and arrows: read from the artists."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from rvos_edu.models import MTTR
from rvos_edu.viz.blocks import HIGH, WIDE, Block, block_diagram
from rvos_edu.viz.mttr_diagram import ARROWS, BLOCKS, mttr_diagram

TOY = {"a": Block((0, 0), "first"), "b": Block((1, 0), "second"), "c": Block((0.5, 1), "both", wide=2)}


def parts(figure, kind):
    return [patch for patch in figure.axes[0].patches if isinstance(patch, kind)]


def ends(arrow: FancyArrowPatch) -> np.ndarray:
    start, end = arrow._posA_posB
    return np.array([start, end])


def test_boxes_lie_where_they_should() -> None:
    figure = block_diagram(TOY, [])
    boxes = parts(figure, FancyBboxPatch)
    assert [box.get_width() for box in boxes] == pytest.approx([WIDE, WIDE, 1 + WIDE])
    centres = [(box.get_x() + box.get_width() / 2, box.get_y() + box.get_height() / 2) for box in boxes]
    np.testing.assert_allclose(centres, [block.place for block in TOY.values()])
    assert [text.get_text() for text in figure.axes[0].texts] == ["first", "second", "both"]
    low, high = figure.axes[0].get_ylim()
    assert low > high  # rows are counted from the top


def test_arrows_run_from_edge_to_edge() -> None:
    figure = block_diagram(TOY, [("a", "b", ""), ("b", "c", "a shape")])
    sideways, down = (ends(arrow) for arrow in parts(figure, FancyArrowPatch))
    np.testing.assert_allclose(sideways, [[WIDE / 2, 0], [1 - WIDE / 2, 0]])
    np.testing.assert_allclose(down, [[1, HIGH / 2], [1, 1 - HIGH / 2]])  # upright: b lies above a part of c
    assert "a shape" in [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize(("blocks", "arrows"), [({}, []), (TOY, [("a", "d", "")])])
def test_an_arrow_needs_its_boxes(blocks, arrows) -> None:
    with pytest.raises(ValueError, match="block_diagram has the boxes"):
        block_diagram(blocks, arrows)


def test_mttr_shows_every_box_and_no_words_outside() -> None:
    figure = mttr_diagram()
    assert len(parts(figure, FancyBboxPatch)) == len(BLOCKS)
    assert len(parts(figure, FancyArrowPatch)) == len(ARROWS)
    FigureCanvasAgg(figure).draw()
    axes = figure.axes[0]
    boxes = parts(figure, FancyBboxPatch)
    texts = axes.texts[-len(boxes) :]
    for box, text in zip(boxes, texts, strict=True):
        inside, outside = text.get_window_extent(), box.get_window_extent()
        assert outside.x0 <= inside.x0 and inside.x1 <= outside.x1, text.get_text()
        assert outside.y0 <= inside.y0 and inside.y1 <= outside.y1, text.get_text()


def test_mttr_has_a_box_for_every_part_of_the_model() -> None:
    """The diagram is only drawn; a part that is added to the model must be added to it by hand."""
    parts_of_the_model = re.findall(r"self\.(\w+) = ", inspect.getsource(MTTR.__init__))
    drawn = {
        "temporal_encoder": "temporal",
        "text_encoder": "roberta",
        "pixel_projection": "pixels",
        "text_projection": "words",
        "transformer": "encoder",
        "queries": "queries",
        "spatial_decoder": "pyramid",
        "mask_head": "kernels",
        "reference_head": "reference",
    }
    assert set(parts_of_the_model) - {"config"} == set(drawn) and set(drawn.values()) <= set(BLOCKS)
