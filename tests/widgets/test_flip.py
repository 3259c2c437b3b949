"""Flip and swap: the meaning of sentences about mirrored videos, the picture, the widget."""

from __future__ import annotations

import numpy as np
import pytest

from rvos_edu.data import swap_directions
from rvos_edu.data.moving_shapes.layouts import Video, generate_video
from rvos_edu.viz.instances import strip
from rvos_edu.widgets import flip as module
from rvos_edu.widgets.flip import fitting, flip_figure, flip_widget, mirrored, verdict
from tests.data.moving_shapes.meaning import objects_that_fit

VIDEOS = [generate_video("full", 0, "test", index) for index in range(12)]


@pytest.fixture
def video() -> Video:
    return next(v for v in VIDEOS if any(_motion(e) for e in v.expressions))


def _motion(expression) -> bool:
    return expression.category == "motion" and swap_directions(expression.text) != expression.text


def motion(video: Video) -> int:
    return next(i for i, e in enumerate(video.expressions) if _motion(e))


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("flip", [False, True])
def test_meaning_agrees_with_a_second_reading_of_the_words(flip: bool, swap: bool) -> None:
    for video in VIDEOS:
        facts = mirrored(video.facts) if flip else video.facts
        for e in video.expressions:
            text = swap_directions(e.text) if swap else e.text
            assert fitting(video.facts, e, flip=flip, swap=swap) == objects_that_fit(
                text, [vars(f) for f in facts]
            )


def test_flip_and_swap_together_leave_every_sentence_true_and_one_alone_no_direction() -> None:
    for video in VIDEOS:
        for e in video.expressions:
            assert fitting(video.facts, e, flip=True, swap=True) == [e.identity]
            assert fitting(video.facts, e, flip=False, swap=False) == [e.identity]
            for flip in (True, False):
                kept = fitting(video.facts, e, flip=flip, swap=not flip) == [e.identity]
                assert kept == (swap_directions(e.text) == e.text)


def test_mirrored_facts_are_those_of_the_mirrored_masks(video: Video) -> None:
    for before, after in zip(video.facts, mirrored(video.facts), strict=True):
        assert after.place == (1 - before.place[0], before.place[1])
        assert after.direction == {"left": "right", "right": "left"}.get(before.direction, before.direction)
    assert mirrored(mirrored(video.facts))[0].direction == video.facts[0].direction


@pytest.mark.parametrize(
    ("fitted", "words"),
    [
        ([2], "still true"),
        ([], "true of no object"),
        ([1], "true of another object"),
        ([1, 3], "true of 2 other objects"),
        ([1, 2], "no longer clear: true of 2 objects"),
    ],
)
def test_verdict(fitted: list[int], words: str) -> None:
    assert words in verdict(2, fitted) and ("false" in verdict(2, fitted)) == (2 not in fitted)


def test_the_figure_shows_what_training_would_see(video: Video, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {}
    draw = module.instance_rows
    monkeypatch.setattr(
        module, "instance_rows", lambda clips, **rest: rows.update(c=clips) or draw(clips, **rest)
    )
    number = motion(video)
    e = video.expressions[number]
    figure = flip_figure(video, number, flip=True, swap=False)
    stored, seen = rows["c"]
    np.testing.assert_array_equal(seen.frames, video.frames[:, :, ::-1])
    np.testing.assert_array_equal(seen.ids, video.ids[:, :, ::-1])
    assert stored.text == f"stored: {e.text}" and seen.text == f"flipped: {e.text}"
    assert stored.marked == seen.marked == e.identity and stored.said == (e.identity,)
    assert seen.said == tuple(fitting(video.facts, e, flip=True, swap=False)) != stored.said
    assert "false" in seen.note
    np.testing.assert_array_equal(figure.axes[1].images[0].get_array(), strip(seen, 4)[0])
    flip_figure(video, number, flip=True, swap=True)
    assert rows["c"][1].text == f"flipped and words swapped: {swap_directions(e.text)}"
    assert rows["c"][1].note == "still true"
    flip_figure(video, number, flip=False, swap=False)
    assert rows["c"][1].text == f"unchanged: {e.text}"
    with pytest.raises(IndexError):
        flip_figure(video, 99)


def test_every_control_changes_the_picture_to_that_of_the_static_twin(video: Video) -> None:
    pytest.importorskip("ipywidgets")
    number = motion(video)
    widget = flip_widget(video, number)
    controls, picture = widget.children
    sentence, flip, swap = controls.children
    assert sentence.value == number and flip.value and not swap.value
    assert bytes(picture.value) == flip_figure(video, number, flip=True, swap=False).to_jpeg()
    swap.value = True
    assert bytes(picture.value) == flip_figure(video, number, flip=True, swap=True).to_jpeg()
    flip.value = False
    assert bytes(picture.value) == flip_figure(video, number, flip=False, swap=True).to_jpeg()
    sentence.value = (number + 1) % len(video.expressions)
    assert bytes(picture.value) == flip_figure(video, sentence.value, flip=False, swap=True).to_jpeg()
    assert "flip_figure" in repr(widget)
