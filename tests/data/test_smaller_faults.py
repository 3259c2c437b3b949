"""A copy with smaller frames of a dataset that has faults: told in time, left out on request."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from rvos_edu.cli import main
from rvos_edu.data import check, load
from rvos_edu.data.palette import write_ids
from rvos_edu.data.refer_youtube_vos import expressions_file
from rvos_edu.data.smaller import NAMES, write_smaller
from rvos_edu.errors import DataError
from tests.data.mevis_tree import BIRDS, STILL, edit_json, entry, write_masks, write_mevis
from tests.data.plain_tree import write_plain

SIDES = {"short_side": 10, "max_side": 20}


def mask_of_another_size(root: Path) -> str:
    write_ids(root / "train/Annotations/b/00005.png", np.ones((160, 224), np.uint8))
    return r"00005\.png is 160x224 \(height x width\), its frame is 80x112"


def frame_of_another_size(root: Path) -> str:
    Image.new("RGB", (224, 160)).save(root / "train/JPEGImages/b/00005.jpg")
    return r"00005\.jpg is 160x224 \(height x width\), 00000\.jpg of the same video is 80x112"


def frame_cut_off(root: Path) -> str:
    path = root / "train/JPEGImages/b/00005.jpg"
    path.write_bytes(path.read_bytes()[:3000])
    return r"00005\.jpg cannot be read as an image"


def frame_missing(root: Path) -> str:
    (root / "train/JPEGImages/b/00005.jpg").unlink()
    return r"00005\.jpg is missing"


@pytest.mark.parametrize("spoil", [mask_of_another_size, frame_of_another_size, frame_cut_off, frame_missing])
def test_a_faulty_video(
    spoil: Callable[[Path], str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The copy stops there and goes on without it; it passes its check, the original stays as it was."""
    full = write_plain(tmp_path / "full", {"a": (80, 112), "b": (80, 112)})
    ids = expressions_file(full, "train").with_name("ids.txt")
    ids.write_text("a\nb\n")
    sentences = expressions_file(full, "train").read_text()
    message = spoil(full)
    with pytest.raises(DataError, match=message):
        write_smaller(NAMES[0], full, tmp_path / "out", workers=1, **SIDES)
    assert not expressions_file(tmp_path / "out", "train").exists()
    sides = ["--short-side", "10", "--max-side", "20", "--workers", "1", "--skip-bad"]
    line = ["data", "smaller", NAMES[0], "--root", str(full), "--out", str(tmp_path / "out"), *sides]
    with caplog.at_level(logging.WARNING):
        assert main(line) == 0
    assert caplog.text.count("faulty entries left out: 1;") == 1
    report = check(NAMES[0], tmp_path / "out")
    assert report.problems == [] and (report.splits[0].videos, report.splits[0].expressions) == (1, 2)
    assert len(check(NAMES[0], full).problems) == 1
    assert expressions_file(full, "train").read_text() == sentences and ids.read_text() == "a\nb\n"


def test_sentences_of_the_original_are_not_written_through_an_older_link(tmp_path: Path) -> None:
    """Earlier copies linked the folder of sentences."""
    full = write_plain(tmp_path / "full", {"a": (80, 112), "b": (80, 112)})
    out = write_smaller(NAMES[0], full, tmp_path / "out", workers=1, **SIDES)
    shutil.rmtree(out / "meta_expressions")
    (out / "meta_expressions").symlink_to(full / "meta_expressions")
    sentences = expressions_file(full, "train").read_text()
    frame_missing(full)
    write_smaller(NAMES[0], full, out, workers=1, skip_bad=True, **SIDES)
    assert expressions_file(full, "train").read_text() == sentences
    assert list(json.loads(expressions_file(out, "train").read_text())["videos"]) == ["a"]


def spoilt_runs(root: Path, change: Callable[[Any], Any]) -> Path:
    """MeViS whose annotation 12, of one of four sentences, is changed."""
    edit_json(write_mevis(root) / "train" / "mask_dict.json", lambda m: m.update({"12": change(m["12"])}))
    return root


def enlarged(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    mask = np.asfortranarray(np.ones((40, 30), np.uint8))
    return [{"size": [40, 30], "counts": coco.encode(mask)["counts"].decode("ascii")} for _ in runs]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda runs: [{"counts": "0"}], "has the size None at frame number 0"),
        (lambda runs: [{"size": [20, "x"], "counts": "0"}], r"has the size \[20, 'x'\] at frame number 0"),
        (lambda runs: runs[:-1], "has 4 entries, its video 5 frames"),
        (lambda runs: [{**r, "counts": "11"} for r in runs], "frame number 0, has run lengths of 2 pixels"),
        (enlarged, r"frame number 0, has a mask of size \[40, 30\], its image is 20x30"),
    ],
)
def test_faulty_run_lengths(
    change: Callable[[Any], Any], message: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Told before a frame is written; the sentences about them are left out on request."""
    full, out = spoilt_runs(tmp_path / "mevis", change), tmp_path / "out"
    with pytest.raises(DataError, match=rf"mask_dict\.json: annotation 12,? {message}"):
        write_smaller("mevis", full, out, workers=1, **SIDES)
    assert not (out / "train" / "mask_dict.json").exists() and not (out / "train" / "JPEGImages").exists()
    with caplog.at_level(logging.WARNING):
        write_smaller("mevis", full, out, workers=1, skip_bad=True, **SIDES)
    assert caplog.text.count("faulty entries left out: 1;") == 1
    report = check("mevis", out)
    assert report.problems == [] and (report.splits[0].videos, report.splits[0].expressions) == (2, 3)
    assert list(json.loads((out / "train" / "mask_dict.json").read_text())) == ["13", "14", "20"]


def test_frames_of_differing_size_are_told_with_the_run_lengths(tmp_path: Path) -> None:
    full = write_mevis(tmp_path / "mevis")
    Image.new("RGB", (60, 40)).save(full / "train" / "JPEGImages" / BIRDS / "00003.jpg")
    with pytest.raises(DataError, match=r"00003\.jpg is 40x60 .*, 00000\.jpg of the same video is 20x30"):
        write_smaller("mevis", full, tmp_path / "out", workers=1, **SIDES)
    assert not (tmp_path / "out" / "train" / "JPEGImages").exists()
    write_smaller("mevis", full, tmp_path / "out", workers=1, skip_bad=True, **SIDES)
    assert check("mevis", tmp_path / "out").problems == []
    assert [path.name for path in (tmp_path / "out/train/JPEGImages").iterdir()] == [STILL]


@pytest.mark.parametrize("skip_bad", [False, True])
def test_run_lengths_cut_off(skip_bad: bool, tmp_path: Path) -> None:
    path = write_mevis(tmp_path / "mevis") / "train" / "mask_dict.json"
    path.write_text(path.read_text()[:-50])
    with pytest.raises(DataError, match=r"mask_dict\.json is damaged or no mask dictionary at byte"):
        write_smaller("mevis", tmp_path / "mevis", tmp_path / "out", workers=1, skip_bad=skip_bad, **SIDES)
    assert not (tmp_path / "out").exists()


def test_run_lengths_are_completed_when_the_original_is_mended(tmp_path: Path) -> None:
    full, out = spoilt_runs(tmp_path / "mevis", lambda runs: runs[:-1]), tmp_path / "out"
    write_smaller("mevis", full, out, workers=1, skip_bad=True, **SIDES)
    write_masks(full, "train", {"12": entry(12), "13": entry(13), "14": entry(14), "20": entry(20)[:1]})
    write_smaller("mevis", full, out, workers=1, **SIDES)
    assert sorted(json.loads((out / "train" / "mask_dict.json").read_text())) == ["12", "13", "14", "20"]
    assert len(load("mevis", root=out, split="train")) == 4
