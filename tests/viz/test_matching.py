"""Figures of the matching, through their artists and arrays."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure as MatplotlibFigure
from matplotlib.patches import Rectangle

from rvos_edu.viz import style
from rvos_edu.viz.matching import CostPanel, MatchingView, cost_panels, matching_explorer
from rvos_edu.viz.pairs import pairs_through_training

RNG = np.random.default_rng(0)
FRAMES = RNG.integers(0, 255, (4, 10, 14, 3), dtype=np.uint8)
TRUTH = np.zeros((2, 4, 10, 14), bool)
TRUTH[0, :, 1:4, 1:5] = True
TRUTH[1, 2:, 5:9, 8:12] = True
MASKS = np.zeros((5, 4, 10, 14), bool)
MASKS[3] = TRUTH[0]
MASKS[1] = TRUTH[1]
DICE = -RNG.random((5, 2))
REFERENCE = -RNG.random((5, 2))
PAIRS = [(3, 0), (1, 1)]


def view(**changes) -> MatchingView:
    values = {"frames": FRAMES, "truth": TRUTH, "masks": MASKS, "dice": DICE, "reference": REFERENCE}
    return MatchingView(**{**values, "referred": 0, "title": "step 3", **changes})


def words(where: MatplotlibFigure | Axes) -> list[str]:
    return [text.get_text() for text in where.findobj(matplotlib.text.Text) if text.get_text()]


def framed(axes: Axes, *, left: float = 0.0) -> list[tuple[int, int]]:
    """(row, column) of the cells with a red frame in the two or three columns from `left` on."""
    boxes = [p for p in axes.patches if isinstance(p, Rectangle) and to_hex(p.get_edgecolor()) == "#d55e00"]
    cells = [(b.get_y() + b.get_height() / 2, b.get_x() + b.get_width() / 2 - left) for b in boxes]
    return [(round(y), round(x)) for y, x in cells if -0.5 < x < 2.4]


def test_cost_panels_show_numbers_pairs_and_notes() -> None:
    cost = np.array([[-6.0, -5, -1], [-5, -1, -2], [-2, -2, -1]])
    panels = [CostPanel(cost, [(0, 0)], "greedy", "pays -6"), CostPanel(cost, [(0, 1), (1, 0)], "best")]
    figure = cost_panels(panels, title="toy")
    left, right = figure.axes
    assert (framed(left), framed(right)) == ([(0, 0)], [(0, 1), (1, 0)])
    np.testing.assert_array_equal(np.asarray(left.images[0].get_array()), cost)
    assert {"-6.0", "object 2", "query 1", "greedy", "pays -6"} <= set(words(left))
    assert words(left).count("-2.0") == 3 and figure.get_suptitle() == "toy"


def test_cheap_is_bright_and_numbers_are_readable_on_it() -> None:
    (axes,) = cost_panels([CostPanel(np.array([[-7.0], [0.0]]))]).axes
    image = axes.images[0]
    cheap, dear = image.cmap(image.norm(np.array([-7.0, 0.0])))[:, :3].sum(1)
    assert cheap > dear
    colours = {t.get_text(): t.get_color() for t in axes.texts}
    assert colours["-7.0"] == "black" and colours["0.0"] == "white"


def test_a_flat_matrix_and_a_large_one_can_be_drawn() -> None:
    assert cost_panels([CostPanel(np.zeros((2, 2)))]).to_jpeg()
    (axes,) = cost_panels([CostPanel(RNG.random((50, 5)), [(7, 2)])]).axes
    assert sum("." in word for word in words(axes)) == 1  # the number of the pair only


def test_explorer_weighs_the_terms_and_marks_the_pairs_in_each() -> None:
    figure = matching_explorer(view(), PAIRS, weights=(5.0, 2.0))
    axes, total = figure.axes[0], 5 * DICE + 2 * REFERENCE
    for image, expected in zip(axes.images, (5 * DICE, 2 * REFERENCE, total), strict=True):
        np.testing.assert_allclose(np.asarray(image.get_array()), expected)
        left, right, bottom, top = image.get_extent()
        assert (right - left, bottom, top) == (pytest.approx(2), 4.5, -0.5)
        assert sorted(framed(axes, left=left + 0.5)) == [(1, 1), (3, 0)]
        inside = [text for text in axes.texts if left < text.get_position()[0] < right]
        said = [text.get_text() for text in inside]
        assert said[:2] == ["0*", "1"]
        numbers = [word for word in said if word.startswith("-")]
        cheap = {(n, i) for i in (0, 1) for n in total[:, i].argsort()[:3]} | set(PAIRS)
        assert len(numbers) == (len(cheap) if image is axes.images[2] else 2)
        assert f"{expected[3, 0]:.2f}" in numbers and f"{expected[1, 1]:.2f}" in numbers
    assert f"sum: the pairs cost {total[3, 0] + total[1, 1]:.2f}" in words(axes)
    assert figure.get_suptitle() == "step 3"


def test_explorer_shows_a_column_of_frames_per_object() -> None:
    figure = matching_explorer(view(), PAIRS, weights=(5.0, 2.0))
    axes = figure.axes[1]
    picture = np.asarray(axes.images[0].get_array())
    assert picture.shape == (3 * 10 + 2 * 3, 2 * 14 + 3, 3)
    colour = np.array(to_rgb(style.PREDICTION)) * 255
    np.testing.assert_allclose(picture[2, 2], 0.75 * FRAMES[0, 2, 2] + 0.25 * colour, atol=0.51)
    np.testing.assert_allclose(picture[0, 13], 0.75 * FRAMES[0, 0, 13], atol=0.51)
    assert (picture[:10, 14:17] == 255).all()  # the gap
    last = picture[26:, 17:]  # the last frame of object 1
    np.testing.assert_allclose(last[6, 9], 0.75 * FRAMES[3, 6, 9] + 0.25 * colour, atol=0.51)
    assert f"query 3 for 0*: Dice {-DICE[3, 0]:.2f}" in words(axes)
    assert [w for w in words(axes) if w.startswith("frame")] == ["frame 0", "frame 2", "frame 3"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dice": DICE[:4]}, r"dice and reference must be \[N, I\] = \(5, 2\)"),
        ({"masks": MASKS.astype(float)}, "must be bool"),
        ({"truth": TRUTH[:, :3]}, "must be"),
        ({"referred": 2}, "referred must be in 0..1, got 2"),
        ({"frames": FRAMES / 255}, "uint8"),
    ],
)
def test_bad_views_are_refused(changes, message) -> None:
    with pytest.raises(ValueError, match=message):
        view(**changes)


def test_bad_panels_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one panel"):
        cost_panels([])
    with pytest.raises(ValueError, match=r"cost must be \[N, I\], got shape \(3,\)"):
        cost_panels([CostPanel(np.zeros(3))])
    with pytest.raises(ValueError, match=r"pairs must lie in a matrix of shape \(2, 2\), got \(2, 0\)"):
        cost_panels([CostPanel(np.zeros((2, 2)), [(2, 0)])])
    with pytest.raises(ValueError, match="pairs must lie"):
        matching_explorer(view(), [(5, 0)], weights=(5.0, 2.0))


def test_pairs_through_training() -> None:
    queries = np.array([[7, 2], [7, 2], [4, 7], [4, 7], [4, 7]])
    dice = np.linspace(0.1, 0.9, 10).reshape(5, 2)
    figure = pairs_through_training(queries, dice=dice, steps=[0, 10, 20, 30, 40], title="learning")
    who, changes, course = figure.axes
    spans = [(b.get_x(), b.get_width(), round(b.get_y() + b.get_height() / 2)) for b in who.patches]
    assert spans == [(0, 20, 0), (20, 21, 0), (0, 20, 1), (20, 21, 1)]
    colours = [to_hex(bar.get_facecolor()) for bar in who.patches]
    assert colours[0] == colours[3] and len(set(colours)) == 3  # one colour per query, wherever it goes
    assert [text.get_text() for text in who.texts] == ["7", "4", "2", "7"]
    assert [bar.get_height() for bar in changes.patches] == [0, 2, 0, 0]
    for line, column in zip(course.lines, dice.T, strict=True):
        np.testing.assert_allclose(line.get_ydata(), column)
    assert figure.get_suptitle() == "learning"


def test_seldom_matched_queries_are_grey() -> None:
    queries = np.array([[n] for n in [*range(6)] * 3 + [9]])
    figure = pairs_through_training(queries, dice=np.zeros((19, 1)), steps=range(19))
    colours = [to_hex(bar.get_facecolor()) for bar in figure.axes[0].patches]
    assert colours[-1] == style.GREY.lower() and style.GREY.lower() not in colours[:-1]


@pytest.mark.parametrize(
    ("queries", "dice", "steps"),
    [(np.zeros((3, 2), int), np.zeros((3, 1)), [0, 1, 2]), (np.zeros((1, 2), int), np.zeros((1, 2)), [0])],
)
def test_pairs_through_training_refuses_shapes(queries, dice, steps) -> None:
    with pytest.raises(ValueError, match=r"must be \[S, I\] with one step each, at least two"):
        pairs_through_training(queries, dice=dice, steps=steps)
