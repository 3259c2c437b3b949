"""The explorer of a vote and the race of its votes, through their artists."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from rvos_edu.viz import Figure, style
from rvos_edu.viz.vote_race import vote_race
from rvos_edu.viz.voting_explorer import VotingView, voting_explorer

RNG = np.random.default_rng(0)
FRAMES = RNG.integers(0, 255, (4, 10, 14, 3), dtype=np.uint8)
PROBABILITIES = np.array([[0.6, 0.6, 0.1, 0.2], [0.1, 0.2, 0.9, 0.9], [0.1, 0.1, 0.1, 0.1]])
MASKS = np.zeros((3, 4, 10, 14), bool)
for _n in range(3):
    MASKS[_n, :, 2 + _n : 6 + _n, 3 + 2 * _n : 7 + 2 * _n] = True
TRUTH = MASKS[1].copy()
OVERLAPS = RNG.random((3, 4))


def view(**other: Any) -> VotingView:
    parts = {"frames": FRAMES, "masks": MASKS, "probabilities": PROBABILITIES, "expression": "the red one"}
    return VotingView(**(parts | {"truth": TRUTH, "overlaps": OVERLAPS} | other))  # type: ignore[arg-type]


def words(figure: Figure) -> list[str]:
    return [t.get_text() for t in figure.findobj(Text) if t.get_text()]


def boxes(figure: Figure, colour: str) -> list[tuple[float, float, float, float]]:
    return [
        (*p.get_xy(), p.get_width(), p.get_height())
        for p in figure.axes[0].patches
        if isinstance(p, Rectangle) and p.get_edgecolor()[:3] == to_rgb(colour)
    ]


def test_the_view_knows_both_rules() -> None:
    assert view().voted == 1
    assert view().queries(voting=True).tolist() == [1, 1, 1, 1]
    assert view().queries(voting=False).tolist() == [0, 0, 1, 1]


def test_voting_takes_a_row_and_without_it_a_cell_per_frame() -> None:
    voted, single = (voting_explorer(view(), frame=2, query=2, voting=v) for v in (True, False))
    assert boxes(voted, style.VERMILION) == [(-0.5, 0.5, 4, 1)]
    assert boxes(single, style.VERMILION) == [(t - 0.5, q - 0.5, 1, 1) for t, q in enumerate((0, 0, 1, 1))]
    for figure in (voted, single):
        assert boxes(figure, style.SKY) == [(1.5, -0.5, 1, 3), (-0.5, 1.5, 4, 1)]
        np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), PROBABILITIES)
        np.testing.assert_array_equal(
            figure.axes[0].collections[0].get_offsets(), [[0, 0], [1, 0], [2, 1], [3, 1]]
        )
    assert voted.get_suptitle() == f"the red one: one vote of all frames, mean J {OVERLAPS[1].mean():.2f}"
    mean = OVERLAPS[[0, 0, 1, 1], range(4)].mean()
    assert single.get_suptitle() == f"the red one: every frame chooses for itself, mean J {mean:.2f}"


def test_pictures_are_those_of_the_rule_and_of_the_chosen_query() -> None:
    figure = voting_explorer(view(), frame=1, query=2, voting=False)
    said = words(figure)
    assert f"query 0  J {OVERLAPS[0, 0]:.2f}" in said and f"query 1  J {OVERLAPS[1, 3]:.2f}" in said
    assert f"query 2, frame 1: p 0.10  J {OVERLAPS[2, 1]:.2f}" in said
    assert f"output: query 0, frame 1: p 0.60  J {OVERLAPS[0, 1]:.2f}" in said
    large = np.asarray(figure.axes[3].images[0].get_array())
    tint = 0.25 * 255 * np.array(to_rgb(style.PREDICTION))
    np.testing.assert_allclose(large[5, 8], 0.75 * FRAMES[1, 5, 8] + tint, atol=0.51)  # inside query 2's mask
    shifted = round(1.04 * 14) + 4
    np.testing.assert_allclose(large[3, shifted], 0.75 * FRAMES[1, 3, 4] + tint, atol=0.51)  # and query 0's
    assert len(figure.axes[2].collections) == 2  # outlines of masks and truth


def test_without_truth_and_with_many_frames() -> None:
    many = np.repeat(FRAMES, 5, 0)
    figure = voting_explorer(
        VotingView(many, np.repeat(MASKS, 5, 1), np.repeat(PROBABILITIES, 5, 1)), frame=19
    )
    said = words(figure)
    assert "frame 0" in said and "frame 19" in said and not any(" J " in text for text in said)
    assert figure.get_suptitle() == "one vote of all frames" and "truth" not in said
    assert figure.to_jpeg().startswith(b"\xff\xd8")
    voting_explorer(VotingView(FRAMES[:1], MASKS[:1, :1], PROBABILITIES[:1, :1])).to_png()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": FRAMES / 255}, "frames must be uint8"),
        ({"probabilities": PROBABILITIES[:, :3]}, r"\[N, T\] with T = 4, got \(3, 3\)"),
        ({"probabilities": PROBABILITIES * 2}, r"in 0..1, got 0.2..1.8"),
        ({"masks": MASKS[:2]}, "with N = 3"),
        ({"masks": MASKS[:, :2]}, r"got \(2, 10, 14\)"),
        ({"truth": TRUTH[:2]}, "truth must be"),
        ({"overlaps": OVERLAPS[0]}, "overlaps must be"),
    ],
)
def test_bad_views_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        view(**change)


def test_no_such_frame_or_query() -> None:
    with pytest.raises(ValueError, match=r"frame must be in 0..3 and query in 0..2, got 4, 1"):
        voting_explorer(view(), frame=4)
    with pytest.raises(ValueError, match="got 0, -1"):
        voting_explorer(view(), query=-1)


def test_the_race_adds_up_and_marks_the_leader_of_every_frame() -> None:
    figure = vote_race(PROBABILITIES, title="the red one")
    axes = figure.axes[0]
    winner = next(line for line in axes.lines if line.get_color() == style.VERMILION)
    assert np.asarray(winner.get_ydata(), float).tolist() == pytest.approx([0, 0.1, 0.3, 1.2, 2.1])
    assert len(axes.lines) == 3 and "query 1" in words(figure)
    leaders = np.asarray(axes.collections[0].get_offsets(), float)
    np.testing.assert_allclose(leaders, np.array([[1, 0.6], [2, 1.2], [3, 1.3], [4, 2.1]]))
    vote_race([[0.5]]).to_png()
    for bad, message in ((np.ones(3), r"must be \[N, T\]"), (np.full((2, 2), 2.0), "in 0..1, got 2..2")):
        with pytest.raises(ValueError, match=message):
            vote_race(bad)
