"""Ref-DAVIS17: conversion of the published pieces, void pixels, and every fault named with its path."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from rvos_edu.data import VideoDataset, check, load
from rvos_edu.data.presence import object_presence
from rvos_edu.data.ref_davis import convert_ref_davis, sentences_of_slot
from rvos_edu.data.refer_youtube_vos import read_split
from rvos_edu.errors import DataError
from tests.data.davis_pieces import LATER, SIZE, TRAIN, VALID, ids_of, write_pieces
from tests.fixtures import edit_expressions
from tests.scripts import data_script


@pytest.fixture
def pieces(tmp_path: Path) -> Path:
    return write_pieces(tmp_path / "pieces")


@pytest.fixture
def davis(pieces: Path, tmp_path: Path) -> Path:
    return convert_ref_davis(pieces, pieces, tmp_path / "ref_davis")


def sentences(root: Path, split: str) -> dict:
    path = root / "meta_expressions" / split / "meta_expressions.json"
    return json.loads(path.read_text())["videos"]


def test_four_sentences_per_object_by_number(davis: Path) -> None:
    video = sentences(davis, "train")[TRAIN]
    assert video["frames"] == ["00000", "00001", "00002"]
    objects = [(key, about["obj_id"]) for key, about in video["expressions"].items()]
    assert objects == [(str(4 * k + a), number) for k, number in enumerate(("2", "10")) for a in range(4)]
    texts = [about["exp"] for about in video["expressions"].values()]
    assert texts[:4] == ["slot 0 of 2", "slot 1 of 2", "Caf\xe9  2", "slot 3 of 2"]
    assert texts[4] == "slot 0 of 10"
    assert list(sentences(davis, "valid")) == [VALID, LATER]
    meta = json.loads((davis / "valid/meta.json").read_text())["videos"]
    assert meta[VALID] == {"objects": {"1": {"category": "dog"}, "2": {"category": "person"}}}


def test_files_are_linked_not_moved(pieces: Path, davis: Path) -> None:
    source = pieces / "DAVIS/JPEGImages/480p" / TRAIN / "00001.jpg"
    assert os.path.samefile(source, davis / "train/JPEGImages" / TRAIN / "00001.jpg")
    mask = pieces / "DAVIS/Annotations_unsupervised/480p" / VALID / "00002.png"
    assert os.path.samefile(mask, davis / "valid/Annotations" / VALID / "00002.png")


def test_copied_where_the_disk_cannot_link(
    pieces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError("another disk")

    monkeypatch.setattr(os, "link", refuse)
    root = convert_ref_davis(pieces / "DAVIS", pieces / "davis_text_annotations", tmp_path / "copied")
    copied = root / "train/Annotations" / TRAIN / "00000.png"
    np.testing.assert_array_equal(np.asarray(Image.open(copied)), ids_of([2, 10], 0))


def test_again_changes_nothing_and_repairs(pieces: Path, davis: Path) -> None:
    before = davis.stat().st_ino
    assert convert_ref_davis(pieces, pieces, davis) == davis and davis.stat().st_ino == before
    (davis / "train/JPEGImages" / TRAIN / "00001.jpg").unlink()
    convert_ref_davis(pieces, pieces, davis)
    assert (davis / "train/JPEGImages" / TRAIN / "00001.jpg").is_file()
    text = pieces / "davis_text_annotations/Davis17_annot1.txt"
    text.write_text(text.read_text().replace("slot 0 of 10", "another sentence"))
    convert_ref_davis(pieces, pieces, davis)
    assert sentences(davis, "train")[TRAIN]["expressions"]["4"]["exp"] == "another sentence"
    assert sorted(p.name for p in davis.parent.iterdir() if p.name.startswith(".tmp")) == []


def test_never_over_other_files(pieces: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("years")
    with pytest.raises(DataError, match="mine exists and holds something else"):
        convert_ref_davis(pieces, pieces, tmp_path / "mine")


def test_a_folder_of_the_misspelt_name_is_meant(pieces: Path, tmp_path: Path) -> None:
    """Another release calls the sequence as the texts do."""
    for folder in ("JPEGImages", "Annotations_unsupervised"):
        place = pieces / "DAVIS" / folder / "480p"
        (place / TRAIN).rename(place / "clasic-car")
    (pieces / "DAVIS/ImageSets/2017/train.txt").write_text("clasic-car\n")
    for path in (pieces / "davis_text_annotations").iterdir():
        path.write_bytes(path.read_bytes().replace(TRAIN.encode(), b"clasic-car"))
    assert list(sentences(convert_ref_davis(pieces, pieces, tmp_path / "x"), "train")) == ["clasic-car"]


def test_without_names_of_objects(pieces: Path, tmp_path: Path) -> None:
    (pieces / "DAVIS/davis_semantics.json").unlink()
    assert not (convert_ref_davis(pieces, pieces, tmp_path / "x") / "valid/meta.json").exists()


def change_text(slot: str, old: str, new: str) -> Callable[[Path], None]:
    def change(pieces: Path) -> None:
        path = pieces / "davis_text_annotations" / f"{slot}.txt"
        content = path.read_text(encoding="latin-1")
        assert old in content
        path.write_text(content.replace(old, new, 1), encoding="latin-1")

    return change


@pytest.mark.parametrize(
    "change, words",
    [
        (
            change_text("Davis17_annot1", "dogs-jump 2", "dogs-hop 2"),
            "annot1.txt says nothing of object 2 of 'dogs-jump', other annotators do",
        ),
        (
            change_text("Davis17_annot1", "dogs-jump 2", "dogs-jump 255"),
            "line 3 has the object 255, expected",
        ),
        (change_text("Davis17_annot1", '"slot 0 of 2"', '""'), "annot1.txt, line 2 has an empty sentence"),
        (change_text("Davis17_annot1", "dogs-jump 2", "dogs-jump two"), "line 3: 'dogs-jump two"),
        (change_text("Davis17_annot1", "dogs-jump 2", "dogs-jump 1"), "line 4 is a second sentence about"),
        (
            change_text("Davis17_annot2", 'motorbike 1 "slot 2 of 1"\n', ""),
            "annot2.txt says nothing of object 1",
        ),
        (lambda p: (p / "davis_text_annotations/Davis17_annot2.txt").unlink(), "annot2.txt cannot be read"),
        (lambda p: (p / "DAVIS/ImageSets/2017/val.txt").unlink(), "val.txt cannot be read"),
        (lambda p: (p / "DAVIS/ImageSets/2017/val.txt").write_text("../up\n"), "val.txt: the sequence is"),
        (lambda p: (p / "DAVIS/ImageSets/2017/val.txt").write_text(f"{TRAIN}\n"), f"has '{TRAIN}' in train"),
        (
            lambda p: (p / "DAVIS/Annotations_unsupervised/480p" / VALID / "00001.png").unlink(),
            "dogs-jump/00001.png is missing",
        ),
        (lambda p: (p / "DAVIS/davis_semantics.json").write_text("{"), "davis_semantics.json cannot be read"),
        (lambda p: (p / "DAVIS/davis_semantics.json").write_text("[]"), "davis_semantics.json must hold"),
        (lambda p: (p / "DAVIS").rename(p / "D"), "JPEGImages/480p is missing: expected the folder DAVIS"),
    ],
)
def test_faulty_pieces(pieces: Path, tmp_path: Path, change: Callable[[Path], object], words: str) -> None:
    change(pieces)
    with pytest.raises(DataError) as error:
        convert_ref_davis(pieces, pieces, tmp_path / "x")
    assert words in str(error.value) and not (tmp_path / "x").exists()


def test_sequences_of_other_splits_are_left_out_and_said(
    pieces: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The published texts cover test-dev and test-challenge as well."""
    for path in (pieces / "davis_text_annotations").iterdir():
        path.write_bytes(b'aerobatics 1 "a plane"\nzebra 2 ""\n' + path.read_bytes())
    root = convert_ref_davis(pieces, pieces, tmp_path / "x")
    note = (
        f"{pieces / 'davis_text_annotations'} has 8 lines about 2 sequences that ImageSets does not list, "
        "left out: aerobatics, zebra"
    )
    assert caplog.text.count(note) == 1 and check("ref-davis17", root).notes[0] == f"train: {note}"
    assert [*sentences(root, "train"), *sentences(root, "valid")] == [TRAIN, VALID, LATER]
    caplog.clear()
    convert_ref_davis(pieces, pieces, root)  # nothing to do
    assert caplog.text == ""


def test_a_sequence_that_no_line_is_about(pieces: Path, tmp_path: Path) -> None:
    for path in (pieces / "davis_text_annotations").iterdir():
        lines = path.read_text(encoding="latin-1").split("\n")
        kept = [line for line in lines if not line.startswith("c")]
        path.write_text("\n".join(kept), encoding="latin-1")
    with pytest.raises(DataError, match="davis_text_annotations says nothing of the sequence 'classic-car'"):
        convert_ref_davis(pieces, pieces, tmp_path / "x")


def test_an_object_of_train_that_one_annotator_leaves_out(pieces: Path, tmp_path: Path) -> None:
    change_text("Davis17_annot2", f'{TRAIN} 10 "slot 2 of 10"\n', "")(pieces)
    root = convert_ref_davis(pieces, pieces, tmp_path / "x")
    objects = [about["obj_id"] for about in sentences(root, "train")[TRAIN]["expressions"].values()]
    report = check("ref-davis17", root)
    assert objects == ["2"] * 4 and report.ok
    note = "annot2.txt says nothing of object 10 of 'classic-car', other annotators do: the object is left"
    assert note in report.notes[0]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('"a man', "a man"),
        ('a man"', "a man"),
        ("\x93a man\x94", "a man"),
        ("\xaba man\xbb", "a man"),
        ("a man", "a man"),
        ('a man at the sign "stop"', 'a man at the sign "stop"'),
        ("the dogs'", "the dogs'"),
    ],
)
def test_quotation_marks(pieces: Path, tmp_path: Path, written: str, meant: str) -> None:
    change_text("Davis17_annot1", '"slot 0 of 10"', written)(pieces)
    root = convert_ref_davis(pieces, pieces, tmp_path / "x")
    assert sentences(root, "train")[TRAIN]["expressions"]["4"]["exp"] == meant


def test_typographic_quotation_marks(pieces: Path, tmp_path: Path) -> None:
    path = pieces / "davis_text_annotations/Davis17_annot1.txt"
    text = path.read_text().replace('"slot 0 of 10"', "\u201cslot 0 of 10\u201d")
    path.write_text(text, encoding="utf-8")
    root = convert_ref_davis(pieces, pieces, tmp_path / "x")
    assert sentences(root, "train")[TRAIN]["expressions"]["4"]["exp"] == "slot 0 of 10"


def test_script_looks_first_and_converts_then(pieces: Path, tmp_path: Path) -> None:
    """The report of the first run, and hidden files, are not in the way and not lost."""
    root = tmp_path / "ref_davis17"
    root.mkdir()
    script = data_script("prepare_ref_davis17")
    assert script.main(["--root", str(root)]) == 1
    (root / ".hidden").mkdir()
    (root / ".hidden/own").write_text("kept")
    line = ["--root", str(root), "--davis", str(pieces / "DAVIS"), "--texts", str(pieces)]
    assert script.main(line) == 0 and script.main(line) == 0
    assert list(sentences(root, "valid")) == [VALID, LATER]
    assert (root / ".hidden/own").read_text() == "kept" and (root / "prepare-report.txt").is_file()


def test_void_is_no_object(davis: Path) -> None:
    data = load("ref-davis17", split="valid", root=davis)
    sample = data[0]
    assert sample.target is not None and sample.target.masks.shape == (2, 3, *SIZE)
    truth = np.stack([ids_of([1, 2], t) for t in range(3)])
    np.testing.assert_array_equal(sample.target.masks[0].numpy(), truth == 1)
    plain = VideoDataset(davis, split="valid")
    assert plain[0].target is not None and len(plain[0].target.masks) == 3  # 255 as a third object
    records = read_split(davis, "valid")
    assert object_presence(davis / "valid", records, void=255)[VALID] == [[1, 2]] * 3
    assert object_presence(davis / "valid", records)[VALID] == [[1, 2, 255]] * 3
    windows = load("ref-davis17", split="train", root=davis, window=2)
    assert len(windows) == 16 and torch.equal(windows[0].target.masks[0], windows[1].target.masks[0])


def test_check_counts(davis: Path) -> None:
    report = check("ref-davis17", davis)
    assert report.ok
    train, valid = report.splits
    assert (train.videos, train.expressions, train.objects) == (1, 8, 2.0)
    assert (valid.videos, valid.expressions, valid.objects, valid.frames) == (2, 12, 1.5, 3.0)
    assert report.notes == [
        "train: found 1 videos, the published split has 60",
        "valid: found 2 videos and 12 expressions, the published split has 30 and 244",
    ]


def break_everything(root: Path) -> list[str]:
    """Six faults of the converted train split; what is said of each."""
    images, masks = root / "valid/JPEGImages", root / "valid/Annotations"
    (images / VALID / "00000.jpg").unlink()
    cut = images / VALID / "00001.jpg"
    os.unlink(cut)
    cut.write_bytes((images / VALID / "00002.jpg").read_bytes()[:-40])
    os.unlink(masks / VALID / "00002.png")
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(masks / VALID / "00002.png")

    def change(videos: dict) -> None:
        videos[LATER]["expressions"]["0"]["exp"] = " "
        videos[LATER]["expressions"]["1"]["obj_id"] = "255"
        videos[LATER]["expressions"]["2"]["obj_id"] = "one"

    edit_expressions(root, "valid", change)
    return [
        "00000.jpg is missing",
        "00001.jpg cannot be read as an image",
        "00002.png is 9x9 (height x width), its frame is 24x40",
        "expression 0 of video 'motorbike' is empty",
        "expression 1 of video 'motorbike' has obj_id 255, which is void in the masks",
        "expression 2 of video 'motorbike' has obj_id 'one'",
    ]


def test_every_fault_is_reported_once_with_its_path(davis: Path) -> None:
    words = break_everything(davis)
    report = check("ref-davis17", davis)
    assert len(report.problems) == len(words)
    for text in words:
        (problem,) = [p for p in report.problems if text in p]
        assert str(davis) in problem
    valid = report.splits[1]
    assert set(valid.bad) == {VALID, "motorbike/0", "motorbike/1", "motorbike/2"}
    with pytest.raises(DataError):
        load("ref-davis17", split="valid", root=davis)
    rest = load("ref-davis17", split="valid", root=davis, skip_bad=True)
    assert [s.expression for s in rest] == ["slot 3 of 1"] and rest.skipped == 4


def test_evaluation_needs_four_sentences_per_object(davis: Path) -> None:
    def change(videos: dict) -> None:
        videos[VALID]["expressions"]["3"]["obj_id"] = "2"
        del videos[LATER]["expressions"]["1"]

    edit_expressions(davis, "valid", change)
    report = check("ref-davis17", davis)
    must = "expressions 0 to 3 must be about one object, one per annotator; got"
    assert [p.split("valid: ")[1].split(": ", 1)[1] for p in report.problems] == [
        f"video 'dogs-jump': {must} 4 about 2 objects",
        f"video 'motorbike': {must} 3 about 1 objects",
    ]
    edit_expressions(davis, "train", lambda v: v[TRAIN]["expressions"].pop("7"))
    report = check("ref-davis17", davis)
    assert len(report.problems) == 2 and any("classic-car" in note for note in report.notes)


def test_five_sentences_about_an_object(davis: Path) -> None:
    def change(videos: dict) -> None:
        for key in range(4, 8):
            videos[VALID]["expressions"][str(key)]["obj_id"] = "1"

    edit_expressions(davis, "valid", change)
    record = read_split(davis, "valid")[0]
    with pytest.raises(DataError, match="'dogs-jump' has more than 4 expressions about an object"):
        sentences_of_slot(davis, "valid", record, 0)


def test_unconverted_pieces_say_what_to_do(pieces: Path) -> None:
    for root in (pieces, pieces / "DAVIS"):
        with pytest.raises(DataError, match=r"first, with data_scripts/prepare_ref_davis17\.py"):
            load("ref-davis17", split="valid", root=root)


def test_missing_sentences(davis: Path) -> None:
    (davis / "meta_expressions/train/meta_expressions.json").unlink()
    missing = f"{davis / 'meta_expressions/train/meta_expressions.json'} is missing"
    with pytest.raises(DataError, match=missing):
        load("ref-davis17", split="train", root=davis)
    report = check("ref-davis17", davis)
    assert not report.ok and missing in report.problems[0]
