"""The large picture of one reader's attention, through its artists and arrays."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle

from rvos_edu.viz import Figure
from rvos_edu.viz.attention_panel import attention_panel, blend
from rvos_edu.viz.style import BLUE, SKY, VERMILION

RNG = np.random.default_rng(0)
FRAMES = RNG.integers(0, 255, (3, 10, 14, 3), dtype=np.uint8)
TOKENS = ["<s>", "Ġred", "Ġcircle"]
PIXELS = RNG.random((3, 2, 7)) / 20
WORDS = RNG.random((3, 3)) / 20
WORDS[1] *= (1 - PIXELS[1].sum()) / WORDS[1].sum()  # frame 1 sums to 1


def panel(**options: object) -> Figure:
    return attention_panel(FRAMES, PIXELS, WORDS, TOKENS, **options)  # type: ignore[arg-type]


def marks(figure: Figure, axes: int, colour: str) -> list[tuple[float, float]]:
    patches = [p for p in figure.axes[axes].patches if isinstance(p, Rectangle) and not p.get_fill()]
    return [p.get_xy() for p in patches if p.get_edgecolor() == to_rgba(colour)]


def test_the_frame_its_cells_and_its_words() -> None:
    figure = panel(frame=1, title="the red circle", caption="query 2")
    picture, _, bars, strip = figure.axes
    shown = np.asarray(picture.images[0].get_array())
    np.testing.assert_array_equal(shown, blend(FRAMES[1], PIXELS[1] / PIXELS.max()))
    assert picture.get_title(loc="left") == "frame 1: query 2" and figure.get_suptitle() == "the red circle"
    np.testing.assert_allclose([p.get_width() for p in bars.patches], WORDS[1])
    assert [t.get_text() for t in bars.get_yticklabels()] == ["<s>", "red", "circle"]
    assert bars.get_title() == f"words, together {WORDS[1].sum():.2f}"
    line = np.asarray(strip.images[0].get_array())
    assert line.shape == (22, 3 * 16 - 2, 3)
    np.testing.assert_array_equal(line[:10, 16:30], FRAMES[1])
    np.testing.assert_array_equal(line[12:, 16:30], shown)
    assert marks(figure, 3, VERMILION) == [(16, 0)]


def test_no_sum_is_claimed_where_there_is_none() -> None:
    assert panel(frame=0).axes[2].get_title() == "words"


def test_the_reader_is_marked() -> None:
    figure = panel(cell=(1, 3), word=2)
    assert marks(figure, 0, SKY) == [(6.0, 5.0)]
    colours = [patch.get_facecolor() for patch in figure.axes[2].patches]
    assert colours == [to_rgba(BLUE), to_rgba(BLUE), to_rgba(VERMILION)]


def test_cells_keep_their_edges_and_bright_means_read() -> None:
    grey = np.full((4, 6, 3), 100, np.uint8)
    picture = blend(grey, np.array([[0.0, 1.0]]))
    assert (picture[:, :3] == picture[0, 0]).all() and (picture[:, 3:] == picture[0, 3]).all()
    assert picture[0, 3].sum() > picture[0, 0].sum()


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match=r"frame must be in 0\.\.2, got 3"):
        panel(frame=3)
    with pytest.raises(ValueError, match=r"T = 3 and L = 2, got \(3, 2, 7\) and \(3, 3\)"):
        attention_panel(FRAMES, PIXELS, WORDS, TOKENS[:2])
    zero = attention_panel(FRAMES, 0 * PIXELS, 0 * WORDS, TOKENS)
    assert zero.to_jpeg()[:2] == b"\xff\xd8"
