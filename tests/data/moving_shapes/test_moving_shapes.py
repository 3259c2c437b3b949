"""Moving Shapes: true sentences, fair categories, the same bytes again, fine enough masks."""

from __future__ import annotations

import collections
import filecmp
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from rvos_edu.data import swap_directions
from rvos_edu.data.moving_shapes import LEVELS, generate_video, make
from rvos_edu.data.moving_shapes.layouts import available_cores
from rvos_edu.data.moving_shapes.render import polygon_of, signed_distance
from rvos_edu.data.moving_shapes.scene import FRAMES, HEIGHT, WIDTH, generator, sample_scene
from rvos_edu.errors import DataError
from rvos_edu.metrics import contour_accuracy, region_similarity
from tests.data.moving_shapes.meaning import mirror, objects_that_fit

EXPECTED_SCENE = [
    ("blue", "cross", "large", "right", "always", 18.807),
    ("blue", "cross", "small", "left", "always", 10.996),
    ("green", "cross", "large", "down", "leaves", 17.239),
]
SIZES = {"train": 4, "valid": 2, "test": 60}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("shapes") / "full", seed=11, workers=1, **SIZES)


@pytest.mark.parametrize("system", ["linux", "one without affinities"])
def test_at_least_one_core_works(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if system != "linux":
        monkeypatch.delattr("os.sched_getaffinity", raising=False)
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


def read(root: Path, split: str) -> tuple[dict, dict]:
    sentences = json.loads((root / "meta_expressions" / split / "meta_expressions.json").read_text())
    objects = json.loads((root / split / "meta.json").read_text())
    return sentences["videos"], objects["videos"]


def facts_of(objects: dict, video: str) -> list[dict]:
    return [about["facts"] for about in objects[video]["objects"].values()]


def test_every_sentence_is_true_of_exactly_its_object(made: Path) -> None:
    sentences, objects = read(made, "test")
    read_again = 0
    for video, about in sentences.items():
        facts = facts_of(objects, video)
        for entry in about["expressions"].values():
            assert objects_that_fit(entry["exp"], facts) == [int(entry["obj_id"])], (video, entry)
            read_again += 1
    assert read_again > 300


@pytest.mark.parametrize("level", ["1", "2", "3"])
def test_sentences_of_every_level_are_true(level: str) -> None:
    allowed = {"1": {"colour"}, "2": {"colour", "shape", "size", "combined"}}
    for index in range(12):
        video = generate_video(level, 3, "train", index)
        facts = [{**f.__dict__} for f in video.facts]
        for e in video.expressions:
            assert objects_that_fit(e.text, facts) == [e.identity]
            assert e.category in allowed.get(level, {*allowed["2"], "place", "motion"})


def test_mirrored_video_and_swapped_words_mean_the_same_object(made: Path) -> None:
    sentences, objects = read(made, "test")
    for video, about in sentences.items():
        facts = mirror(facts_of(objects, video))
        for entry in about["expressions"].values():
            assert objects_that_fit(swap_directions(entry["exp"]), facts) == [int(entry["obj_id"])]


def test_the_test_split_is_not_easy(made: Path) -> None:
    sentences, objects = read(made, "test")
    counts = collections.Counter(e["category"] for v in sentences.values() for e in v["expressions"].values())
    total = sum(counts.values())
    assert set(counts) == {"colour", "shape", "size", "place", "motion", "combined", "late entry"}
    assert min(counts.values()) / total >= 0.08, counts
    per_video = [len(objects[v]["objects"]) for v in sentences]
    assert np.mean(per_video) >= 3 and min(per_video) >= 2 and max(per_video) <= 5
    late = [any(not f["visible"][0] for f in facts_of(objects, v)) for v in sentences]
    assert np.mean(late) >= 0.2


def test_motion_sentences_need_more_than_one_frame_and_their_order(made: Path) -> None:
    """All objects that fit the other words are there throughout and move on the same axis, the other way."""
    opposite = {"left": "right", "right": "left", "up": "down", "down": "up"}
    sentences, objects = read(made, "test")
    seen = 0
    for video, about in sentences.items():
        facts = facts_of(objects, video)
        for entry in about["expressions"].values():
            if entry["category"] != "motion":
                continue
            seen += 1
            words = [tuple(p) for p in entry["predicates"] if p[0] != "motion"]
            rest = [f for f in facts if all(f[name] == value for name, value in words)]
            target = next(f for f in rest if f["identity"] == int(entry["obj_id"]))
            others = [f for f in rest if f is not target]
            assert len(rest) == entry["candidates"] >= 2
            assert {f["direction"] for f in others} == {opposite[target["direction"]]}
            assert all(all(f["visible"]) for f in rest)
    assert seen >= 30


def test_masks_frames_and_lists_agree(made: Path) -> None:
    sentences, objects = read(made, "test")
    for video in list(sentences)[:10]:
        names = sentences[video]["frames"]
        assert names == [f"{5 * t:05d}" for t in range(FRAMES)]
        for t, name in enumerate(names):
            mask = Image.open(made / "test" / "Annotations" / video / f"{name}.png")
            frame = Image.open(made / "test" / "JPEGImages" / video / f"{name}.jpg")
            assert mask.mode == "P" and mask.size == frame.size == (WIDTH, HEIGHT)
            shown = set(np.unique(np.asarray(mask))) - {0}
            for key, about in objects[video]["objects"].items():
                assert about["facts"]["visible"][t] == (int(key) in shown) == (name in about["frames"])


def test_the_same_bytes_again_whatever_the_number_of_workers(tmp_path: Path) -> None:
    small = {"train": 12, "valid": 4, "test": 4}
    first = make(tmp_path / "a", seed=5, workers=1, **small)
    second = make(tmp_path / "b", seed=5, workers=2, **small)
    files = sorted(p.relative_to(first) for p in first.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(second) for p in second.rglob("*") if p.is_file())
    assert all(filecmp.cmp(first / f, second / f, shallow=False) for f in files)
    other = make(tmp_path / "c", seed=6, workers=1, **small)
    assert sorted(p.name for p in (other / "train/JPEGImages").iterdir()) != sorted(
        p.name for p in (first / "train/JPEGImages").iterdir()
    )


def test_a_script_without_a_main_guard_may_make_it(tmp_path: Path) -> None:
    """Whatever the start method of processes is: "spawn" would run the script again in every process."""
    script = tmp_path / "script.py"
    script.write_text(
        "import multiprocessing, sys\n"
        "multiprocessing.set_start_method('spawn', force=True)\n"
        "from rvos_edu.data.moving_shapes import make\n"
        "make(sys.argv[1], level='1', train=16, valid=0, test=0, workers=2)\n"
    )
    subprocess.run([sys.executable, script, tmp_path / "made"], check=True, capture_output=True, timeout=300)
    assert len(list((tmp_path / "made" / "train" / "JPEGImages").iterdir())) == 16


def test_scenes_of_a_seed_never_change() -> None:
    """A change of the generator must raise VERSION: trained weights and published numbers belong to one."""
    scene = sample_scene(generator("full", 0, "train", 0), "full")
    found = [(b.colour, b.shape, b.size, b.direction, b.entry, round(b.radius, 3)) for b in scene.bodies]
    assert found == EXPECTED_SCENE, found


def test_truth_survives_the_mask_grid() -> None:
    """Averaged to stride 4 and enlarged again, the truth keeps J&F >= 0.94."""
    scores = []
    for index in range(25):
        video = generate_video("full", 0, "test", index)
        for fact in video.facts:
            truth = video.ids == fact.identity
            grid = F.avg_pool2d(torch.from_numpy(truth).float()[:, None], 4)
            again = (
                F.interpolate(grid, size=truth.shape[1:], mode="bilinear", align_corners=False)[:, 0] >= 0.5
            )
            j, f = region_similarity(again.numpy(), truth), contour_accuracy(again.numpy(), truth)
            scores.append((np.mean(j) + np.mean(f)) / 2)
    assert np.mean(scores) >= 0.94


def test_signed_distance_by_hand() -> None:
    points = np.array([[0.0, 0.0], [0.84, 0.0], [2.0, 0.0], [1.84, 1.84]])
    assert signed_distance(points, polygon_of("square")) == pytest.approx(
        [-0.84, 0.0, 1.16, 2**0.5], abs=1e-9
    )
    assert signed_distance(points, polygon_of("circle")) == pytest.approx(
        [-1.0, -0.16, 1.0, 1.84 * 2**0.5 - 1]
    )


def test_unknown_level_and_sizes_and_full_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="unknown level '4'.*1, 2, 3, full"):
        make(tmp_path / "x", level="4")
    with pytest.raises(DataError, match="sizes and a seed >= 0"):
        make(tmp_path / "x", train=-1)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("keep")
    with pytest.raises(DataError, match="not empty"):
        make(tmp_path / "full", train=1, valid=0, test=0)
    assert (tmp_path / "full" / "mine.txt").read_text() == "keep"
    assert LEVELS == ("1", "2", "3", "full")


def test_failure_leaves_nothing_half_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(*_args: object, **_kw: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full_disk)
    with pytest.raises(OSError, match="No space left"):
        make(tmp_path / "y", train=1, valid=0, test=0, workers=1)
    assert list(tmp_path.iterdir()) == []
