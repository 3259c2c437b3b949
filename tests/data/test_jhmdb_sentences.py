"""JHMDB-Sentences by hand: samples, masks, windows, and what is wrong with damaged files."""

from __future__ import annotations

import json
import logging
import random
import re
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

from rvos_edu.data import check, load
from rvos_edu.data.jhmdb_sentences import JHMDBSentences
from rvos_edu.data.jhmdb_tables import drawn_numbers, mask_shape, read_puppet_masks
from rvos_edu.errors import DataError, SplitError
from tests.data.jhmdb_tree import (
    ACTIONS,
    ODD,
    PLAIN,
    SENTENCES,
    SHORT,
    SIZE,
    frames_folder,
    mask_of,
    mask_path,
    write_frame,
    write_jhmdb,
    write_list,
    write_masks,
    write_table,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_jhmdb(tmp_path / "jhmdb")


def test(root: Path, window: int | None = 4, **options: object) -> JHMDBSentences:
    dataset = load("jhmdb-sentences", root=root, split="test", window=window, **options)  # type: ignore[arg-type]
    assert isinstance(dataset, JHMDBSentences)
    return dataset


test.__test__ = False  # type: ignore[attr-defined]


def numbers(data: JHMDBSentences) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for frame in data.annotated_frames:
        found.setdefault(frame.video, []).append(frame.number)
    return found


# ------------------------------------------------------------------------------------------------- good input


def test_windows_end_with_the_last_mask(root: Path) -> None:
    """Of eight frames five have masks: frame 5 is the last that a window shows."""
    write_list(root, [(ODD, 5), (ODD, 1), (PLAIN, 3), (SHORT, 1)])
    data = test(root)
    assert [f.video for f in data.annotated_frames] == [ODD, ODD, PLAIN, SHORT]
    shown = [[1, 1, 1, 2], [3, 4, 5, 5], [1, 2, 3, 4], [1, 1, 1, 1]]
    for sample, frames, number in zip(data, shown, (1, 5, 3, 1), strict=True):
        assert [round(float(f.float().mean()) / 20) for f in sample.frames] == frames
        assert sample.frame_names == tuple(f"{n:05d}" for n in frames) and frames[2] == number
        assert sample.annotated == (2,) and sample.original_size == SIZE
        assert sample.target is not None and sample.target.referred == 0
        np.testing.assert_array_equal(sample.target.masks, mask_of(number)[None, None])
    assert [s.expression for s in data] == ["a man walking"] * 2 + ["girl, with a ball", "a man walking"]
    assert data[0].raw_expression == "A man  walking "
    assert [data.image_of(s) for s in data] == [
        f"v_{video}_f_{n}" for video, n in ((ODD, 1), (ODD, 5), (PLAIN, 3), (SHORT, 1))
    ]


def test_the_published_list_is_used_and_named(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_list(root, [(PLAIN, 6), (ODD, 2), (PLAIN, 1), (SHORT, 1)])
    with caplog.at_level(logging.INFO):
        data = test(root)
    assert not data.drawn and numbers(data) == {ODD: [2], PLAIN: [1, 6], SHORT: [1]}
    assert f"the frames of the published list {root}/jhmdb_sentences_samples_metadata.json" in caplog.text
    assert numbers(test(root, seed=5)) == numbers(data) and data.notes == ()


def test_drawn_frames_depend_on_video_and_seed(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = test(root)
    assert data.drawn and "samples_metadata.json is missing: frames are drawn with seed 0" in caplog.text
    assert "github.com/mttr2021/MTTR, datasets/jhmdb_sentences/ lists" in caplog.text
    assert data.notes == ("frames drawn with seed 0, not those of the published list",)
    found = numbers(data)
    assert found[ODD] == sorted(random.Random(f"0 {ODD}").sample(range(1, 6), 3)) and found[SHORT] == [1]
    assert all(1 <= n <= 5 for n in found[ODD]) and len(set(found[PLAIN])) == 3
    write_table(root, SENTENCES[1:])  # another set of videos, the same frames of each
    assert numbers(test(root)) == {video: found[video] for video in (PLAIN, SHORT)}
    draws = {tuple(drawn_numbers(PLAIN, 40, seed)) for seed in range(8)}
    assert len(draws) == 8


def test_one_mask_lost_its_axis(root: Path) -> None:
    assert mask_shape(mask_path(root, SHORT)) == (*SIZE, 1)
    np.testing.assert_array_equal(read_puppet_masks(mask_path(root, SHORT)), [mask_of(1)])
    masks = read_puppet_masks(mask_path(root, ODD))
    np.testing.assert_array_equal(masks, [mask_of(n) for n in range(1, 6)])


def test_a_sentence_of_a_video_without_the_folder_of_its_action(root: Path) -> None:
    """The action is in no table: it is found by listing folders, whatever characters a name holds."""
    assert str(frames_folder(root, ODD)).endswith("Rename_Images/walk/(walk!)_@home+1")
    assert test(root).frame_count(ODD) == 5


def test_counting_is_kept(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rvos_edu.data import jhmdb_sentences

    test(root)
    monkeypatch.setattr(jhmdb_sentences, "frame_total", lambda video: pytest.fail("counted again"))
    assert test(root).frame_count(PLAIN) == 6


def test_only_one_split(root: Path) -> None:
    with pytest.raises(
        SplitError, match="'train' of jhmdb-sentences: it has only test, and is not trained on"
    ):
        load("jhmdb-sentences", root=root, split="train", window=4)
    with pytest.raises(DataError, match="jhmdb-sentences has single annotated frames: .*need a window"):
        test(root, None)


# -------------------------------------------------------------------------------------------------- the check


def test_counts_and_notes(root: Path) -> None:
    report = check("jhmdb-sentences", root)
    assert report.ok, report
    (split,) = report.splits
    assert (split.videos, split.expressions, split.samples, split.frames) == (3, 3, 7, 4.0)
    path = root / "jhmdb_sentences_samples_metadata.json"
    assert report.notes == [
        f"test: {path} is missing: frames are drawn, published numbers are of those of "
        "github.com/mttr2021/MTTR, datasets/jhmdb_sentences/",
        f"test: 2 videos have fewer masks than frames, the last frames are left out: {ODD}",
        "test: found 3 videos and 3 expressions and 7 samples, the published split has 928 and 928 and 2784",
    ]
    write_list(root, [(ODD, 1), (PLAIN, 1), (SHORT, 1)])
    write_masks(root, SHORT, 3)
    report = check("jhmdb-sentences", root)
    assert report.splits[0].samples == 3 and f"the published list {path}" in report.notes[0]
    assert f"test: 1 videos have more masks than frames: {SHORT}" in report.notes


GOOD = [(ODD, 1), (PLAIN, 2), (SHORT, 1)]


def sentence(text: str) -> Callable[[Path], object]:
    return lambda root: write_table(root, [*SENTENCES, text])


def listed(*samples: tuple[str, int]) -> Callable[[Path], object]:
    return lambda root: write_list(root, list(samples))


def no_frame(root: Path) -> None:
    (frames_folder(root, ODD) / "00003.png").unlink()


def cut_frame(root: Path) -> None:
    path = frames_folder(root, ODD) / "00003.png"
    path.write_bytes(path.read_bytes()[:45])


def named(root: Path) -> None:
    (frames_folder(root, ODD) / "00008.png").rename(frames_folder(root, ODD) / "8.png")


def cut_masks(root: Path) -> None:
    path = mask_path(root, ODD)
    path.write_bytes(path.read_bytes()[:-30])


def newer(root: Path) -> None:
    """What MATLAB writes with -v7.3."""
    with h5py.File(mask_path(root, ODD), "w") as file:
        file["part_mask"] = np.zeros((5, 16, 12), np.uint8)


def twice(root: Path) -> None:
    (root / "Rename_Images" / "run" / ODD).mkdir()


def holds(content: dict[str, object]) -> Callable[[Path], object]:
    return lambda root: scipy.io.savemat(mask_path(root, ODD), content)


FAULTS = [  # what is done, words of the one message, key
    (no_frame, "00003.png is missing", ODD),
    (cut_frame, "00003.png cannot be read as an image", ODD),
    (named, "8.png is not named by the number of a frame", ODD),
    (lambda root: write_frame(root, ODD, 4, (10, 16)), "00004.png is 10x16", ODD),
    (lambda root: write_masks(root, ODD, 5, (16, 12)), "mat holds masks of 16x12 .*00001.png is 12x16", ODD),
    (lambda root: mask_path(root, ODD).unlink(), "puppet_mask.mat is missing", ODD),
    (cut_masks, r"mat cannot be read as MAT \(version 5\)", ODD),
    (newer, r"mat cannot be read as MAT \(version 5\)", ODD),
    (
        holds({"mask": np.ones((3, 4, 5))}),
        r"has no array of numbers 'part_mask'; it holds mask \(3, 4, 5\)",
        ODD,
    ),
    (
        holds({"part_mask": "text"}),
        "has no array of numbers 'part_mask'; it holds part_mask .*, no numbers",
        ODD,
    ),
    (holds({"part_mask": np.array(["a", 1], object)}), r"it holds part_mask \(1, 2\), no numbers", ODD),
    (twice, r"Rename_Images/\*/\(walk!\)_@home\+1 is there 2 times, under run and walk", ODD),
    (sentence("gone,x"), r"Rename_Images/\*/gone is missing, though .*txt:5 names the video", "gone"),
    (sentence(f"{ODD},x"), "txt:5 describes the video .* again, after line 2", ODD),
    (sentence("../x,x"), r"the video id in line 5 is '\.\./x', expected a plain name", "../x"),
    (listed(*GOOD, ("gone", 1)), "row 3 names the video 'gone', which has no sentence", "gone"),
    (listed(*GOOD, (ODD, 6)), r"row 3 asks for .*00006.png', the video .* has 5 frames", ODD),
    (listed(*GOOD, (ODD, 0)), r"row 3 asks for .*00000.png'", ODD),
    (listed(*GOOD, (ODD, 1)), "row 3 lists frame 1 of the video .* again", ODD),
    (listed(*GOOD[1:]), r"json lists no frame of the video '\(walk!\)_@home\+1'", ODD),
]


@pytest.mark.parametrize(("spoil", "words", "key"), FAULTS)
def test_every_fault_is_reported_once_and_can_be_left_out(
    root: Path, spoil: Callable[[Path], object], words: str, key: str
) -> None:
    write_list(root, GOOD)
    spoil(root)
    report = check("jhmdb-sentences", root)
    assert [re.search(words, text) is not None for text in report.problems] == [True], report.problems
    assert str(root) in report.problems[0] and list(report.splits[0].bad) == [key]
    rest = test(root, skip_bad=True)
    assert rest.skipped == 1
    assert {s.video for s in rest} == set(ACTIONS) - {key}


@pytest.mark.parametrize(
    "spoil", [no_frame, cut_masks, newer, twice, sentence("gone,x"), listed(*GOOD, (ODD, 6))]
)
def test_loading_stops_at_a_fault(root: Path, spoil: Callable[[Path], object]) -> None:
    write_list(root, GOOD)
    spoil(root)
    with pytest.raises(DataError, match=re.escape(str(root))):
        test(root)


def test_masks_of_another_size_are_found_when_read(root: Path) -> None:
    write_list(root, GOOD)
    write_masks(root, ODD, 5, (16, 12))
    with pytest.raises(DataError, match=r"mat holds masks of 16x12 .*frame 1 of the video .* is 12x16"):
        test(root)[0]
    write_frame(root, PLAIN, 3, (9, 9))
    with pytest.raises(DataError, match=r"00003\.png is 9x9 .*another frame of the video is 12x16"):
        test(root)[1]


def test_an_empty_sentence(root: Path) -> None:
    write_table(root, [f"{ODD}, ", *SENTENCES[1:]])
    report = check("jhmdb-sentences", root)
    assert len(report.problems) == 1 and "txt:2: the sentence about the video" in report.problems[0]
    write_table(root, [ODD, *SENTENCES[1:]])
    with pytest.raises(DataError, match="txt:2: the sentence about the video .* is empty"):
        test(root)


@pytest.mark.parametrize("content", ["", "{}", "[1]", '[["a", "b"]]', "[["])
def test_lists_that_are_none(root: Path, content: str) -> None:
    (root / "jhmdb_sentences_samples_metadata.json").write_text(content)
    with pytest.raises(DataError, match=r"samples_metadata\.json (must hold a list of rows|cannot be read)"):
        test(root)
    report = check("jhmdb-sentences", root)
    assert len(report.problems) == 1 and "samples_metadata.json" in report.problems[0]


def test_rows_of_any_kind_do_nothing_worse(root: Path) -> None:
    path = root / "jhmdb_sentences_samples_metadata.json"
    for video in ({}, [], None, 3):
        path.write_text(json.dumps([[video, None, 1, 2, 3]]))
        with pytest.raises(DataError, match="row 0 names the video"):
            test(root)
    path.write_text(json.dumps([[ODD, {}, 1, 2, 3]]))
    with pytest.raises(DataError, match="row 0 asks for {}"):
        test(root)


def test_a_table_that_was_cut(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Masks without a row: rows are lost; loading says so and goes on."""
    path = root / "jhmdb_annotation.txt"
    path.write_text("\n".join(["video_id,query", *SENTENCES[:2]]))
    report = check("jhmdb-sentences", root)
    gap = f"{path} has no row for 1 videos with masks, {SHORT} for example"
    assert report.problems == [f"test: {gap}"] and report.splits[0].bad == {}
    assert any("jhmdb_annotation.txt does not end with the end of a line" in note for note in report.notes)
    assert {f.video for f in test(root).annotated_frames} == {ODD, PLAIN} and gap in caplog.text
    mask_path(root, SHORT).unlink()
    assert check("jhmdb-sentences", root).ok


def test_missing_parts(root: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere does not exist; expected Rename_Images/"):
        test(root / "nowhere")
    (root / "Rename_Images").rename(root / "elsewhere")
    with pytest.raises(DataError, match="Rename_Images is missing"):
        test(root)
    (root / "elsewhere").rename(root / "Rename_Images")
    (root / "jhmdb_annotation.txt").unlink()
    with pytest.raises(DataError, match=r"jhmdb_annotation\.txt is missing"):
        test(root)
