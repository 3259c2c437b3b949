"""MeViS: unions, windows, null frames, the index of masks, and every fault named with its path."""

from __future__ import annotations

import json
import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import rvos_edu.data.mevis_masks as mevis_masks
from rvos_edu.data import check, load
from rvos_edu.data.mevis_dataset import sentences_file
from rvos_edu.data.mevis_masks import MaskDictionary
from rvos_edu.errors import DataError
from tests.data.mevis_tree import (
    BIRDS,
    HIDDEN,
    SIZE,
    STILL,
    edit_json,
    entry,
    mask_of,
    write_masks,
    write_mevis,
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_mevis(tmp_path / "mevis")


def bars(annotation: int, frames: range) -> np.ndarray:
    return np.stack([mask_of(annotation, t) for t in frames])


def test_the_referred_instance_is_a_union(tree: Path) -> None:
    two, one, never, stone = load("mevis", split="train", root=tree)
    assert (
        two.expression == "the two birds flying away" and two.raw_expression == "The two  birds flying away"
    )
    assert two.frame_names == ("00000", "00001", "00002", "00003", "00004") and two.original_size == SIZE
    assert two.target is not None and two.target.masks.shape == (1, 5, *SIZE)  # 14 is in no mask
    union = bars(12, range(5)) | bars(13, range(5))
    np.testing.assert_array_equal(two.target.masks[0].numpy(), union)
    assert one.target is not None and one.target.referred == 1 and len(one.target.masks) == 2
    np.testing.assert_array_equal(one.target.masks[0].numpy(), bars(12, range(5)))
    np.testing.assert_array_equal(one.target.masks[1].numpy(), bars(13, range(5)))
    assert one.target.visible is not None and one.target.visible.tolist() == [False, False, True, True, False]
    assert never.target is not None and not never.target.masks[2].any() and len(never.target.masks) == 3
    assert never.target.referred == 2 and two.target.referred == 0
    assert stone.video == STILL


def test_training_windows(tree: Path) -> None:
    """Windows of two of five frames: 0-1, 2-3, 3-4; an empty mask shows nothing; one frame is no video."""
    data = load("mevis", split="train", root=tree, window=2)
    found = [
        (data.clips[i].video, data.clips[i].start, len(data.load_clip(i))) for i in range(len(data.clips))
    ]
    assert found == [(BIRDS, 0, 1), (BIRDS, 2, 2), (BIRDS, 3, 2)]
    sample = data.load_clip(2)[1]
    assert sample.expression == "the bird that enters" and sample.target is not None
    np.testing.assert_array_equal(sample.target.masks[1].numpy(), bars(13, range(3, 5)))
    assert sample.target.referred == 1
    long = load("mevis", split="train", root=tree, window=7)[0]
    assert long.target is not None and long.frame_names[-3:] == ("00004",) * 3
    assert torch.equal(long.target.masks[:, 4], long.target.masks[:, 6])


def test_valid_has_no_public_masks(tree: Path) -> None:
    data = load("mevis", split="valid", root=tree)
    assert [sample.target for sample in data] == [None, None] and data.clips[0].video == HIDDEN
    with pytest.raises(DataError, match="masks of the split 'valid' are not public"):
        load("mevis", split="valid", root=tree, window=2)


def test_the_second_start_reads_no_masks(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load("mevis", split="train", root=tree, window=2)
    expected = first[0].target

    def refuse(path: Path) -> Any:
        raise AssertionError(f"{path} was scanned again")

    monkeypatch.setattr(mevis_masks, "_scan", refuse)
    again = load("mevis", split="train", root=tree, window=2)
    target = pickle.loads(pickle.dumps(again))[0].target  # as a worker gets it
    assert expected is not None and target is not None and torch.equal(target.masks, expected.masks)
    write_masks(tree, "train", {})
    with pytest.raises(AssertionError, match="scanned again"):
        load("mevis", split="train", root=tree, window=2)


def test_a_large_file_is_indexed_in_seconds(tmp_path: Path) -> None:
    """60,000 masks: about a seventh of MeViS's training split."""
    text = json.dumps(entry(12))
    content = ",".join(f'"{n}": {text}' for n in range(12_000))
    path = tmp_path / "mask_dict.json"
    path.write_text("{" + content + "}")
    start = time.perf_counter()
    MaskDictionary(path)
    first, start = time.perf_counter() - start, time.perf_counter()
    masks = MaskDictionary(path)
    assert first < 10 and time.perf_counter() - start < 1.5
    np.testing.assert_array_equal(masks.read(11_999, [3], SIZE)[0], mask_of(12, 3))


def test_check_counts(tree: Path) -> None:
    report = check("mevis", tree)
    assert report.ok
    train, valid_u, valid = report.splits
    assert (train.videos, train.expressions, train.frames, train.objects) == (2, 4, 3.0, 1.5)
    assert train.late == 0.5 and valid_u.late == 0.0
    assert (valid.videos, valid.expressions, valid.objects) == (1, 2, None)
    assert report.notes[:2] == [
        f"train: {sentences_file(tree, 'train')}: what expression {BIRDS}/2 is about is in no mask, "
        "training leaves it out",
        f"train: video {STILL} has 1 frame, training leaves it out",
    ]
    assert "train: found 2 videos and 4 expressions, the published split has 1662 and 23051" in report.notes


def test_missing_splits(tree: Path, tmp_path: Path) -> None:
    (tree / "valid_u").rename(tmp_path / "elsewhere")
    report = check("mevis", tree)
    assert report.ok and "valid_u: not there" in report.notes
    with pytest.raises(DataError, match="unknown split 'test'"):
        load("mevis", split="test", root=tree)
    with pytest.raises(DataError, match="nowhere does not exist"):
        load("mevis", split="train", root=tree / "nowhere")
    (tree / "train/mask_dict.json").unlink()
    report = check("mevis", tree)
    assert report.problems == [f"train: {tree}/train/mask_dict.json is missing"]
    with pytest.raises(DataError, match="mask_dict.json is missing"):
        load("mevis", split="train", root=tree)


def expression(key: str, **values: Any) -> Callable[[Any], None]:
    return lambda content: content["videos"][BIRDS]["expressions"][key].update(values)


@pytest.mark.parametrize(
    "change, key, words",
    [
        (expression("1", exp=" "), f"{BIRDS}/1", "expression 1 of video 'aa11bb22cc33' is empty"),
        (expression("1", anno_id=[]), f"{BIRDS}/1", "has the anno_id [], expected"),
        (expression("1", anno_id=None), f"{BIRDS}/1", "has the anno_id None, expected"),
        (expression("1", anno_id=[13, 13]), f"{BIRDS}/1", "lists an annotation twice: [13, 13]"),
        (expression("1", anno_id=[99]), f"{BIRDS}/1", "mask_dict.json has no annotation 99"),
        (expression("1", anno_id=[20]), f"{BIRDS}/1", "annotation 20 has 1 entries, its video 5 frames"),
        (lambda c: c["videos"][BIRDS].pop("expressions"), BIRDS, "has no expressions; is this the file of"),
        (lambda c: c["videos"][BIRDS]["frames"].append("00000"), BIRDS, "lists a frame twice"),
        (lambda c: c["videos"][BIRDS]["frames"].append("../x"), BIRDS, "expected a plain name"),
        (lambda c: c["videos"].update({"..": c["videos"][BIRDS]}), "..", "the video id is '..'"),
    ],
)
def test_faulty_sentences(tree: Path, change: Callable[[Any], object], key: str, words: str) -> None:
    edit_json(tree / "train/meta_expressions.json", change)
    report = check("mevis", tree)
    (problem,) = report.problems
    assert words in problem and str(tree) in problem and list(report.splits[0].bad) == [key]
    with pytest.raises(DataError) as error:
        load("mevis", split="train", root=tree)
    assert words in str(error.value)
    rest = load("mevis", split="train", root=tree, skip_bad=True)
    assert rest.skipped == 1 and key not in {f"{s.video}/{s.expression_id}" for s in rest}


def broken(frame: int, **values: Any) -> Callable[[Any], None]:
    return lambda content: content["13"][frame].update(values)


@pytest.mark.parametrize(
    "change, words",
    [
        (broken(2, counts="0"), "annotation 13 at frame number 2 has run lengths of 0 pixels"),
        (broken(2, counts="11"), "annotation 13, frame number 2, has run lengths of 2 pixels"),
        (broken(2, counts="Zo"), "annotation 13 has damaged run lengths at frame number 2"),
        (broken(2, counts=None), "annotation 13 has damaged run lengths at frame number 2"),
        (broken(2, size=[30, 20]), "annotation 13 has masks of [30, 20] and, at frame number 3, of [20, 30]"),
        (broken(2, size="large"), "annotation 13 has the size 'large' at frame number 2"),
        (
            lambda c: c.update({"13": [m and {**m, "size": [9, 9]} for m in c["13"][:4]] + [None]}),
            "size [9, 9], its image",
        ),
    ],
)
def test_faulty_masks(tree: Path, change: Callable[[Any], object], words: str) -> None:
    edit_json(tree / "train/mask_dict.json", change)
    report = check("mevis", tree)
    found = [p for p in report.problems if "mask_dict.json" in p]
    assert len(found) == len(report.problems) == 1 and words in found[0]
    assert set(report.splits[0].bad) == {f"{BIRDS}/0", f"{BIRDS}/1"}
    with pytest.raises(DataError):
        load("mevis", split="train", root=tree)[0]
    rest = load("mevis", split="train", root=tree, skip_bad=True)
    assert [s.expression_id for s in rest] == ["2", "0"]


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "mask_dict.json is empty"),
        ("[]", "is damaged or no mask dictionary at byte 0"),
        ('{"12": [null, {"size": [20, 30], "cou', "at byte 13"),
        ('{"12": [null, null]', "at byte 19"),
        ('{"12": [null]} more', "at byte 14"),
        ('{"12": 3}', "at byte 1"),
    ],
)
def test_a_damaged_file_of_masks(tree: Path, text: str, words: str) -> None:
    (tree / "train/mask_dict.json").write_text(text)
    (problem,) = check("mevis", tree).problems
    assert "mask_dict.json" in problem and words in problem
    with pytest.raises(DataError) as error:
        load("mevis", split="train", root=tree, skip_bad=True)
    assert words in str(error.value)


def test_a_folder_instead_of_the_masks(tree: Path) -> None:
    path = tree / "train/mask_dict.json"
    path.unlink()
    path.mkdir()
    (problem,) = check("mevis", tree).problems
    assert problem.startswith(f"train: {path} cannot be read as a file of masks: ")
    with pytest.raises(DataError, match="mask_dict.json cannot be read as a file of masks"):
        load("mevis", split="train", root=tree)


def test_an_annotation_listed_twice(tree: Path) -> None:
    path = tree / "train/mask_dict.json"
    path.write_text(path.read_text().rstrip()[:-1] + ', "13": [null, null, null, null, null]}')
    report = check("mevis", tree)
    assert report.problems == [f"train: {path}: annotation 13 is listed twice"]


def test_faulty_frames(tree: Path) -> None:
    images = tree / "train/JPEGImages" / BIRDS
    (images / "00001.jpg").unlink()
    (images / "00002.jpg").write_bytes((images / "00002.jpg").read_bytes()[:-30])
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(images / "00003.jpg")
    report = check("mevis", tree)
    words = ["00001.jpg is missing", "00002.jpg cannot be read", "00003.jpg is 9x9, earlier frames are 20x30"]
    assert len(report.problems) == 3
    assert all(any(word in p and str(images) in p for p in report.problems) for word in words)
    assert list(report.splits[0].bad) == [BIRDS]
    assert [s.video for s in load("mevis", split="train", root=tree, skip_bad=True)] == [STILL]
    with pytest.raises(DataError, match=r"00001.jpg is missing, though .*\(1 files in all\)"):
        load("mevis", split="train", root=tree)
