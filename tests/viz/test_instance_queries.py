"""Figure B: text vectors, masks, boxes and probabilities of every query, the chosen one marked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from rvos_edu.viz.instance_queries import QueryPicture, query_figure
from rvos_edu.viz.style import VERMILION

RNG = np.random.default_rng(0)
FRAMES = RNG.integers(0, 255, (3, 8, 12, 3), dtype=np.uint8)
MASKS = np.zeros((2, 3, 8, 12), bool)
MASKS[1, :, 2:5, 3:7] = True
BOXES = np.full((2, 3, 4), 0.5, np.float32)
BOXES[1, 2] = (0.25, 0.75, 0.5, 0.25)
PICTURE = QueryPicture(
    "red circle", FRAMES, MASKS, BOXES, np.array([[0.1, 0.2, 0.3], [0.8, 0.7, 0.9]], np.float32), 1,
    np.array([0, 1, -2.0]), np.array([1, 0, 0.5]), np.array([0, 4, -1.0]), "p 0.03",
)  # fmt: skip


def test_vectors_share_one_scale_around_zero() -> None:
    figure = query_figure(PICTURE)
    assert figure.get_suptitle() == "“red circle”   p 0.03"
    bars = figure.axes[:3]
    assert [axes.get_ylabel() for axes in bars] == ["sentence e", "said back e'", "fused text"]
    assert {axes.images[0].get_clim() for axes in bars} == {(-4.0, 4.0)}
    np.testing.assert_array_equal(bars[2].images[0].get_array(), [[0, 4, -1]])
    figure.to_png()


def test_a_row_per_query_with_mask_box_and_probability() -> None:
    figure = query_figure(PICTURE)
    rows = figure.axes[3:7], figure.axes[7:11]
    for query, (name, *cells) in enumerate(rows):
        assert [axes.get_title() for axes in cells] == [
            f"frame {t}: p {PICTURE.probabilities[query, t]:.2f}" for t in range(3)
        ]
        assert name.texts[0].get_text().startswith(f"query {query}")
        assert [len(axes.collections) for axes in cells] == [query] * 3  # outlines: query 0 has no mask
    box = next(patch for patch in rows[1][3].patches if isinstance(patch, Rectangle))
    assert (box.get_x(), box.get_y(), box.get_width(), box.get_height()) == (-0.5, 4.5, 6.0, 2.0)


def test_the_chosen_query_is_marked() -> None:
    figure = query_figure(PICTURE, count=2)
    other, chosen = figure.axes[3:6], figure.axes[6:9]  # two frames each
    assert other[0].texts[0].get_text() == "query 0\nmean p 0.20"
    assert chosen[0].texts[0].get_text() == "query 1\nchosen\nmean p 0.80"
    assert [axes.get_title()[:7] for axes in chosen[1:]] == ["frame 0", "frame 2"]
    for axes in chosen[1:]:
        assert axes.spines["top"].get_visible()
        assert axes.spines["top"].get_edgecolor()[:3] == to_rgb(VERMILION)
    assert not any(axes.spines["top"].get_visible() for axes in other)
    labels = [text.get_text() for text in figure.subfigs[1].legends[0].get_texts()]
    assert labels == ["mask", "box", "chosen: the largest sum of p"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"masks": MASKS[:, :2]}, r"masks\[0\] must be \[T, H, W\]"),
        ({"boxes": BOXES[:1]}, r"boxes must be \(2, 3, 4\), got \(1, 3, 4\)"),
        ({"probabilities": np.ones((2, 2))}, r"probabilities must be \(2, 3\), got \(2, 2\)"),
        ({"chosen": 2}, r"chosen must be in 0..1, got 2"),
        ({"fused": np.ones(4)}, r"must be three \[D\], got \[\(3,\), \(4,\)\]"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        query_figure(replace(PICTURE, **changes))  # type: ignore[arg-type]
