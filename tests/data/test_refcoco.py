"""RefCOCO, RefCOCO+ and RefCOCOg on disk, by hand and as Moving Shapes are exported."""

from __future__ import annotations

import json
import os
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from rvos_edu.config import DataConfig
from rvos_edu.data import (
    ClipDataset,
    GroupedClips,
    JointRefCOCO,
    RefCOCO,
    collate,
    known_truth,
    load,
    train_transform,
)
from rvos_edu.data.moving_shapes import make
from rvos_edu.data.moving_shapes.refcoco_export import export_refcoco, export_truth
from rvos_edu.data.registry import dataset_root
from rvos_edu.engine.negatives import choose_negatives
from rvos_edu.errors import DataError
from rvos_edu.structures import Target, VideoSample
from tests.data.moving_shapes.meaning import mirror, objects_that_fit

SIZES = {1: (20, 30), 2: (24, 18), 3: (20, 30), 4: (20, 30)}  # image -> (H, W)
SQUARE = [[2.0, 3.0, 8.0, 3.0, 8.0, 9.0, 2.0, 9.0]]
TWO = [[10, 1, 12, 1, 12, 4, 10, 4], [10, 6, 12, 6, 12, 8, 10, 8]]


def sentence(number: int, text: str) -> dict[str, Any]:
    return {"tokens": text.split(), "raw": text.upper(), "sent": text, "sent_id": number}


def ref(number: int, image: int, annotation: int, split: str, *sentences: dict[str, Any]) -> dict[str, Any]:
    return {
        **{"ref_id": number, "ann_id": annotation, "image_id": image, "split": split, "category_id": 1},
        **{"file_name": f"COCO_train2014_{image:012d}_9.jpg", "sentences": list(sentences)},
        "sent_ids": [s["sent_id"] for s in sentences],
    }


def refs() -> list[dict[str, Any]]:
    """Objects of one image apart, several sentences, all splits."""
    return [
        ref(0, 1, 12, "train", sentence(0, "the  bright one\ton the left")),
        ref(1, 2, 21, "train", sentence(1, "crowd")),
        ref(2, 1, 11, "train", sentence(2, "a man"), sentence(3, "the left man")),
        ref(3, 3, 31, "val", sentence(4, "dog")),
        ref(4, 4, 41, "testA", sentence(5, "cat")),
        ref(5, 4, 41, "testB", sentence(6, "cow")),
    ]


def write(root: Path, name: str = "refcoco", by: str = "unc", entries: list | None = None) -> Path:
    """A root with the tables of one of the three datasets, and the images."""
    images = root / "images/mscoco/images/train2014"
    images.mkdir(parents=True, exist_ok=True)
    pictures, annotations = [], []
    for image, (height, width) in SIZES.items():
        file_name = f"COCO_train2014_{image:012d}.jpg"
        Image.fromarray(np.full((height, width, 3), 20 * image, np.uint8)).save(images / file_name)
        pictures.append({"id": image, "file_name": file_name, "height": height, "width": width})
    runs = {"size": [24, 18], "counts": [24, 48, 24 * 15]}  # the second and third column
    for annotation, segmentation in (
        (11, SQUARE),
        (12, TWO),
        (13, SQUARE),
        (21, runs),
        (31, SQUARE),
        (41, TWO),
    ):
        about = {
            "id": annotation,
            "image_id": annotation // 10,
            "segmentation": segmentation,
            "category_id": 1,
        }
        annotations.append({**about, "iscrowd": int(annotation == 21), "area": 36, "bbox": [2, 3, 6, 6]})
    (root / name).mkdir()
    tables = {"images": pictures, "annotations": annotations, "categories": [{"id": 1, "name": "x"}]}
    (root / name / "instances.json").write_text(json.dumps(tables))
    content = pickle.dumps(refs() if entries is None else entries, protocol=0)
    (root / name / f"refs({by}).p").write_bytes(content)
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write(tmp_path / "data")


def target_of(sample: VideoSample) -> Target:
    assert sample.target is not None
    return sample.target


# ------------------------------------------------------------------------------------------------- by hand


def test_images_are_clips_of_one_frame(root: Path) -> None:
    data = load("refcoco", root=root, split="train", window=1)
    assert isinstance(data, RefCOCO) and isinstance(data, ClipDataset)
    assert [(clip.video, clip.start) for clip in data.clips] == [("1", 0), ("2", 0)] and len(data) == 4
    assert [data.samples_of(clip) for clip in (0, 1)] == [[0, 1, 2], [3]]
    first, second, third = data.load_clip(0)
    assert first.frames.shape == (1, 3, 20, 30) and first.frames.dtype == torch.uint8
    assert first.frames is third.frames and float(first.frames.float().mean()) == pytest.approx(20, abs=2)
    assert (first.expression, first.raw_expression) == (
        "the bright one on the left",
        "THE  BRIGHT ONE\tON THE LEFT",
    )
    assert (first.video, first.expression_id, first.annotated) == ("1", "0", (0,))
    assert first.frame_names == ("COCO_train2014_000000000001",) and first.original_size == (20, 30)
    assert [s.expression_id for s in (second, third)] == ["2", "3"]
    assert first.category is None and first.candidates is None


def test_instances_are_the_objects_that_the_split_refers_to(root: Path) -> None:
    first, second, third = RefCOCO(root, name="refcoco", split="train").load_clip(0)
    masks = target_of(first).masks
    assert masks is target_of(third).masks and masks.shape == (2, 1, 20, 30)  # 11 and 12, not 13
    assert [target_of(s).referred for s in (first, second, third)] == [1, 0, 0]
    expected = torch.zeros(2, 1, 20, 30, dtype=torch.bool)
    expected[0, 0, 3:9, 2:8] = True
    expected[1, 0, 1:4, 10:12] = expected[1, 0, 6:8, 10:12] = True
    assert torch.equal(masks, expected)
    assert target_of(first).visible.tolist() == [True]  # type: ignore[union-attr]


def test_run_lengths(root: Path) -> None:
    (sample,) = RefCOCO(root, name="refcoco", split="train").load_clip(1)
    expected = torch.zeros(24, 18, dtype=torch.bool)
    expected[:, 1:3] = True
    assert torch.equal(target_of(sample).masks[0, 0], expected)


def test_an_item_is_the_one_of_its_clip(root: Path) -> None:
    data = RefCOCO(root, name="refcoco", split="train")
    for clip in range(2):
        for index, sample in zip(data.samples_of(clip), data.load_clip(clip), strict=True):
            assert data[index].expression == sample.expression
            assert torch.equal(data[index].frames, sample.frames)
            assert target_of(data[index]).referred == target_of(sample).referred


def test_transform_sees_items_only(root: Path) -> None:
    def mark(sample: VideoSample, rng: random.Random) -> VideoSample:
        return VideoSample(**{**sample.__dict__, "expression": "marked"})

    data = load("refcoco", root=root, split="train", transform=mark)
    assert data[0].expression == "marked" and data.load_clip(0)[0].expression != "marked"


def test_splits_of_the_three(root: Path) -> None:
    assert {s: len(load("refcoco", root=root, split=s)) for s in ("val", "testA", "testB")} == {
        **{"val": 1, "testA": 1, "testB": 1}
    }
    google = [ref(0, 1, 12, "train", sentence(0, "x")), ref(1, 2, 21, "test", sentence(1, "y"))]
    (root / "refcoco/refs(google).p").write_bytes(pickle.dumps(google, protocol=2))
    assert load("refcoco", root=root, split="google-test")[0].expression == "y"
    with pytest.raises(
        DataError, match=r"unknown split 'val' of .*refs\(google\)\.p; expected .* test, train"
    ):
        load("refcoco", root=root, split="google-val")
    umd = [ref(0, 1, 12, "test", sentence(0, "x"))]
    write(root, "refcocog", "umd", umd)
    assert len(load("refcocog", root=root, split="test")) == 1
    write(root, "refcoco+", "unc", umd)
    assert len(load("refcoco+", root=root, split="test")) == 1
    with pytest.raises(DataError, match="refcoco\\+ has no Google splits, only those of unc"):
        load("refcoco+", root=root, split="google-val")


@pytest.mark.parametrize("folder", ["train2014", "coco/train2014", "images/train2014"])
def test_places_of_the_images(root: Path, folder: str) -> None:
    (root / folder).parent.mkdir(parents=True, exist_ok=True)
    os.rename(root / "images/mscoco/images/train2014", root / folder)
    assert RefCOCO(root, name="refcoco", split="val")[0].size == (20, 30)


def test_batches_as_the_training_loop_makes_them(root: Path) -> None:
    data = load("refcoco", root=root, split="train", window=1)
    transform = train_transform(DataConfig(short_side=16, max_side=32, mask_stride=4))
    grouped = GroupedClips(data, expressions_per_clip=2, transform=transform, seed=0)
    batch = collate([grouped[0], grouped[1]])
    assert batch.frames.shape == (2, 1, 3, 21, 24) and batch.clips.tolist() == [0, 0, 1]
    assert batch.annotated.tolist() == [0] and batch.targets is not None
    assert [tuple(t.masks.shape) for t in batch.targets] == [(2, 1, 4, 6), (2, 1, 4, 6), (1, 1, 6, 4)]


def test_an_image_travels_to_worker_processes(root: Path) -> None:
    data = pickle.loads(pickle.dumps(RefCOCO(root, name="refcoco", split="train")))
    assert len(data.load_clip(0)) == 3


# ---------------------------------------------------------------------------------------------------- joint


def test_joint_training_leaves_held_out_images_out(root: Path) -> None:
    """Image 1 trains RefCOCO and RefCOCO+, image 2 tests RefCOCOg, image 3 validates RefCOCO."""
    write(
        root,
        "refcoco+",
        "unc",
        [ref(0, 1, 11, "train", sentence(0, "p")), ref(1, 3, 31, "train", sentence(1, "q"))],
    )
    write(
        root,
        "refcocog",
        "umd",
        [ref(0, 2, 21, "test", sentence(0, "r")), ref(1, 1, 12, "train", sentence(1, "s"))],
    )
    data = load("refcoco-joint", root=root, split="train", window=1)
    assert isinstance(data, JointRefCOCO) and data.dropped == 2  # image 2 of RefCOCO, image 3 of RefCOCO+
    assert [clip.video for clip in data.clips] == ["1", "1", "1"] and len(data) == 5
    assert [s.expression for c in range(3) for s in data.load_clip(c)][2:] == ["the left man", "p", "s"]
    assert data[4].expression == "s" and target_of(data[4]).masks.shape == (1, 1, 20, 30)
    valid = load("refcoco-joint", root=root, split="val")
    assert [s.expression for s in valid.load_clip(0)] == ["dog"]


# ------------------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize("split", ["dev", "test", "", "../train"])
def test_unknown_splits(root: Path, split: str) -> None:
    with pytest.raises(DataError, match=r"unknown split .* expected one of testA, testB, train, val"):
        RefCOCO(root, name="refcoco", split=split)


def test_missing_files(root: Path) -> None:
    with pytest.raises(DataError, match=r"refcoco\+ does not exist; expected refs\(unc\)\.p in it"):
        RefCOCO(root, name="refcoco+", split="train")
    with pytest.raises(DataError, match=r"refs\(google\)\.p cannot be read"):
        RefCOCO(root, name="refcoco", split="google-train")
    with pytest.raises(DataError, match="unknown dataset 'refcoco2'; expected one of refcoco, refcoco"):
        RefCOCO(root, name="refcoco2", split="train")
    with pytest.raises(DataError, match="refcoco is not made by this package: give its folder"):
        load("refcoco", split="train")
    with pytest.raises(DataError, match="refcoco has images: the window must be 1 frame, got 8"):
        load("refcoco", root=root, split="train", window=8)
    images = root / "images/mscoco/images/train2014"
    (images / "COCO_train2014_000000000002.jpg").unlink()
    with pytest.raises(DataError, match=r"000000000002\.jpg is missing \(1 of 2 images in all\)"):
        RefCOCO(root, name="refcoco", split="train")
    os.rename(images, root / "elsewhere")
    with pytest.raises(DataError, match="holds no images of COCO train2014; expected one of images/mscoco"):
        RefCOCO(root, name="refcoco", split="train")
    (root / "refcoco/instances.json").unlink()
    with pytest.raises(DataError, match=r"instances\.json cannot be read as JSON"):
        RefCOCO(root, name="refcoco", split="train")


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda r: r[0].update(ann_id=99), r"instances\.json has no id 99 among its annotations"),
        (lambda r: r[0].update(image_id=99), r"instances\.json has no id 99 among its images"),
        (lambda r: r[0].update(ann_id=21), r"ref 0 puts annotation 21 into image 1, .* into 2"),
        (lambda r: r[0].update(ann_id="12"), "entry 0 has ann_id '12', expected a whole number"),
        (lambda r: r[0].pop("ref_id"), "entry 0 has ref_id None"),
        (lambda r: r[0].pop("split"), "ref 0 needs a split and a list of sentences"),
        (lambda r: r[0].update(sentences=None), "ref 0 needs a split and a list of sentences"),
        (lambda r: r[0]["sentences"][0].update(sent=" \t"), r"a sentence of ref 0 is empty \(sent_id 0\)"),
        (lambda r: r[0]["sentences"][0].pop("sent"), 'must have its words in "sent" and a "sent_id"'),
        (lambda r: r[0]["sentences"].append("x"), 'must have its words in "sent" and a "sent_id"'),
        (lambda r: r.append("x"), "entry 6 must be a referred object, got str"),
        (lambda r: r.append(r[0]), "entry 6 repeats the ref_id 0"),
        (lambda r: r[2]["sentences"].append(sentence(0, "x")), "a sentence of ref 2 repeats the sent_id 0"),
    ],
)
def test_damaged_references(root: Path, change: Callable[[list], None], message: str) -> None:
    entries = refs()
    change(entries)
    (root / "refcoco/refs(unc).p").write_bytes(pickle.dumps(entries, protocol=0))
    with pytest.raises(DataError, match=message):
        RefCOCO(root, name="refcoco", split="train")


def test_references_that_would_run_code(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    (root / "refcoco/refs(unc).p").write_bytes(b"cos\nsystem\n(S'touch evil'\ntR.")
    with pytest.raises(DataError, match=r"refs\(unc\)\.p is not safe to read: it refers to os\.system"):
        RefCOCO(root, name="refcoco", split="train")
    assert not (root / "evil").exists()


def edit(root: Path, change: Callable[[dict], None]) -> None:
    path = root / "refcoco/instances.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda c: c.pop("images"), 'must hold a list "images"'),
        (lambda c: c.update(annotations=[1]), 'must hold a list "annotations"'),
        (lambda c: c["images"][0].update(file_name="../x.jpg"), "file_name of image 1 is '../x.jpg'"),
        (lambda c: c["images"][0].pop("file_name"), "file_name of image 1 is None"),
        (lambda c: c["images"][0].update(height=0), "image 1 has height 0 and width 30"),
    ],
)
def test_damaged_tables(root: Path, change: Callable[[dict], None], message: str) -> None:
    edit(root, change)
    with pytest.raises(DataError, match=message):
        RefCOCO(root, name="refcoco", split="train")


def test_masks_and_images_of_another_size(root: Path) -> None:
    edit(root, lambda c: c["annotations"][3]["segmentation"].update(size=[18, 24]))
    data = RefCOCO(root, name="refcoco", split="train")
    with pytest.raises(DataError, match=r"annotation 21 has a mask of size \[18, 24\], its image is 24x18"):
        data.load_clip(1)
    edit(root, lambda c: c["images"][0].update(height=21))
    with pytest.raises(DataError, match=r"000000000001\.jpg is 20x30 .*instances\.json says 21x30"):
        RefCOCO(root, name="refcoco", split="train")[0]


# ------------------------------------------------------------------------------------------- Moving Shapes


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("images") / "full", seed=6, workers=1, train=20, valid=6, test=7)


@pytest.fixture(scope="module")
def exported(shapes: Path) -> Path:
    return export_refcoco(shapes, shapes.with_name("refcoco"))


EXPORTED = [("refcoco", "train"), ("refcoco+", "train"), ("refcocog", "train"), ("refcoco", "testA")]


def test_splits_of_the_export(exported: Path) -> None:
    def count(name: str, split: str) -> int:
        return len(RefCOCO(exported, name=name, split=split).clips)

    assert {s: count("refcoco", s) for s in ("train", "val", "testA", "testB")} == {
        **{"train": 20, "val": 6, "testA": 4, "testB": 3}
    }
    assert (count("refcoco", "google-train"), count("refcoco", "google-test")) == (20, 7)
    assert count("refcocog", "test") <= 7 and count("refcocog", "google-val") <= 6
    with pytest.raises(DataError, match="expected one of train, val"):
        count("refcocog", "google-test")
    names = sorted(p.name for p in (exported / "images/mscoco/images/train2014").iterdir())
    assert names == [f"COCO_train2014_{i:012d}.jpg" for i in range(1, 34)]


def test_a_small_easy_export_has_every_split(tmp_path: Path) -> None:
    """Of level 1 nearly all sentences name a colour only; RefCOCOg says more."""
    root = export_refcoco(
        make(tmp_path / "shapes", level="1", workers=1, train=3, valid=2, test=2), tmp_path / "made"
    )
    for split, count in (("train", 3), ("val", 2), ("test", 2)):
        data, truth = RefCOCO(root, name="refcocog", split=split), export_truth(root, "refcocog")
        assert len(data.clips) == count
        for sample in (sample for clip in range(count) for sample in data.load_clip(clip)):
            facts = [f.__dict__ for f in truth.facts(sample.video)]
            assert len(objects_that_fit(sample.expression, facts)) == 1
            assert len(truth.predicates(sample.video, sample.expression_id)) == 2


def test_no_refs_at_all(root: Path) -> None:
    write(root, "refcocog", "umd", [])
    with pytest.raises(DataError, match=r"refs\(umd\)\.p holds no refs: expected those of the split 'train'"):
        load("refcocog", root=root, split="train")


@pytest.mark.parametrize("name, split", EXPORTED)
def test_exported_sentences_are_true_of_one_object(exported: Path, name: str, split: str) -> None:
    data, truth = RefCOCO(exported, name=name, split=split), export_truth(exported, name)
    read = 0
    for clip in range(len(data.clips)):
        for sample in data.load_clip(clip):
            facts = [f.__dict__ for f in truth.facts(sample.video)]
            found = objects_that_fit(sample.expression, facts)
            assert len(found) == 1, sample.expression
            image = data.images[clip]
            assert image.annotations[target_of(sample).referred] == 10 * image.id + found[0]
            assert not set(sample.expression.split()) & {
                "moving",
                "goes",
                "going",
                "rising",
                "sinking",
                "later",
            }
            assert not any(word in sample.expression for word in ("enters", "coming", "comes", "at first"))
            assert sample.frames.shape == (1, 3, 80, 112) and target_of(sample).visible.all()  # type: ignore[union-attr]
            places = any(
                a in ("side", "extreme") for a, _ in truth.predicates(sample.video, sample.expression_id)
            )
            assert not (name == "refcoco+" and places)
            if name == "refcocog":
                assert len(truth.predicates(sample.video, sample.expression_id)) > 1
            read += 1
    assert read >= 4 * len(data.clips) - 40


def test_exported_facts_are_those_of_the_frame(shapes: Path, exported: Path) -> None:
    """Places are centres of the masks; looks are those of the video; the frame shows what it can."""
    data, truth = RefCOCO(exported, name="refcoco", split="train"), export_truth(exported, "refcoco")
    table = json.loads((exported / "refcoco/instances.json").read_text())
    areas = {a["id"]: a["area"] for a in table["annotations"]}
    boxes = {a["id"]: a["bbox"] for a in table["annotations"]}
    for clip, image in enumerate(data.images):
        masks = target_of(data.load_clip(clip)[0]).masks
        facts = {f.identity: f for f in truth.facts(str(image.id))}
        for annotation, mask in zip(image.annotations, masks[:, 0], strict=True):
            rows, columns = torch.nonzero(mask, as_tuple=True)
            place = (float(columns.float().mean() + 0.5) / 112, float(rows.float().mean() + 0.5) / 80)
            assert facts[annotation % 10].place == pytest.approx(place, abs=1e-5)
            assert int(mask.sum()) == areas[annotation]
            left, top, width, height = boxes[annotation]
            assert (int(columns.min()), int(rows.min())) == (left, top)
            assert (int(columns.max()) + 1, int(rows.max()) + 1) == (left + width, top + height)
    videos = json.loads((shapes / "train/meta.json").read_text())["videos"]
    looks = [sorted(o["facts"]["shape"] for o in videos[v]["objects"].values()) for v in sorted(videos)]
    shown = [sorted(f.shape for f in truth.facts(str(i))) for i in range(1, 21)]
    assert sum(a == b for a, b in zip(looks, shown, strict=True)) >= 17 and min(areas.values()) > 0


def test_mirrored_images_and_false_sentences(exported: Path) -> None:
    truth = known_truth("refcoco", exported, "train")
    assert truth is not None
    data = load("refcoco", root=exported, split="train", window=1)
    transform = train_transform(DataConfig(short_side=16, max_side=32))
    grouped = GroupedClips(data, expressions_per_clip=3, transform=transform, seed=1)
    batch = collate([grouped[i] for i in range(8)])
    assert len({s.mirrored for s in batch.samples}) == 2
    found = choose_negatives(batch, rng=random.Random(0), truth=truth)
    for text, clip in zip(found.expressions, found.clips.tolist(), strict=True):
        sample = next(s for s, c in zip(batch.samples, batch.clips.tolist(), strict=True) if c == clip)
        facts = [f.__dict__ for f in truth.facts(sample.video)]
        assert objects_that_fit(text, mirror(facts) if sample.mirrored else facts) == []
    assert found.counts.made >= 20


def test_the_same_bytes_again(shapes: Path, exported: Path, tmp_path: Path) -> None:
    again = export_refcoco(shapes, tmp_path / "again")
    files = sorted(p.relative_to(again) for p in again.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(exported) for p in exported.rglob("*") if p.is_file())
    assert all((again / f).read_bytes() == (exported / f).read_bytes() for f in files)
    with pytest.raises(DataError, match="again exists and is not empty"):
        export_refcoco(shapes, again)


def test_what_is_no_moving_shapes(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is not Moving Shapes: it has no moving_shapes\.json"):
        export_refcoco(tree, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert known_truth("refer-youtube-vos", tree, "train") is None


def test_images_by_name_are_made_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def small(root: Path, **arguments: Any) -> Path:
        sizes = {"train": 3, "valid": 2, "test": 2} | {k: v for k, v in arguments.items() if k == "train"}
        return make(root, level=arguments["level"], seed=arguments["seed"], workers=1, **sizes)

    monkeypatch.setattr("rvos_edu.data.moving_shapes.make", small)
    data = load("moving-shapes-images", split="train", level="2", seed=1, train_videos=4, window=1)
    assert isinstance(data, RefCOCO) and len(data.clips) == 4
    folder = home / "moving-shapes-v1/level-2-seed-1-4-images"
    assert data.root == folder == dataset_root("moving-shapes-images", level="2", seed=1, train_videos=4)
    assert known_truth("moving-shapes-images", folder, "train") is not None
    monkeypatch.setattr("rvos_edu.data.moving_shapes.make", None)  # not made again, videos not needed
    os.rename(home / "moving-shapes-v1/level-2-seed-1-4", home / "away")
    assert len(load("moving-shapes-images", split="val", level="2", seed=1, train_videos=4).clips) == 2
    assert known_truth("moving-shapes", home / "away", "train") is not None


def test_a_real_refcoco_has_no_truth(root: Path) -> None:
    assert known_truth("refcoco", root, "train") is None
    assert known_truth("refcoco-joint", root, "train") is None
