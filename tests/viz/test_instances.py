"""Rows of clips with their objects: tint, outlines, numbers, text."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest

from rvos_edu.viz.instances import GAP, InstanceClip, instance_rows, strip
from rvos_edu.viz.overlay import tinted

FRAMES = np.random.default_rng(0).integers(0, 255, (6, 10, 14, 3), dtype=np.uint8)
IDS = np.zeros((6, 10, 14), np.uint8)
IDS[:, 2:5, 2:5] = 1
IDS[3:, 6:9, 8:13] = 3


def words(figure) -> list[str]:
    return [t.get_text() for t in figure.findobj(matplotlib.text.Text) if t.get_text()]


def test_frames_stand_in_a_row_with_gaps() -> None:
    picture, ids, starts = strip(InstanceClip(FRAMES, IDS, "x"), 3)
    assert picture.shape == (10, 3 * 14 + 2 * GAP, 3) and starts == [0, 14 + GAP, 2 * (14 + GAP)]
    for start, t in zip(starts, (0, 2, 5), strict=True):
        np.testing.assert_array_equal(picture[:, start : start + 14], FRAMES[t])
        np.testing.assert_array_equal(ids[:, start : start + 14], IDS[t])
    assert (picture[:, 14 : 14 + GAP] == 255).all() and not ids[:, 14 : 14 + GAP].any()


def test_the_marked_object_is_tinted() -> None:
    picture, _, starts = strip(InstanceClip(FRAMES, IDS, "x", marked=3), 6)
    np.testing.assert_array_equal(picture[:, starts[5] :], tinted(FRAMES[5], IDS[5] == 3))


def test_rows_have_text_note_outlines_and_a_legend() -> None:
    plain = InstanceClip(FRAMES, IDS, "plain")
    full = InstanceClip(FRAMES, IDS, "the red one", 1, (3,), "false", "#D55E00")
    figure = instance_rows([plain, full], title="clips", names=("label", "words"))
    assert len(figure.axes) == 2 and not figure.axes[0].collections
    assert len(figure.axes[1].collections) == 2  # the marked one and the dashed one
    assert {"plain", "the red one", "false", "clips", "label", "words", "frame 0", "frame 5"} <= set(
        words(figure)
    )
    (note,) = [t for t in figure.axes[1].texts if t.get_text() == "false"]
    assert note.get_color() == "#D55E00"
    assert not instance_rows([plain]).legends
    assert figure.to_jpeg().startswith(b"\xff\xd8")


def test_numbers_are_written_into_what_is_seen() -> None:
    figure = instance_rows([InstanceClip(FRAMES, IDS, "x", numbered=True)], count=2)  # frames 0 and 5
    numbers = [(t.get_text(), t.get_position()) for t in figure.axes[0].texts if t.get_text() in ("1", "3")]
    width = 14 + GAP
    assert numbers == [("1", (3, 3)), ("1", (width + 3, 3)), ("3", (width + 10, 7))]


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one clip"):
        instance_rows([])
    with pytest.raises(ValueError, match="ids must be uint8"):
        instance_rows([InstanceClip(FRAMES, IDS[:3], "x")])
