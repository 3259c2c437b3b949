"""The pairs of R2-Youtube-VOS against their split: a derangement, every sentence once, categories, damage."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from rvos_edu.data import check, layout_of, load, make_pairs
from rvos_edu.data.moving_shapes import make
from rvos_edu.data.r2_pairs import pairs_file, write_pairs
from rvos_edu.errors import DataError
from tests.fixtures import LONG, SHORT, VALID, edit_expressions, write_expressions, write_frame

NAME = "r2-youtube-vos"


@pytest.fixture
def real(tree: Path) -> Path:
    """Three valid videos of two sentences each and their six pairs; categories of two of the videos."""
    two = {"expressions": {"0": {"exp": "A  Dog"}, "1": {"exp": "the cat"}}, "frames": ["00005"]}
    write_expressions(tree, "valid", {VALID: two, LONG: two, SHORT: two})
    for video in (VALID, LONG, SHORT):
        write_frame(tree, "valid", video, "00005", 1)
    meta = {LONG: {"objects": {"1": {"category": "dog"}}}, SHORT: {"objects": {"1": {"category": "cat"}}}}
    (tree / "valid/meta.json").write_text(json.dumps({"videos": meta}))
    write_pairs(pairs_file(tree, "valid"), make_pairs(tree, "valid"))
    return tree


def edit(root: Path, change: Callable[[list[dict]], object]) -> Path:
    path = pairs_file(root, "valid")
    content = json.loads(path.read_text())
    change(content["pairs"])
    path.write_text(json.dumps(content))
    return path


def test_good_pairs(real: Path) -> None:
    report = check(NAME, real)
    (valid,) = report.splits
    assert report.ok and (valid.videos, valid.expressions, valid.bad) == (3, 6, {})
    assert layout_of(NAME).expected == {"valid": {"videos": 202, "expressions": 834}}
    notes = "\n".join(report.notes)
    assert "found 3 videos and 6 expressions, the published split has 202 and 834" in notes
    assert "Nobody has looked at the pairs" in notes and "In 2 of 6 pairs" in notes


DAMAGE = {
    "unknown video": (lambda p: p[0].update(video="gone"), "this split does not have both", True),
    "unknown sentence": (lambda p: p[0].update(exp_id="7"), "this split does not have both", True),
    "another text": (lambda p: p[0].update(exp="a bird"), "has the text 'a bird' for expression", True),
    "empty sentence": (
        lambda p: p[0].update(exp=" "),
        "is damaged: ValueError a sentence is empty (pair 0)",
        True,
    ),
    "true pair": (lambda p: p[0].update(label=0), "a pair has the label 0, expected 1 (pair 0)", True),
    "no video": (lambda p: p[0].pop("video"), "is damaged: KeyError 'video' (pair 0)", True),
    "twice": (lambda p: p.append(p[0]), "lists the pair", True),
    "of itself": (lambda p: p[0].update(video=p[0]["text_video"]), "about that video itself", True),
    "missing": (lambda p: p.pop(0), "0 times, expected once", False),
}


@pytest.mark.parametrize("change, message, entry", DAMAGE.values(), ids=DAMAGE.keys())
def test_damaged_pairs(real: Path, change: Callable[[list], object], message: str, entry: bool) -> None:
    """What is wrong with an entry stops loading or is left out; what is missing is only told."""
    path = edit(real, change)
    report = check(NAME, real)
    assert [message in text and str(path) in text for text in report.problems] == [True], report.problems
    assert len(report.splits[0].bad) == entry
    if not entry:
        assert len(load(NAME, root=real, split="valid")) == 5
        return
    with pytest.raises(DataError) as stopped:
        load(NAME, root=real, split="valid")
    assert message in str(stopped.value)
    data = load(NAME, root=real, split="valid", skip_bad=True)
    assert len(data) == (6 if message == "lists the pair" else 5) and data.skipped == 1


def test_no_derangement(real: Path) -> None:
    def all_about_one(pairs: list[dict]) -> None:
        for pair in pairs:
            pair["video"] = LONG if pair["text_video"] == VALID else VALID
            pair.pop("categories_disjoint", None)

    edit(real, all_about_one)
    assert any("asks sentences of 2 videos about" in text for text in check(NAME, real).problems)
    write_pairs(pairs_file(real, "valid"), make_pairs(real, "valid"))

    def one_elsewhere(pairs: list[dict]) -> None:
        others = {LONG, SHORT, VALID} - {pairs[0]["video"], pairs[0]["text_video"]}
        pairs[0]["video"] = others.pop()

    edit(real, one_elsewhere)
    assert any("about 2 videos, expected one" in text for text in check(NAME, real).problems)


def test_categories_that_are_not_disjoint(real: Path) -> None:
    meta = {video: {"objects": {"1": {"category": "dog"}}} for video in (LONG, SHORT)}
    (real / "valid/meta.json").write_text(json.dumps({"videos": meta}))
    problems = check(NAME, real).problems
    assert problems and all("share no category, they share dog" in text for text in problems)


def test_faults_of_the_videos(real: Path) -> None:
    """Pairs about a video that cannot be read, or with a sentence that is empty, are left out with it."""
    (real / "valid/JPEGImages" / VALID / "00005.jpg").write_bytes(b"")
    assert [VALID in text for text in check(NAME, real).problems] == [True]
    assert len(load(NAME, root=real, split="valid", skip_bad=True)) == 2
    write_frame(real, "valid", VALID, "00005", 1)
    edit_expressions(real, "valid", lambda videos: videos[LONG]["expressions"]["0"].update(exp=" "))
    assert ["is empty" in text for text in check(NAME, real).problems] == [True]
    assert len(load(NAME, root=real, split="valid", skip_bad=True)) == 5


def test_other_seeds_and_no_pairs(real: Path) -> None:
    write_pairs(pairs_file(real, "valid", seed=3), make_pairs(real, "valid", seed=3))
    assert sum("r2_pairs_seed3.json" in note for note in check(NAME, real).notes) == 2
    for path in pairs_file(real, "valid").parent.glob("r2_pairs*"):
        path.unlink()
    (problem,) = check(NAME, real).problems
    assert "r2_pairs.json is missing: make it with data_scripts/make_r2_youtube_vos.py" in problem


def test_pairs_of_moving_shapes(tmp_path: Path) -> None:
    root = make(tmp_path / "shapes", workers=1, train=0, valid=4, test=0)
    report = check(NAME, root)
    assert report.ok and report.splits[0].expressions > 4 and pairs_file(root, "valid").is_file()

    def true_one(pairs: list[dict]) -> None:
        mine = json.loads((root / "meta_expressions/valid/meta_expressions.json").read_text())["videos"]
        video = pairs[0]["video"]
        key = next(
            k for k, e in mine[video]["expressions"].items() if e["exp"] not in {p["exp"] for p in pairs}
        )
        pairs[0].update(text_video=video, exp_id=key, exp=mine[video]["expressions"][key]["exp"])

    edit(root, true_one)
    assert ["about that video itself" in text for text in check(NAME, root).problems] == [True]
