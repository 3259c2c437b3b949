"""Figure A: strips of maps over frames, on scales that all sentences share."""

from __future__ import annotations

from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import PowerNorm

from rvos_edu.viz.attention import enlarge
from rvos_edu.viz.grounding import GAP, GroundingPicture, grounding_figure

RNG = np.random.default_rng(0)
FRAMES = RNG.integers(0, 255, (3, 8, 12, 3), dtype=np.uint8)
MASKS = np.zeros((3, 8, 12), bool)
MASKS[1:, 2:5, 3:7] = True


def picture(**changes: object) -> GroundingPicture:
    looks = RNG.random((2, 3, 2, 3)).astype(np.float32)
    reads = RNG.random((2, 3, 2, 3)).astype(np.float32)
    made = GroundingPicture(
        "red circle", ["Ġred", "Ġcircle"], FRAMES, MASKS,
        looks / looks.sum((1, 2, 3), keepdims=True), reads / reads.sum(0), 5 + RNG.random((3, 2, 3)), "true",
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def test_one_row_per_token_maps_left_and_right() -> None:
    one = picture()
    figure = grounding_figure([one], title="figure A")
    labels, left, right = (figure.axes[:9][i::3] for i in range(3))
    assert [axes.texts[0].get_text() for axes in labels[1:]] == ["red", "circle"]
    assert [np.asarray(axes.images[0].get_array()).shape for axes in left] == [(8, 3 * 12 + 2 * GAP, 3)] * 3
    assert len(left[0].collections) == 2 and not right[0].collections  # the mask, where there is one
    strip = np.asarray(left[0].images[0].get_array())
    np.testing.assert_allclose(strip[:, 12 + GAP : 24 + GAP], FRAMES[1] / 255)
    assert (strip[:, 12 : 12 + GAP] == 1).all()
    assert figure.subfigs[0].get_suptitle() == "“red circle”   true"
    assert figure.get_suptitle() == "figure A"
    figure.to_png()


def test_colours_are_those_of_the_scales() -> None:
    one = picture()
    figure = grounding_figure([one])
    top = float(one.words_to_pixels.max())
    bars = figure.axes[-3:]
    assert [axes.get_xlabel().split(":")[0] for axes in bars] == [
        "words → pixels", "pixels → words", "f_early",
    ]  # fmt: skip
    np.testing.assert_allclose(bars[0].get_xlim(), (0, top), rtol=1e-6)
    np.testing.assert_allclose(bars[2].get_xlim(), (one.strength.min(), one.strength.max()))
    share = PowerNorm(0.5, 0, top)(enlarge(one.words_to_pixels[1], (8, 12))[2])
    heat = matplotlib.colormaps["inferno"](share)[..., :3]
    drawn = np.asarray(figure.axes[7].images[0].get_array())[:, -12:]
    np.testing.assert_allclose(drawn, 0.7 * heat + 0.3 * FRAMES[2].mean(-1)[..., None] / 255, atol=1e-6)


def test_frames_that_are_not_shown_do_not_count_in_the_scales() -> None:
    one = picture()
    one.words_to_pixels[0, 1] = 0.9  # the middle frame
    shown = one.words_to_pixels[:, [0, 2]].max()
    np.testing.assert_allclose(grounding_figure([one], count=2).axes[-3].get_xlim(), (0, shown), rtol=1e-6)


def test_two_sentences_share_the_scales() -> None:
    dark, bright = picture(), picture(pixels_to_words=np.ones((2, 3, 2, 3), np.float32), note="false")
    figure = grounding_figure([dark, bright], count=2)
    assert figure.axes[-2].get_xlim() == (0, 1)
    assert [part.get_suptitle() for part in figure.subfigs[:2]] == [
        "“red circle”   true", "“red circle”   false",
    ]  # fmt: skip
    strip = np.asarray(figure.axes[1].images[0].get_array())
    assert strip.shape == (8, 2 * 12 + GAP, 3)  # the first and the last frame
    np.testing.assert_allclose(strip[:, -12:], FRAMES[2] / 255)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frames": FRAMES / 255}, "frames must be uint8 RGB"),
        ({"masks": MASKS[:2]}, r"masks must be \[T, H, W\]"),
        ({"tokens": ["one"]}, r"words_to_pixels must be \(1, 3, 2, 3\), 0 or more, got \(2, 3, 2, 3\)"),
        ({"pixels_to_words": -np.ones((2, 3, 2, 3))}, "pixels_to_words must be .* from -1 on"),
        ({"strength": np.ones((2, 2, 3))}, r"strength must be|words_to_pixels must be"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        grounding_figure([picture(**changes)])
    with pytest.raises(ValueError, match="at least one picture"):
        grounding_figure([])
