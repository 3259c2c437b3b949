"""Moving Shapes in the layout of MeViS."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rvos_edu.data import check, layout_of, load
from rvos_edu.data.images import read_mask
from rvos_edu.data.moving_shapes import make
from rvos_edu.data.moving_shapes.language import Facts
from rvos_edu.data.moving_shapes.mevis_export import export_mevis, plural_sentences
from rvos_edu.data.moving_shapes.truth import MovingShapesTruth
from rvos_edu.data.refer_youtube_vos import read_split
from rvos_edu.errors import DataError

SHAPE = Facts(1, "red", "cross", "small", "left", "always", (0.2, 0.2), (True, True))
FACTS = [
    SHAPE,
    replace(SHAPE, identity=2, colour="blue", size="large"),
    replace(SHAPE, identity=3, shape="star", direction="right"),
]


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("shapes") / "full", train=6, valid=2, test=2, workers=1)


@pytest.fixture(scope="module")
def mevis(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_mevis(shapes, tmp_path_factory.mktemp("mevis") / "made")


def test_sentences_about_several_objects_by_hand() -> None:
    assert dict(plural_sentences(FACTS)) == {
        "the two red objects": [1, 3],
        "the two crosses": [1, 2],
        "the two small objects": [1, 3],
        "the two objects moving left": [1, 2],
    }
    assert not list(plural_sentences([SHAPE, replace(SHAPE, identity=2)]))  # all of them
    late = [*FACTS[:2], replace(FACTS[2], entry="late")]
    assert "the two objects moving left" not in dict(plural_sentences(late))


def test_the_layout(shapes: Path, mevis: Path) -> None:
    report = check("mevis", mevis)
    assert report.ok and [s.videos for s in report.splits] == [6, 2, 2]
    masks = json.loads((mevis / "train/mask_dict.json").read_text())
    videos = json.loads((mevis / "train/meta_expressions.json").read_text())["videos"]
    assert any(None in runs for runs in masks.values())  # an object that enters late
    assert any(len(e["anno_id"]) > 1 for v in videos.values() for e in v["expressions"].values())
    assert not (mevis / "valid/mask_dict.json").exists()
    hidden = json.loads((mevis / "valid/meta_expressions.json").read_text())["videos"]
    assert all(list(e) == ["exp"] for v in hidden.values() for e in v["expressions"].values())


def test_masks_are_those_of_the_source(shapes: Path, mevis: Path) -> None:
    truth = MovingShapesTruth(shapes, "train")
    records = {r.video: r for r in read_split(shapes, "train")}
    plural = 0
    for sample in load("mevis", split="train", root=mevis):
        record = records[sample.video]
        single = {e.text: [e.object_id] for e in record.expressions}
        objects = (single | dict(plural_sentences(truth.facts(sample.video))))[sample.expression]
        plural += len(objects) > 1
        folder = shapes / "train/Annotations" / sample.video
        ids = np.stack([read_mask(folder / f"{name}.png") for name in record.frames])
        assert sample.target is not None
        np.testing.assert_array_equal(
            sample.target.masks[sample.target.referred].numpy(), np.isin(ids, objects)
        )
    assert plural


def test_same_source_same_bytes(shapes: Path, mevis: Path, tmp_path: Path) -> None:
    layout = layout_of("mevis")
    assert layout.make is not None
    again = layout.make(shapes, tmp_path / "again")
    files = [path.relative_to(mevis) for path in mevis.rglob("*") if path.is_file()]
    assert len(files) > 50 and all((again / f).read_bytes() == (mevis / f).read_bytes() for f in files)


def test_bad_source_and_root(shapes: Path, mevis: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not Moving Shapes"):
        export_mevis(mevis, tmp_path / "x")
    with pytest.raises(DataError, match="exists and is not empty"):
        export_mevis(shapes, mevis)
