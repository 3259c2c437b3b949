"""Figures, through their artists and arrays: what is drawn, labelled and refused."""

from __future__ import annotations

import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure as MatplotlibFigure

from rvos_edu import viz
from rvos_edu.viz import style
from rvos_edu.viz.attention import enlarge, tidy_token
from rvos_edu.viz.curves import smooth, time_unit
from rvos_edu.viz.overlay import rim, stamped

RNG = np.random.default_rng(0)
FRAMES = RNG.integers(0, 255, (8, 10, 14, 3), dtype=np.uint8)
MASKS = np.zeros((8, 10, 14), bool)
MASKS[:, 3:7, 4:9] = True
TRUTH = np.roll(MASKS, 1, axis=2)


def pictures(figure: MatplotlibFigure) -> list[np.ndarray]:
    """Arrays of every image of every axes."""
    return [np.asarray(image.get_array()) for axes in figure.axes for image in axes.images]


def words(figure: MatplotlibFigure) -> list[str]:
    """Every text in the figure that is not empty."""
    return [t.get_text() for t in figure.findobj(matplotlib.text.Text) if t.get_text()]


def legend_labels(figure: MatplotlibFigure) -> list[str]:
    return [t.get_text() for legend in figure.findobj(matplotlib.legend.Legend) for t in legend.get_texts()]


# overlays ---------------------------------------------------------------------------------------------------


def test_overlay_tints_inside_draws_the_rim_and_leaves_the_rest() -> None:
    before = FRAMES[0].copy()
    out = viz.overlay(FRAMES[0], MASKS[0], "#102030", opacity=0.5)
    assert out.dtype == np.uint8 and out.shape == (10, 14, 3)
    np.testing.assert_array_equal(out[~MASKS[0]], before[~MASKS[0]])
    np.testing.assert_array_equal(out[3, 4], (0x10, 0x20, 0x30))
    np.testing.assert_array_equal(out[4, 5], np.rint(before[4, 5] / 2 + np.array([16, 32, 48]) / 2))
    np.testing.assert_array_equal(FRAMES[0], before)


@pytest.mark.parametrize("size", [(80, 112), (360, 640), (5, 4)])
def test_a_stamp_is_white_on_a_dark_band_that_the_text_fits_into(size: tuple[int, int]) -> None:
    frame = np.full((*size, 3), 120, np.uint8)
    out = stamped(frame, "does not fit: p 0.93")
    assert out.shape == frame.shape and (frame == 120).all()
    above = size[0] - round(1.5 * max(9, size[0] // 12))
    np.testing.assert_array_equal(out[: max(0, above)], frame[: max(0, above)])
    assert (out[-1, 0] == 0).all()
    if size[1] > 100:
        assert (out[above:] > 200).any() and (out[:, -2:] <= 120).all()  # letters, and none at the right edge


def test_rim_is_one_pixel_on_small_frames_and_wider_on_large_ones() -> None:
    assert rim(MASKS[0]).sum() == 4 * 5 - 2 * 3
    large = np.zeros((480, 854), bool)
    large[100:200, 100:200] = True
    assert rim(large).sum() == 100**2 - 96**2
    assert not rim(np.ones((5, 5), bool)).any()  # the frame's edge is no rim


def test_film_strip_shows_eight_frames_prediction_and_truth() -> None:
    figure = viz.film_strip(FRAMES, MASKS, TRUTH, title="the red circle")
    shown = pictures(figure)
    assert len(figure.axes) == len(shown) == 8
    colour = np.array(to_rgb(style.PREDICTION)) * 255
    np.testing.assert_allclose(shown[2][4, 5], 0.75 * FRAMES[2, 4, 5] + 0.25 * colour, atol=0.51)
    np.testing.assert_allclose(shown[2][0, 0], 0.75 * FRAMES[2, 0, 0], atol=0.51)
    assert all(len(axes.collections) == 2 for axes in figure.axes)  # two outlines
    assert [axes.get_title() for axes in figure.axes] == [f"frame {t}" for t in range(8)]
    assert figure.get_suptitle() == "the red circle"
    assert legend_labels(figure) == ["prediction", "truth"]


def test_film_strip_spreads_over_a_long_clip_and_takes_odd_input() -> None:
    long = viz.film_strip(
        np.repeat(FRAMES, 5, 0), np.zeros((40, 10, 14), bool), labels=[f"t{i}" for i in range(40)]
    )
    assert [axes.get_title() for axes in long.axes] == ["t0", "t6", "t11", "t17", "t22", "t28", "t33", "t39"]
    assert legend_labels(long) == [] and not any(axes.collections for axes in long.axes)
    one = viz.film_strip(np.zeros((1, 1, 1, 3), np.uint8), np.ones((1, 1, 1), bool))
    assert len(one.axes) == 1 and one.to_png().startswith(b"\x89PNG")
    assert len(viz.film_strip(FRAMES[:5], MASKS[:5]).axes) == 5


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 300), st.integers(1, 20))
def test_spread_is_even_and_keeps_the_ends(total: int, count: int) -> None:
    chosen = style.spread(total, count)
    assert len(chosen) == min(total, count) and chosen[0] == 0
    if count > 1:
        assert chosen[-1] == total - 1
        assert len(chosen) < 3 or np.diff(chosen).max() - np.diff(chosen).min() <= 1
    ticks = style.even(total, count)
    assert ticks[0] == 0 and len(ticks) <= count and len(set(np.diff(ticks))) <= 1


def test_clip_grid_has_a_row_per_clip_and_names_each_group_once() -> None:
    clip = viz.ClipPicture(FRAMES, MASKS, TRUTH, "a small circle", "J&F 90.0")
    short = viz.ClipPicture(FRAMES[:2], MASKS[:2], None, "another", "J&F 1.0")
    figure = viz.clip_grid({"best": [clip, clip], "worst": [short]}, title="clips")
    assert len(pictures(figure)) == 4 + 4 + 2
    texts = words(figure)
    assert texts.count("BEST") == texts.count("WORST") == 1
    assert texts.count("a small circle") == 2 and "J&F 1.0" in texts and "another" in texts
    with pytest.raises(ValueError, match="at least one clip"):
        viz.clip_grid({"best": []})


# attention --------------------------------------------------------------------------------------------------


def test_enlarge_is_bilinear_with_aligned_centres() -> None:
    np.testing.assert_allclose(enlarge([[[0.0, 4.0]]], (1, 4))[0, 0], [0, 1, 3, 4])
    torch = pytest.importorskip("torch")
    maps = RNG.random((2, 5, 7))
    resized = torch.nn.functional.interpolate(torch.tensor(maps)[None], size=(80, 112), mode="bilinear")[0]
    np.testing.assert_allclose(enlarge(maps, (80, 112)), resized.numpy(), atol=1e-12)


def test_attention_over_frames_shares_one_scale() -> None:
    weights = RNG.random((8, 2, 3))
    figure = viz.attention_over_frames(FRAMES, weights, title="query 3")
    maps = [image for axes in figure.axes for image in axes.images][1::2]
    assert len(maps) == 8
    np.testing.assert_allclose(maps[5].get_array(), enlarge(weights, (10, 14))[5])
    assert {image.get_clim() for image in maps} == {(0.0, weights.max())}
    assert figure.axes[-1].get_ylabel() == "attention per cell"
    viz.attention_over_frames(FRAMES[:1], np.zeros((1, 1, 1))).to_png()


def test_attention_over_words_bars_and_matrix() -> None:
    tokens = ["<s>", "the", "Ġcircle", "</s>"]
    bars = viz.attention_over_words([0.1, 0.2, 0.6, 0.1], tokens)
    assert [patch.get_height() for patch in bars.axes[0].patches] == [0.1, 0.2, 0.6, 0.1]
    assert [label.get_text() for label in bars.axes[0].get_xticklabels()] == ["<s>", "the", "circle", "</s>"]
    values = RNG.random((3, 4))
    matrix = viz.attention_over_words(values, tokens, rows=["a", "b", "c"])
    np.testing.assert_array_equal(pictures(matrix)[0], values)
    assert [label.get_text() for label in matrix.axes[0].get_yticklabels()] == ["a", "b", "c"]
    assert f"{values[1, 2]:.2f}" in words(matrix)
    assert tidy_token("Ġ") == "␣"


# votes ------------------------------------------------------------------------------------------------------


def test_voting_chart_marks_the_largest_sum_not_the_first_frame() -> None:
    probabilities = np.array([[0.1, 0.1, 0.1], [0.2, 0.9, 0.8], [0.6, 0.1, 0.2]])
    figure = viz.voting_chart(probabilities, frames=FRAMES[:3], title="sentence")
    heat = next(axes for axes in figure.axes if axes.get_ylabel() == "object query")
    np.testing.assert_array_equal(heat.images[0].get_array(), probabilities)
    assert heat.images[0].get_clim() == (0, 1)
    assert heat.patches[0].get_xy() == (-0.5, 0.5)  # row of query 1
    np.testing.assert_array_equal(heat.collections[0].get_offsets(), [[0, 2], [1, 1], [2, 1]])
    bars = next(axes for axes in figure.axes if axes.get_xlabel().startswith("votes"))
    np.testing.assert_allclose([bar.get_width() for bar in bars.patches], probabilities.sum(1))
    assert [bar.get_facecolor()[:3] == to_rgb(style.VERMILION) for bar in bars.patches] == [
        False,
        True,
        False,
    ]
    assert "1.90" in words(figure) and "voted: query 1" in legend_labels(figure)
    assert len(figure.axes[0].images) == 3


def test_voting_chart_of_many_queries_and_frames_stays_readable() -> None:
    figure = viz.voting_chart(RNG.random((50, 60)), chosen=7, frames=np.repeat(FRAMES, 8, 0)[:60])
    heat = next(axes for axes in figure.axes if axes.get_ylabel() == "object query")
    assert len(heat.get_xticks()) <= 16 and len(heat.get_yticks()) <= 25
    assert len(figure.axes[0].images) == 10
    assert "voted: query 7" in legend_labels(figure) and figure.get_figheight() < 10
    viz.voting_chart(np.array([[0.0]])).to_png()


# curves -----------------------------------------------------------------------------------------------------


def records() -> list[dict[str, float | str]]:
    train: list[dict[str, float | str]] = [
        {"event": "train", "step": s, "loss": 10.0 / s, "dice": 1.0, "focal": 0.0, "reference": 0.5,
         "lr": 1e-4, "seconds": 2.0 * s} for s in (30, 10, 20)
    ]  # fmt: skip
    scores: list[dict[str, float | str]] = [
        {"event": "evaluate", "step": s, "J&F": s + 1.0, "J": 1.0 * s, "F": s + 2.0, "seconds": 5.0}
        for s in (10, 25)
    ]
    return train + scores


def test_training_curves_against_step_and_time() -> None:
    figure = viz.training_curves(records(), title="run")
    losses, losses_in_time, scores, scores_in_time, rate, _ = figure.axes
    lines = {line.get_label(): line for line in losses.lines}
    np.testing.assert_array_equal(lines["total"].get_xdata(), [10, 20, 30])
    np.testing.assert_allclose(lines["total"].get_ydata(), [1, 0.5, 1 / 3])
    assert "focal" not in lines and losses.get_yscale() == "log"  # zeros have no place on a log scale
    np.testing.assert_array_equal(losses_in_time.lines[0].get_xdata(), [20, 40, 60])
    np.testing.assert_array_equal(scores.lines[0].get_ydata(), [11, 26])
    np.testing.assert_array_equal(
        scores_in_time.lines[0].get_xdata(), [20, 50]
    )  # the clock of training, by step
    assert legend_labels(figure) == ["total", "dice", "reference", "J&F", "J", "F"]
    assert figure.axes[-2].get_xlabel() == "step" and figure.axes[-1].get_xlabel() == "time of training (s)"
    np.testing.assert_array_equal(rate.lines[0].get_ydata(), [1e-4] * 3)


def test_training_curves_of_half_a_log() -> None:
    assert len(viz.training_curves(records()[:1]).axes) == 4  # losses and rate
    assert len(viz.training_curves(records()[3:]).axes) == 2  # scores only
    viz.training_curves(records()[:1]).to_png()
    with pytest.raises(ValueError, match='no record with "loss" or "J&F" among 1 records'):
        viz.training_curves([{"step": 1}])
    with pytest.raises(ValueError, match="every record needs a step"):
        viz.training_curves([{"loss": 1.0}])


def test_smooth_and_time_unit() -> None:
    np.testing.assert_allclose(smooth(np.array([3.0, np.nan, 6.0, 9.0]), 3), [3, 4.5, 7.5, 7.5])
    np.testing.assert_allclose(smooth(np.full(7, 2.0), 4), 2)
    assert [time_unit(s)[0] for s in (60, 600, 36000)] == ["s", "min", "h"]


def test_category_bars_sorted_with_all_on_top() -> None:
    figure = viz.category_bars(
        {"motion": 50.0, "all": 60.0, "colour": 90.0}, counts={"motion": 1200}, spans={"all": (55.0, 66.0)}
    )
    axes = figure.axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["all", "colour", "motion  (1,200)"]
    assert [bar.get_width() for bar in axes.patches] == [60, 90, 50]
    assert axes.get_xlim() == (0, 100) and {"60.0", "90.0", "50.0"} <= set(words(figure))
    both = viz.category_bars({"a": 50.0, "b": 5.0}, other={"a": 40.0}, names=("one", "two"))
    assert legend_labels(both) == ["one", "two"]
    both.to_png()
    with pytest.raises(ValueError, match="percent in 0..100, got 120 for 'a'"):
        viz.category_bars({"a": 120.0})
    with pytest.raises(ValueError, match="at least one category"):
        viz.category_bars({})


# all of them ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: viz.overlay(FRAMES[0] / 255, MASKS[0]), "must be uint8 RGB in 0..255, got float64"),
        (lambda: viz.overlay(FRAMES[0], MASKS[0], opacity=2), "opacity must be in 0..1, got 2"),
        (lambda: viz.film_strip(FRAMES.transpose(0, 3, 1, 2), MASKS), r"got shape \(8, 3, 10, 14\)"),
        (lambda: viz.film_strip(FRAMES, MASKS.astype(np.uint8)), "masks must be bool, got uint8"),
        (lambda: viz.film_strip(FRAMES, MASKS[:4]), r"= \(8, 10, 14\), got \(4, 10, 14\)"),
        (lambda: viz.film_strip(FRAMES, MASKS, labels=["a"]), "labels must be one per frame, 8, got 1"),
        (lambda: viz.attention_over_frames(FRAMES, np.ones((3, 2, 2))), "one map per frame, 8, got 3"),
        (lambda: viz.attention_over_frames(FRAMES, -np.ones((8, 2, 2))), "must be 0 or more, got -1..-1"),
        (lambda: viz.attention_over_words([1.0, 2.0], ["a"]), "tokens must be one per column, 2, got 1"),
        (lambda: viz.attention_over_words([[1.0]], ["a"], rows=["a", "b"]), "one label per row, 1, got 2"),
        (lambda: viz.voting_chart(np.ones(3)), r"probabilities must be \[N, T\], got shape \(3,\)"),
        (lambda: viz.voting_chart(np.full((2, 2), 1.5)), "probabilities must be in 0..1, got 1.5..1.5"),
        (lambda: viz.voting_chart(np.ones((2, 2)), chosen=2), "chosen must be in 0..1, got 2"),
        (lambda: viz.voting_chart(np.ones((2, 2)), frames=FRAMES), "frames must be one per column, 2, got 8"),
    ],
)  # fmt: skip
def test_bad_input_names_what_was_seen(draw, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        draw()


def test_the_look_is_ours_and_leaves_the_users_settings_alone() -> None:
    with matplotlib.rc_context({"font.size": 31, "axes.spines.top": True}):
        figure = viz.category_bars({"a": 50.0})
        assert matplotlib.rcParams["font.size"] == 31
        assert not figure.axes[0].spines["top"].get_visible()
        assert figure.axes[0].xaxis.label.get_fontsize() == 10
    assert figure.get_dpi() == 150 and figure.get_figwidth() == style.WIDTH


def test_notebooks_show_a_figure_without_pyplot() -> None:
    code = (
        "import numpy as np, sys; from rvos_edu import viz; f = viz.voting_chart(np.ones((2, 2)));"
        "assert 'matplotlib.pyplot' not in sys.modules; sys.stdout.buffer.write(f._repr_png_()[:4])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert shown.stdout == b"\x89PNG"
