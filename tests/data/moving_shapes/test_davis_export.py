"""Moving Shapes as the published pieces of Ref-DAVIS17, and in its layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rvos_edu.data import check, layout_of, load
from rvos_edu.data.images import read_mask
from rvos_edu.data.make import make_in_layout
from rvos_edu.data.moving_shapes import make
from rvos_edu.data.moving_shapes.davis_export import export_davis
from rvos_edu.data.ref_davis_raw import TEXT_FOLDER
from rvos_edu.data.refer_youtube_vos import read_split
from rvos_edu.errors import DataError


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("shapes") / "full", train=3, valid=2, test=2, workers=1)


@pytest.fixture(scope="module")
def davis(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    layout = layout_of("ref-davis17")
    assert layout.make is not None
    return layout.make(shapes, tmp_path_factory.mktemp("davis") / "made")


def test_every_quirk_is_there(davis: Path) -> None:
    texts = davis / "raw" / TEXT_FOLDER
    first, second = ((texts / f"Davis17_annot{k}.txt").read_bytes() for k in (1, 2))
    assert all(name in first for name in (b"motor-bike 1", b"clasic-car 1", b"dog-scale 1"))
    assert b"motorbike 1" in second and b"\xa0" in second
    first.decode("utf-8")
    with pytest.raises(UnicodeDecodeError):
        second.decode("utf-8")
    masks = sorted((davis / "raw/DAVIS/Annotations_unsupervised/480p/motorbike").iterdir())
    assert masks[0].name == "00000.png" and (read_mask(masks[0]) == 255).any()


def test_check_and_training_like_the_source(shapes: Path, davis: Path) -> None:
    report = check("ref-davis17", davis)
    assert report.ok and [s.videos for s in report.splits] == [3, 2]
    source = read_split(shapes, "valid")[0]
    ours = load("ref-davis17", split="valid", root=davis)
    record = next(r for r in ours.records if r.video == "motorbike")  # type: ignore[attr-defined]
    numbers = sorted({e.object_id for e in source.expressions if e.object_id is not None})
    assert len(record.expressions) == 4 * len(numbers) and len(record.frames) == len(source.frames)
    said = {e.text: e.object_id for e in source.expressions}
    assert all(numbers[(e.object_id or 0) - 1] == said[e.text] for e in record.expressions)
    for old, new in zip(source.frames, record.frames, strict=True):
        before = read_mask(shapes / "valid/Annotations" / source.video / f"{old}.png")
        after = read_mask(davis / "valid/Annotations/motorbike" / f"{new}.png")
        for k, number in enumerate(numbers):
            np.testing.assert_array_equal(after == k + 1, before == number)
        assert (before[after == 255] == 0).all() or set(np.unique(before)) - {0, *numbers}


def test_sentences_of_the_first_frame_come_first(davis: Path) -> None:
    """Slot 0 and 2 say nothing of motion where another sentence is there."""
    data = load("ref-davis17", split="train", root=davis)
    words = ("moving", "goes", "going", "later", "late", "at first")
    still = [s.expression for s in data if int(s.expression_id) % 2 == 0]
    moving = [s.expression for s in data if int(s.expression_id) % 2 == 1]

    def share(texts: list[str]) -> float:
        return float(np.mean([any(word in text for word in words) for text in texts]))

    assert share(moving) > share(still)


def test_same_source_same_bytes(shapes: Path, davis: Path, tmp_path: Path) -> None:
    layout = layout_of("ref-davis17")
    assert layout.make is not None
    again = layout.make(shapes, tmp_path / "again")
    files = [path.relative_to(davis) for path in davis.rglob("*") if path.is_file()]
    assert len(files) > 100 and all((again / f).read_bytes() == (davis / f).read_bytes() for f in files)


def test_bad_source_and_root(shapes: Path, davis: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not Moving Shapes"):
        export_davis(davis, tmp_path / "x")
    with pytest.raises(DataError, match="exists and is not empty"):
        export_davis(shapes, davis)


@pytest.mark.parametrize("split", ["train", "valid"])
def test_a_split_without_videos(split: str, tmp_path: Path) -> None:
    """Told in words, without the folder in between."""
    sizes = {"train": 1, "valid": 1, "test": 0, split: 0}
    with pytest.raises(DataError) as caught:
        make_in_layout("ref-davis17", tmp_path / "davis", level="1", sizes=sizes, workers=1)
    assert str(caught.value) == (
        f"Ref-DAVIS17 is made of train and valid videos, at least one each: there is no {split} video"
    )
    assert list(tmp_path.iterdir()) == []
