"""Faults of RefCOCO are told once with the path, stop loading or are left out; its JSON form reads back."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from rvos_edu.data import check, layout_of, load
from rvos_edu.data.refcoco_index import kept_table
from rvos_edu.data.refcoco_json import json_file, write_json_table
from rvos_edu.data.refcoco_records import SplitTable
from rvos_edu.errors import DataError
from tests.data.test_refcoco import edit, ref, refs, sentence, write

IMAGE = "images/mscoco/images/train2014/COCO_train2014_000000000001.jpg"
REFS, TABLE = "refcoco/refs(unc).p", "refcoco/instances.json"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Train: images 1 (three sentences about two objects) and 2 (one)."""
    return write(tmp_path / "data")


def references(change: Callable[[list], object]) -> Callable[[Path], object]:
    def spoil(root: Path) -> None:
        entries = refs()
        change(entries)
        (root / REFS).write_bytes(pickle.dumps(entries, protocol=0))

    return spoil


def tables(change: Callable[[dict], object]) -> Callable[[Path], object]:
    return lambda root: edit(root, change)


def cut(root: Path) -> None:
    (root / IMAGE).write_bytes((root / IMAGE).read_bytes()[:-90])


def resized(root: Path) -> None:
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(root / IMAGE)


def polygon(*corners: float) -> Callable[[Path], object]:
    return tables(lambda c: c["annotations"][1].update(segmentation=[list(corners)]))


@dataclass(frozen=True)
class Fault:
    """How it comes about, what is said, its key, and what remains of 0, 2, 3 (image 1) and 1 (image 2)."""

    spoil: Callable[[Path], object]
    message: str
    key: str
    remain: set[str] = field(default_factory=lambda: {"1"})


FAULTS = {
    "image missing": Fault(lambda r: (r / IMAGE).unlink(), f"{IMAGE} is missing", "1"),
    "image truncated": Fault(cut, f"{IMAGE} cannot be read as an image", "1"),
    "image of another size": Fault(resized, f"{IMAGE} is 9x9 (height x width)", "1"),
    "image unknown": Fault(
        tables(lambda c: c["images"].pop(0)), f"{TABLE} has no id 1 among its images", "1"
    ),
    "image twice": Fault(
        tables(lambda c: c["images"].append(c["images"][0])),
        f"{TABLE} has the id 1 among its images more than once",
        "1",
    ),
    "name that climbs": Fault(
        tables(lambda c: c["images"][0].update(file_name="../x.jpg")),
        f"{TABLE}: the file_name of image 1",
        "1",
    ),
    "object unknown": Fault(
        references(lambda r: r[0].update(ann_id=99)),
        f"{TABLE} has no id 99 among its annotations",
        "annotation 99",
        {"1", "2", "3"},
    ),
    "object of another image": Fault(
        references(lambda r: r[0].update(ann_id=31)),
        f"{REFS}: ref 0 puts annotation 31 into image 1",
        "entry 0",
        {"1", "2", "3"},
    ),
    "polygon far out": Fault(
        polygon(0, 0, 900, 0, 900, 900),
        f"{TABLE}: annotation 12 has a polygon far outside",
        "annotation 12",
        {"1", "2", "3"},
    ),
    "polygon of a line": Fault(
        polygon(0, 0, 5, 5),
        f"{TABLE}: annotation 12 has no polygon with three corners",
        "annotation 12",
        {"1", "2", "3"},
    ),
    "mask of another size": Fault(
        tables(lambda c: c["annotations"][3]["segmentation"].update(size=[18, 24])),
        f"{TABLE}: annotation 21 has a mask of size [18, 24], its image is 24x18",
        "annotation 21",
        {"0", "2", "3"},
    ),
    "mask with too few runs": Fault(
        tables(lambda c: c["annotations"][3]["segmentation"].update(counts=[5, 5])),
        f"{TABLE}: annotation 21 has run lengths of 10 pixels",
        "annotation 21",
        {"0", "2", "3"},
    ),
    "empty sentence": Fault(
        references(lambda r: r[2]["sentences"][1].update(sent=" ")),
        f"{REFS}: a sentence of ref 2 is empty (sent_id 3)",
        "entry 2/1",
        {"0", "1", "2"},
    ),
    "sent_id twice": Fault(
        references(lambda r: r[2]["sentences"][1].update(sent_id=0)),
        f"{REFS}: a sentence of ref 2 repeats the sent_id 0",
        "entry 2/1",
        {"0", "1", "2"},
    ),
    "ref_id twice": Fault(
        references(lambda r: r.append(ref(0, 2, 21, "train", sentence(9, "again")))),
        f"{REFS}: entry 6 repeats the ref_id 0",
        "entry 6",
        {"0", "1", "2", "3"},
    ),
    "no reference": Fault(
        references(lambda r: r.append("x")),
        f"{REFS}: entry 6 must be a referred object, got str",
        "entry 6",
        {"0", "1", "2", "3"},
    ),
    "no split": Fault(
        references(lambda r: r[0].pop("split")), f"{REFS}: ref 0 needs a split", "entry 0", {"1", "2", "3"}
    ),
}


def test_counts(root: Path) -> None:
    report = check("refcoco", root)
    assert report.ok and [s.split for s in report.splits] == ["train", "val", "testA", "testB"]
    train = report.splits[0]
    assert (train.videos, train.refs, train.expressions, train.objects) == (2, 3, 4, 1.5)
    text = str(report)
    assert (
        "found 2 images and 3 refs and 4 expressions, the published split has 16994 and 42404 and 120624"
        in text
    )
    assert [line.split() for line in text.splitlines() if line.startswith("refs")] == [["refs", *"3111"]]
    assert "google-train: not there" in report.notes and "frames per" not in text and "images" in text


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_fault(root: Path, fault: Fault) -> None:
    fault.spoil(root)
    report = check("refcoco", root)
    problems = [text for text in report.problems if text.startswith("train: ")]
    assert [fault.message in text for text in problems] == [True], report.problems
    assert list(report.splits[0].bad) == [fault.key] and report.problems == problems
    with pytest.raises(DataError) as stopped:
        list(load("refcoco", root=root, split="train"))
    assert fault.message in str(stopped.value)
    data = load("refcoco", root=root, split="train", skip_bad=True)
    assert {sample.expression_id for sample in data} == fault.remain and data.skipped == 1
    assert len(load("refcoco", root=root, split="val")) == 1  # other splits do not mind


def test_an_empty_mask_is_worth_a_note(root: Path) -> None:
    polygon(40, 0, 45, 0, 45, 9)(root)
    report = check("refcoco", root)
    assert report.ok and any("annotation 12 covers no pixel" in note for note in report.notes)


def test_a_table_of_all_splits_is_missed_once(root: Path) -> None:
    (root / TABLE).unlink()
    (problem,) = check("refcoco", root).problems
    said, text = problem.split(": ", 1)
    assert said == "train, val, testA, testB" and text.startswith(f"{root / TABLE} "), problem


def test_the_joint_set(root: Path) -> None:
    write(root, "refcoco+", "unc", [ref(0, 1, 11, "train", sentence(0, "p"), sentence(1, "q"))])
    write(root, "refcocog", "umd", [ref(0, 1, 12, "train", sentence(0, " "), sentence(1, "s"))])
    report = check("refcoco-joint", root)
    (problem,) = report.problems
    assert problem.startswith("train: refcocog: ") and "a sentence of ref 0 is empty" in problem
    assert report.splits[0].bad.keys() == {"refcocog:entry 0/0"}
    assert (report.splits[0].videos, report.splits[0].refs, report.splits[0].expressions) == (4, 5, 7)
    with pytest.raises(DataError, match="a sentence of ref 0 is empty"):
        load("refcoco-joint", root=root, split="train")
    assert len(load("refcoco-joint", root=root, split="train", skip_bad=True)) == 7


def test_a_joint_set_without_a_single_image(tmp_path: Path) -> None:
    root = tmp_path / "joint"
    for name, by in (("refcoco", "unc"), ("refcoco+", "unc"), ("refcocog", "umd")):
        entries = [ref(0, 1, 11, "train", sentence(0, " ")), ref(1, 3, 31, "val", sentence(1, "dog"))]
        write(root, name, by, entries)
    report = check("refcoco-joint", root)
    assert len(report.problems) == 3 and all("a sentence of ref 0 is empty" in p for p in report.problems)
    assert (report.splits[0].videos, report.splits[0].objects) == (0, None)


def test_the_tables_are_read_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load("refcoco", root=root, split="train")
    with monkeypatch.context() as patch:
        patch.setattr("rvos_edu.data.refcoco_tables.read_json", None)
        patch.setattr("rvos_edu.data.refcoco_tables.read_plain_pickle", None)
        again = load("refcoco", root=root, split="train")
    for one, two in zip(first, again, strict=True):
        assert (one.expression, one.raw_expression, one.video) == (
            two.expression,
            two.raw_expression,
            two.video,
        )
        assert one.target is not None and two.target is not None
        assert torch.equal(one.target.masks, two.target.masks) and one.target.referred == two.target.referred
    references(lambda r: r[1]["sentences"][0].update(sent="another"))(root)
    assert load("refcoco", root=root, split="train")[3].expression == "another"


def test_splits_that_can_be_asked_for() -> None:
    assert layout_of("refcoco").splits == (
        *("train", "val", "testA", "testB"),
        *("google-train", "google-val", "google-test"),
    )
    assert layout_of("refcoco+").splits == ("train", "val", "testA", "testB")
    assert layout_of("refcocog").splits == ("train", "val", "test", "google-train", "google-val")
    totals = {
        "refcoco": (19994, 50000, 142210),
        "refcoco+": (19992, 49856, 141564),
        "refcocog": (25799, 49822, 95010),
    }
    for name, total in totals.items():
        counts = [tuple(c.values()) for c in layout_of(name).expected.values()]
        assert tuple(map(sum, zip(*counts, strict=True))) == total, name


# -------------------------------------------------------------------------- one annotation per sentence


@pytest.fixture
def converted(root: Path) -> Path:
    """The same dataset in the form of MDETR, without its pickle."""
    write_json_table(json_file(root, "refcoco", "train"), "refcoco", kept_table(root, "refcoco", "train"))
    return root


def test_the_form(converted: Path) -> None:
    content = json.loads((converted / "refcoco/instances_refcoco_train.json").read_text())
    images, annotations = content["images"], content["annotations"]
    assert [i["caption"] for i in images] == ["the bright one on the left", "a man", "the left man", "crowd"]
    assert [i["original_id"] for i in images] == [1, 1, 1, 2] and [i["id"] for i in images] == [0, 1, 2, 3]
    assert [a["original_id"] for a in annotations] == [12, 11, 11, 21]
    assert [a["image_id"] for a in annotations] == [0, 1, 2, 3] and [a["iscrowd"] for a in annotations] == [
        0,
        0,
        0,
        1,
    ]
    assert annotations[1]["area"] == 36 and annotations[1]["bbox"] == [2.0, 3.0, 6.0, 6.0]
    assert images[0]["dataset_name"] == "refcoco" and (images[0]["height"], images[0]["width"]) == (20, 30)


def test_it_reads_back(converted: Path) -> None:
    before = list(load("refcoco", root=converted, split="train"))
    (converted / REFS).unlink()
    (converted / TABLE).unlink()
    after = list(load("refcoco", root=converted, split="train"))
    for one, two in zip(before, after, strict=True):
        same = ("expression", "raw_expression", "expression_id", "video", "frame_names", "original_size")
        assert all(getattr(one, name) == getattr(two, name) for name in same)
        assert one.target is not None and two.target is not None
        assert torch.equal(one.target.masks, two.target.masks) and one.target.referred == two.target.referred


def test_the_joint_set_in_this_form(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Images of other splits are left out, whichever form tells them."""
    write(root, "refcoco+", "unc", [ref(0, 1, 11, "train", sentence(0, "p"))])
    own = [ref(0, 2, 21, "train", sentence(0, "q")), ref(1, 1, 12, "val", sentence(1, "r"))]
    write(root, "refcocog", "umd", own)
    published = [sample.expression for sample in load("refcoco-joint", root=root, split="train")]
    assert published == ["crowd", "q"]  # image 1 is in val of RefCOCOg
    for name in ("refcoco", "refcoco+", "refcocog"):
        (path,) = (root / name).glob("refs*.p")
        for split in {"refcoco": ("train", "val"), "refcocog": ("train", "val")}.get(name, ("train",)):
            write_json_table(json_file(root, name, split), name, kept_table(root, name, split))
        path.unlink()
    with pytest.raises(DataError, match=r"instances_refcoco\+_\*\.json of other splits: which images those"):
        load("refcoco-joint", root=root, split="train")
    table = SplitTable(root, [], {}, 0)
    write_json_table(json_file(root, "refcoco+", "val"), "refcoco+", table)
    with caplog.at_level("INFO"):
        data = load("refcoco-joint", root=root, split="train")
    assert [sample.expression for sample in data] == published
    assert "refcocog: images of other splits are those of instances_refcocog_val.json (1)" in caplog.text
    assert check("refcoco-joint", root).ok


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda c: c["images"][1].update(caption=" "), "the caption of image 1 is empty"),
        (lambda c: c["images"][1].update(id=0), "has the id 0 among its images more than once"),
        (lambda c: c["images"][1].update(original_id="1"), "image number 1 has original_id '1'"),
        (lambda c: c["images"][1].update(file_name="a/b.jpg"), "file_name of image 1 is 'a/b.jpg'"),
        (lambda c: c["images"][1].update(file_name="other.jpg"), "gives the image 1 of COCO two file names"),
        (
            lambda c: c["annotations"].pop(1),
            "image 1 has 0 annotations with the id of an object, expected one",
        ),
    ],
)
def test_damage_in_it(converted: Path, change: Callable[[dict], object], message: str) -> None:
    (converted / REFS).unlink()
    path = converted / "refcoco/instances_refcoco_train.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    problems = [text for text in check("refcoco", converted).problems if "unknown split" not in text]
    assert [message in text and path.name in text for text in problems] == [True]
    with pytest.raises(DataError, match=message):
        load("refcoco", root=converted, split="train")
    assert len(load("refcoco", root=converted, split="train", skip_bad=True)) == 3
