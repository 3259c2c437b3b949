"""The table of a dataset, and everything that would stop training."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from rvos_edu.data import VideoDataset, check, load
from rvos_edu.data.mask_grid import mask_grid_score
from rvos_edu.data.palette import write_ids
from rvos_edu.data.refer_youtube_vos import expressions_file
from rvos_edu.errors import DataError
from tests.fixtures import LONG, SHORT, SIZES, TEST, VALID, edit_expressions, write_mask


def test_counts_of_a_good_dataset(tree: Path) -> None:
    report = check("refer-youtube-vos", tree)
    assert report.ok and [s.split for s in report.splits] == ["train", "valid"]
    train, valid = report.splits
    assert (train.videos, train.expressions, train.frames) == (2, 4, 6.0)
    assert (train.objects, train.late, train.categories) == (1.5, 0.0, {"motion": 1, "place": 1})
    assert (valid.videos, valid.expressions, valid.objects, valid.ceiling) == (1, 2, None, None)
    assert report.notes == [
        f"train: {expressions_file(tree, 'train')}: object 3 of expression {LONG}/10 is in no mask, "
        "training leaves it out",
        "train: found 2 videos and 4 expressions, the published split has 3471 and 12913",
        "valid: found 1 videos and 2 expressions, the published split has 202 and 834",
    ]
    text = str(report)
    assert "No problems found." in text and "expected videos" in text and "3471" in text
    assert [line.split() for line in text.splitlines() if line.startswith("category place")] == [
        ["category", "place", "1", "(25.0%)", "0", "(0.0%)"]
    ]


def test_late_entries(tree: Path) -> None:
    write_mask(tree, LONG, "00015", [1])
    (train, _) = check("refer-youtube-vos", tree).splits
    assert train.late == 0.5


def test_moving_shapes_measures_the_mask_grid(tree: Path) -> None:
    report = check("moving-shapes", tree, ceiling_videos=1)
    train, valid, test = report.splits
    assert train.ceiling is not None and valid.ceiling is None and test.split == "test"
    assert train.ceiling == mask_grid_score(VideoDataset(tree, split="train"), [0])
    assert "J&F of the truth at stride 4" in str(report) and "expected" not in str(report)


def test_mask_grid_by_hand(tmp_path: Path, tree: Path) -> None:
    """Empty masks and whole cells come back unchanged; a thin line is lost, which costs everything."""
    for k, name in enumerate(("00000", "00005")):
        ids = np.zeros((20, 30), np.uint8)
        ids[:, : 12 * k] = 1  # nothing, then three whole columns of cells
        Image.fromarray(ids).save(tree / "train/Annotations" / SHORT / f"{name}.png")
    assert mask_grid_score(VideoDataset(tree, split="train"), [1]) == pytest.approx(100)
    ids = np.zeros((20, 30), np.uint8)
    ids[:, 5] = 1
    Image.fromarray(ids).save(tree / "train/Annotations" / SHORT / "00005.png")
    assert mask_grid_score(VideoDataset(tree, split="train"), [1]) == pytest.approx(50)


def test_every_problem_is_found(tree: Path) -> None:
    images, masks = tree / "train/JPEGImages", tree / "train/Annotations"
    (images / LONG / "00015.jpg").unlink()
    (masks / LONG / "00020.png").write_bytes(b"")
    truncated = images / LONG / "00025.jpg"
    truncated.write_bytes(truncated.read_bytes()[:-60])
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(masks / LONG / "00035.png")
    Image.fromarray(np.zeros((33, 57, 3), np.uint8)).save(masks / LONG / "00040.png")
    Image.fromarray(np.zeros((20, 31, 3), np.uint8)).save(images / SHORT / "00005.jpg")
    edit_expressions(tree, "train", lambda videos: videos[SHORT]["expressions"].update({"1": {"exp": "x"}}))
    report = check("refer-youtube-vos", tree)
    assert not report.ok
    wanted = [
        "00015.jpg is missing",
        "00020.png cannot be read as an image",
        "00025.jpg cannot be read as an image",
        "00035.png is 9x9 (height x width), its frame is 33x57",
        "00040.png has the image mode RGB",
        "00005.jpg is 20x31, earlier frames are 20x30",
        f"expression {SHORT}/1 names no object (obj_id)",
    ]
    assert len(report.problems) == len(wanted)
    assert all(any(text in problem for problem in report.problems) for text in wanted)
    assert "7 problems, training or evaluation would fail" in str(report)


def test_long_lists_are_cut(tree: Path) -> None:
    empty = {str(n): {"exp": " ", "obj_id": "1"} for n in range(100, 160)}
    edit_expressions(tree, "train", lambda v: v[SHORT]["expressions"].update(empty))
    report = check("refer-youtube-vos", tree)
    assert len(report.problems) == 60 and "... and 40 more" in str(report)


def test_what_is_missing_is_said_once_per_video(tree: Path) -> None:
    edit_expressions(tree, "train", lambda v: v[SHORT]["frames"].extend(f"{n:05d}" for n in range(100, 130)))
    (tree / "train/JPEGImages" / LONG / "00015.jpg").unlink()
    (tree / "train/Annotations" / LONG / "00020.png").unlink()
    (tree / "train/Annotations" / LONG / "00025.png").unlink()
    report = check("refer-youtube-vos", tree)
    images = tree / "train/JPEGImages"
    assert report.problems == [
        f"train: {images / LONG / '00015.jpg'} is missing "
        "(1 of 10 frames and 2 of 10 masks of this video are missing)",
        f"train: {images / SHORT / '00100.jpg'} is missing "
        "(30 of 32 frames and 30 of 32 masks of this video are missing)",
    ]
    assert set(report.splits[0].bad) == {LONG, SHORT}


def test_the_published_valid_list_has_a_hint_about_test_videos(tree: Path) -> None:
    """507 videos are listed: 202 of valid, 305 of test; a mirror may have lost some."""
    hint = "valid: {} lists {} videos. The published valid JSON also lists the test videos: put"
    path = tree / "meta_expressions/valid/meta_expressions.json"
    edit_expressions(tree, "valid", lambda videos: videos.pop(TEST))
    (name,) = json.loads(path.read_text())["videos"]
    (tree / "meta_expressions/test/meta_expressions.json").unlink()
    assert not [n for n in check("refer-youtube-vos", tree).notes if "also lists" in n]

    def add(count: int) -> None:
        def change(videos: dict) -> None:
            for number in range(len(videos), count):
                videos[f"{number:04d}"] = videos[name]
                (tree / f"valid/JPEGImages/{number:04d}").symlink_to(tree / "valid/JPEGImages" / name)

        edit_expressions(tree, "valid", change)

    add(202)
    assert not [n for n in check("refer-youtube-vos", tree).notes if "also lists" in n]
    for count in (203, 507):
        add(count)
        report = check("refer-youtube-vos", tree)
        assert report.ok and [n for n in report.notes if n.startswith(hint.format(path, count))]
    (path.with_name("ids.txt")).write_text(name)
    assert not [n for n in check("refer-youtube-vos", tree).notes if "also lists" in n]


def test_ids_that_name_no_object(tree: Path) -> None:
    """An object of train may be in no mask, one that meta.json does not know or that is evaluated may not."""
    where = expressions_file(tree, "train")
    note = f"train: {where}: object 3 of expression {LONG}/10 is in no mask, training leaves it out"
    meta = tree / "train/meta.json"
    for objects, ok in (({"1": {}, "2": {}, "3": {}}, True), ({"1": {}, "2": {}}, False)):
        meta.write_text(json.dumps({"videos": {LONG: {"objects": objects}}}))
        report = check("refer-youtube-vos", tree)
        assert (report.ok, note in report.notes) == (ok, ok)
    wrong = f"{where}: object 3 of expression {LONG}/10 is in no mask and not in {meta}"
    assert report.splits[0].problems == [wrong] and report.splits[0].bad == {f"{LONG}/10": wrong}
    assert len(load("refer-youtube-vos", root=tree, split="train", skip_bad=True)) == 3
    meta.write_text('{"videos": {"')
    report = check("refer-youtube-vos", tree)
    assert report.ok and note in report.notes and any(f"{meta} cannot be read" in n for n in report.notes)
    meta.write_text('{"videos": [1]}')
    assert any(f'{meta} must hold {{"videos"' in n for n in check("refer-youtube-vos", tree).notes)

    def name_objects(videos: dict) -> None:
        videos[VALID]["expressions"] = {k: {"exp": "x", "obj_id": k} for k in ("1", "9")}

    path = edit_expressions(tree, "valid", name_objects)
    folder = tree / "valid/Annotations" / VALID
    folder.mkdir(parents=True)
    for image in (tree / "valid/JPEGImages" / VALID).iterdir():
        write_ids(folder / f"{image.stem}.png", np.ones(SIZES[VALID], np.uint8))
    report = check("refer-youtube-vos", tree)
    assert report.splits[1].problems == [f"{path}: object 9 of expression {VALID}/9 is in no mask"]
    damaged = next(folder.iterdir())  # where object 9 may have been
    damaged.write_bytes(b"")
    (problem,) = check("refer-youtube-vos", tree).splits[1].problems
    assert problem.startswith(f"{damaged} cannot be read")


@pytest.mark.parametrize("name", ["moving-shapes", "refer-youtube-vos"])
def test_missing_and_empty_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    for folder, words in (("nowhere", "does not exist"), ("empty", "holds no sentences")):
        report = check(name, tmp_path / folder)
        assert not report.ok and report.splits == [] and words in str(report)


def test_without_valid_training_goes_on(tree: Path) -> None:
    shutil.rmtree(tree / "meta_expressions/valid")
    shutil.rmtree(tree / "valid")
    report = check("refer-youtube-vos", tree)
    assert report.ok and "valid: not there" in report.notes


def test_frames_without_sentences_are_a_problem(tree: Path) -> None:
    missing = tree / "meta_expressions/valid/meta_expressions.json"
    missing.unlink()
    report = check("refer-youtube-vos", tree)
    assert report.problems == [f"valid: {missing} is missing"] and "valid: not there" not in report.notes


def test_without_masks_it_does_not(tree: Path) -> None:
    (tree / "train/Annotations").rename(tree / "elsewhere")
    report = check("refer-youtube-vos", tree)
    assert [p.endswith("Annotations is missing") for p in report.problems] == [True]


def test_unknown_name(tree: Path) -> None:
    with pytest.raises(DataError, match="did you mean 'refer-youtube-vos'"):
        check("refer-youtube", tree)


def test_good_means_trainable(tree: Path) -> None:
    assert check("refer-youtube-vos", tree).ok
    assert all(torch.is_tensor(sample.frames) for sample in VideoDataset(tree, split="train", window=4))
