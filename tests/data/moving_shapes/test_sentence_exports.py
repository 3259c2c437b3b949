"""Moving Shapes as A2D-Sentences and JHMDB-Sentences: true sentences, the same pixels, all quirks."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

from rvos_edu.data import ClipDataset, check, layout_of, load
from rvos_edu.data.centre_windows import CentreWindows
from rvos_edu.data.images import read_mask
from rvos_edu.data.moving_shapes import make
from rvos_edu.data.moving_shapes.a2d_export import export_a2d, video_id, write_masks
from rvos_edu.data.moving_shapes.jhmdb_export import export_jhmdb, video_name
from rvos_edu.data.moving_shapes.truth import MovingShapesTruth
from rvos_edu.data.refer_youtube_vos import read_split
from rvos_edu.errors import DataError
from tests.data.moving_shapes.meaning import objects_that_fit


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("shapes") / "ms", level="full", seed=3, train=5, valid=1, test=6)


@pytest.fixture(scope="module")
def a2d(shapes: Path) -> Path:
    return export_a2d(shapes, shapes.with_name("a2d"))


@pytest.fixture(scope="module")
def jhmdb(shapes: Path) -> Path:
    return export_jhmdb(shapes, shapes.with_name("jhmdb"))


def opened(name: str, root: Path, split: str) -> CentreWindows:
    dataset: ClipDataset = load(name, root=root, split=split, window=8)
    assert isinstance(dataset, CentreWindows)
    return dataset


def test_layouts_make_them(shapes: Path, a2d: Path, jhmdb: Path, tmp_path: Path) -> None:
    """By name, and the same source gives the same bytes."""
    for name, first in (("a2d-sentences", a2d), ("jhmdb-sentences", jhmdb)):
        again = layout_of(name).make
        assert again is not None
        second = again(shapes, tmp_path / name)
        names = sorted(str(p.relative_to(first)) for p in first.rglob("*") if p.is_file())
        assert names == sorted(str(p.relative_to(second)) for p in second.rglob("*") if p.is_file())
        for path in names:
            assert (first / path).read_bytes() == (second / path).read_bytes(), path


def test_check_finds_nothing_wrong(a2d: Path, jhmdb: Path) -> None:
    for name, root, videos in (("a2d-sentences", a2d, [5, 6]), ("jhmdb-sentences", jhmdb, [6])):
        report = check(name, root)
        assert report.ok, report
        assert [s.videos for s in report.splits] == videos
        for split in report.splits:
            assert split.samples == len(opened(name, root, split.split)) > 2 * split.videos


@pytest.mark.parametrize(("name", "split"), [("a2d-sentences", "train"), ("a2d-sentences", "test")])
def test_pixels_and_masks_are_those_of_the_source(shapes: Path, a2d: Path, name: str, split: str) -> None:
    records = {video_id(r.video, dash=i % 5 == 0): r for i, r in enumerate(read_split(shapes, split))}
    source = load("moving-shapes", root=shapes, split=split)
    clips = {clip.video: source.load_clip(i)[0].frames.float() for i, clip in enumerate(source.clips)}
    for sample in opened(name, a2d, split):
        record = records[sample.video]
        times = [int(name) - 1 for name in sample.frame_names]
        ids = read_mask(shapes / split / "Annotations" / record.video / f"{record.frames[times[4]]}.png")
        assert sample.target is not None and sample.annotated == (4,)
        instance = int(sample.expression_id) + 1
        np.testing.assert_array_equal(sample.target.masks[sample.target.referred, 0], ids == instance)
        assert len(sample.target.masks) == len(set(np.unique(ids)) - {0})
        # H.264 changes colours a little; the next frame is further away.
        difference = (sample.frames.float() - clips[record.video][times]).abs().mean((1, 2, 3))
        assert float(difference.max()) < 8


def test_every_sentence_is_true_of_one_object_in_its_frames(shapes: Path, a2d: Path, jhmdb: Path) -> None:
    """By an implementation of meaning of its own, on facts with the places of each frame."""
    names = [(video_id(r.video, dash=i % 5 == 0), video_name(r.video, i), r)
             for i, r in enumerate(read_split(shapes, "test"))]  # fmt: skip
    truth = MovingShapesTruth(shapes, "test")
    tested = 0
    for sample in [*opened("a2d-sentences", a2d, "test"), *opened("jhmdb-sentences", jhmdb, "test")]:
        record = next(r for a, b, r in names if sample.video in (a, b))
        time = int(sample.frame_names[4]) - 1
        folder = shapes / "test" / "Annotations" / record.video
        ids = read_mask(folder / f"{record.frames[time]}.png")
        facts = []
        for fact in truth.facts(record.video):
            where = np.argwhere(ids == fact.identity)
            if len(where):
                y, x = (where.mean(0) + 0.5) / ids.shape
                facts.append({**vars(fact), "place": (float(x), float(y))})
        assert sample.target is not None
        mask = sample.target.masks[sample.target.referred, 0].numpy()
        if mask.any():
            assert objects_that_fit(sample.expression, facts) == [int(np.unique(ids[mask]).item())]
            tested += 1
    assert tested > 20


def test_quirks_of_a2d(a2d: Path) -> None:
    rows = (a2d / "Release/videoset.csv").read_text().splitlines()
    assert {len(row.split(",")) for row in rows} == {9} and {row[-1] for row in rows} == {"0", "1"}
    ids = [row.split(",")[0] for row in rows]
    assert {len(i) for i in ids} == {11} and sum(i[0] == "-" for i in ids) >= 3
    text = (a2d / "text_annotations/a2d_annotation.txt").read_text()
    assert text.count(",1 (copy),") == 1 and ", " in text
    missed = (a2d / "text_annotations/a2d_missed_videos.txt").read_text()
    assert missed[-1] != "\n" and not (a2d / "Release/clips320H" / f"{missed.split()[-1]}.mp4").exists()
    shapes, repeated = set(), 0
    for path in sorted(a2d.rglob("*.h5")):
        with h5py.File(path) as file:
            instance, masks = file["instance"][()], file["reMask"][()]
        assert masks.dtype == np.uint8 and masks.shape[-2:] == (112, 80)
        assert masks.ndim == (2 if instance.size == 1 else 3)
        shapes.add((instance.ndim, instance.shape[0] == 1 if instance.ndim == 2 else None))
        repeated += len(set(instance.ravel())) < instance.size
    assert repeated == 1 and {(1, None), (2, True), (2, False)} <= shapes
    numbers = {f.number for f in opened("a2d-sentences", a2d, "train").annotated_frames}
    assert {1, 8} <= numbers


def test_a_frame_of_one_object_has_no_first_axis(tmp_path: Path) -> None:
    ids = np.zeros((4, 6), np.uint8)
    ids[1:3, 2:5] = 3
    for form, shape in enumerate([(1,), (1, 1), (1, 1)]):
        write_masks(tmp_path / "x.h5", ids, form=form)
        with h5py.File(tmp_path / "x.h5") as file:
            assert file["reMask"].shape == (6, 4) and file["instance"].shape == shape
            assert file["instance"][()].ravel().tolist() == [2]
            assert file["reBBox"][()].tolist() == [2, 1, 4, 2]


def test_quirks_of_jhmdb(jhmdb: Path) -> None:
    videos = [p for p in jhmdb.glob("Rename_Images/*/*")]
    assert all(any(c in p.name for p in videos) for c in "@(!)+")
    short = 0
    for folder in videos:
        path = jhmdb / "puppet_mask" / folder.parent.name / folder.name / "puppet_mask.mat"
        masks = scipy.io.loadmat(path)["part_mask"]
        assert masks.shape[:2] == (80, 112) and masks.dtype == np.uint8 and masks.max() == 1
        frames = sorted(p.name for p in folder.iterdir())
        assert frames == [f"{n:05d}.png" for n in range(1, 9)] and masks.shape[2] in (7, 8)
        short += masks.shape[2] == 7
    assert short == 2
    rows = json.loads((jhmdb / "jhmdb_sentences_samples_metadata.json").read_text())
    assert len(rows) == 18 and all(row[1].startswith("./jhmdb_sentences/Rename_Images/") for row in rows)


def test_what_cannot_be_exported(shapes: Path, a2d: Path, tmp_path: Path) -> None:
    for export in (export_a2d, export_jhmdb):
        with pytest.raises(DataError, match="a2d is not Moving Shapes"):
            export(a2d, tmp_path / "new")
        with pytest.raises(DataError, match="a2d exists and is not empty"):
            export(shapes, a2d)
    only = make(tmp_path / "only", level="1", train=1, valid=0, test=0)
    with pytest.raises(DataError, match="made of test videos, and there are none"):
        export_jhmdb(only, tmp_path / "new")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["only"]
