"""Moving Shapes in the layout of Refer-YouTube-VOS as it is published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rvos_edu.data import check, layout_of, load
from rvos_edu.data.images import read_mask
from rvos_edu.data.moving_shapes import make
from rvos_edu.data.moving_shapes.refer_youtube_export import chosen_frames, export_refer_youtube
from rvos_edu.data.refer_youtube_vos import read_split
from rvos_edu.errors import DataError

NAME = "refer-youtube-vos"


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("shapes") / "full", train=4, valid=3, test=2, workers=1)


@pytest.fixture(scope="module")
def made(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_refer_youtube(shapes, tmp_path_factory.mktemp("ytvos") / "made")


def videos(root: Path, split: str) -> dict[str, Any]:
    return json.loads((root / f"meta_expressions/{split}/meta_expressions.json").read_text())["videos"]


def test_names_of_frames_by_hand() -> None:
    assert list(chosen_frames(0, 8).values())[:2] == ["00005", "00010"]
    irregular = [int(name) for name in chosen_frames(1, 8).values()]
    assert irregular == [0, 5, 10, 20, 25, 30, 33, 38]
    assert chosen_frames(2, 8) == {0: "00000", 2: "00005", 5: "00010", 7: "00015"}
    assert chosen_frames(3, 3) == {0: "00000", 1: "00005", 2: "00010"}
    assert chosen_frames(7, 2) == {0: "00010", 1: "00015"}


def test_the_published_keys_and_nothing_else(shapes: Path, made: Path) -> None:
    train, valid, test = (videos(made, split) for split in ("train", "valid", "test"))
    assert {tuple(e) for v in train.values() for e in v["expressions"].values()} == {("exp", "obj_id")}
    assert {tuple(e) for v in valid.values() for e in v["expressions"].values()} == {("exp",)}
    assert all(list(v) == ["expressions", "frames"] for v in (train | valid).values())
    assert {v: valid[v] for v in test} == test and len(valid) == 5 and len(test) == 2
    assert sorted(p.name for p in (made / "valid").iterdir()) == ["JPEGImages"]
    assert sorted(p.name for p in made.iterdir()) == ["meta_expressions", "train", "valid"]
    said = [e["exp"] for v in train.values() for e in v["expressions"].values()]
    assert any("  " in text for text in said) and any(text[0].isupper() for text in said)
    known = {r.video: [e.text for e in r.expressions] for r in read_split(shapes, "train")}
    assert {r.video: [e.text for e in r.expressions] for r in read_split(made, "train")} == known


def test_masks_and_meta_are_those_of_the_source(shapes: Path, made: Path) -> None:
    meta = json.loads((made / "train/meta.json").read_text())["videos"]
    for number, record in enumerate(read_split(shapes, "train")):
        seen: dict[str, list[str]] = {key: [] for key in meta[record.video]["objects"]}
        for t, name in chosen_frames(number, len(record.frames)).items():
            folders = (root / "train/Annotations" / record.video for root in (shapes, made))
            old, new = (f / f"{n}.png" for f, n in zip(folders, (record.frames[t], name), strict=True))
            assert old.read_bytes() == new.read_bytes()
            for identity in np.unique(read_mask(new)):
                if identity:
                    seen[str(identity)].append(name)
        assert {key: about["frames"] for key, about in meta[record.video]["objects"].items()} == seen
        assert all(list(about) == ["category", "frames"] for about in meta[record.video]["objects"].values())


def test_check_and_load(made: Path) -> None:
    report = check(NAME, made)
    assert report.ok and [s.videos for s in report.splits] == [4, 3]  # without those of test
    lengths = {len(load(NAME, root=made, split="train")[i].frames) for i in range(4)}
    assert lengths <= {4, 8}
    sample = load(NAME, root=made, split="valid")[0]
    assert sample.target is None and sample.expression == sample.expression.lower()


def test_same_source_same_bytes(shapes: Path, made: Path, tmp_path: Path) -> None:
    layout = layout_of(NAME)
    assert layout.make is not None
    again = layout.make(shapes, tmp_path / "again")
    files = [path.relative_to(made) for path in made.rglob("*") if path.is_file()]
    assert len(files) > 50 and all((again / f).read_bytes() == (made / f).read_bytes() for f in files)


def test_bad_source_and_root(shapes: Path, made: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not Moving Shapes"):
        export_refer_youtube(made, tmp_path / "x")
    with pytest.raises(DataError, match="exists and is not empty"):
        export_refer_youtube(shapes, made)
    alone = make(tmp_path / "alone", level="1", train=0, valid=0, test=1, workers=1)
    with pytest.raises(DataError, match="there is no valid video"):
        export_refer_youtube(alone, tmp_path / "x")
