"""Sentences asked of videos that they do not describe: proven for Moving Shapes, careful for real data."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from rvos_edu.data import PairDataset, VideoDataset, load, load_pairs, make_pairs
from rvos_edu.data.moving_shapes import make
from rvos_edu.data.moving_shapes.truth import MovingShapesTruth
from rvos_edu.data.r2_pairs import (
    FalsePair,
    PairList,
    pairs_file,
    pairs_of_records,
    read_categories,
    read_pairs,
    ring,
    write_pairs,
)
from rvos_edu.data.refer_youtube_vos import ExpressionRecord, VideoRecord
from rvos_edu.errors import DataError
from tests.data.moving_shapes.meaning import objects_that_fit
from tests.fixtures import LONG, SHORT, VALID, write_expressions, write_frame
from tests.scripts import data_script

COUNT = 30


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("pairs") / "full", seed=4, workers=1, train=0, valid=2, test=COUNT)


def facts_of(root: Path) -> dict[str, list[dict]]:
    videos = json.loads((root / "test/meta.json").read_text())["videos"]
    return {video: [o["facts"] for o in about["objects"].values()] for video, about in videos.items()}


def sentences_of(root: Path, split: str = "test") -> dict[str, dict[str, dict]]:
    videos = json.loads((root / f"meta_expressions/{split}/meta_expressions.json").read_text())["videos"]
    return {video: about["expressions"] for video, about in videos.items()}


# --------------------------------------------------------------------------------------------- Moving Shapes


@pytest.mark.parametrize("kind", ["random", "hard"])
@pytest.mark.parametrize("seed", [0, 1])
def test_no_pair_is_true(shapes: Path, kind: str, seed: int) -> None:
    facts, pairs = facts_of(shapes), make_pairs(shapes, "test", kind=kind, seed=seed)
    for pair in pairs.pairs:
        assert objects_that_fit(pair.text, facts[pair.video]) == [], pair
    total = sum(len(e) for e in sentences_of(shapes).values())
    assert len(pairs.pairs) == pairs.expressions == total > 200
    assert 0 < pairs.replaced < 0.25 * total
    assert len({(p.video, p.id) for p in pairs.pairs}) == total


def test_random_pairs_are_sentences_of_another_video(shapes: Path) -> None:
    sentences, pairs = sentences_of(shapes), make_pairs(shapes, "test").pairs
    for pair in pairs:
        assert pair.video != pair.text_video and pair.changed is None
        assert pair.text == sentences[pair.text_video][pair.expression_id]["exp"]
    of_source = Counter(pair.text_video for pair in pairs)
    assert of_source == {video: len(expressions) for video, expressions in sentences.items()}
    asked = Counter(pair.video for pair in pairs)  # about as often as a video has sentences
    assert len(asked) >= 0.9 * COUNT and max(asked.values()) <= 3 * len(pairs) / COUNT
    everywhere = {"the leftmost", "the rightmost", "the topmost", "the lowest"}
    bare = [p.text for p in pairs if p.text.rsplit(" ", 1)[0] in everywhere and p.text.endswith("object")]
    assert bare == []  # true of every video


def test_hard_pairs_change_one_attribute_of_a_true_sentence(shapes: Path) -> None:
    truth, facts = MovingShapesTruth(shapes, "test"), facts_of(shapes)
    pairs = make_pairs(shapes, "test", kind="hard").pairs
    for pair in pairs:
        assert pair.video == pair.text_video and pair.changed is not None
        attribute, old, new = pair.changed
        meaning = truth.predicates(pair.video, pair.expression_id)
        assert (attribute, old) in meaning and old != new
        fitting = {"colour": new, "shape": new}.get(attribute)
        if fitting is not None:
            assert fitting in pair.text.split() and old not in pair.text.split()
        without = tuple(p for p in meaning if p[0] != attribute)
        kept = [o for o in facts[pair.video] if all(o[name] == value for name, value in without if name in o)]
        assert kept  # all its other plain words are true of something
    counts = Counter(pair.changed[0] for pair in pairs if pair.changed)
    assert set(counts) >= {"colour", "shape", "motion"}
    assert 0.5 < counts["colour"] / counts["shape"] < 2


def test_the_same_seed_the_same_pairs(shapes: Path) -> None:
    for kind in ("random", "hard"):
        first, second = (make_pairs(shapes, "test", kind=kind, seed=5) for _ in range(2))
        assert first == second
        assert first.pairs != make_pairs(shapes, "test", kind=kind, seed=6).pairs


def test_levels_with_few_attributes(tmp_path: Path) -> None:
    root = make(tmp_path / "one", level="1", seed=2, workers=1, train=0, valid=0, test=12)
    facts = facts_of(root)
    for kind in ("random", "hard"):
        pairs = load_pairs(root, "test", kind=kind).pairs
        assert pairs.expressions == len(pairs.pairs) == 25 and pairs.replaced == 0
        assert all(objects_that_fit(p.text, facts[p.video]) == [] for p in pairs.pairs)
    assert {p.changed[0] for p in pairs.pairs if p.changed} <= {"colour", "shape"}


def test_made_on_first_use_and_read_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make(tmp_path / "two", level="2", seed=2, workers=1, train=0, valid=0, test=6)
    data = load_pairs(root, "test", kind="hard", seed=3)
    path = root / "meta_expressions/test/r2_pairs_hard_seed3.json"
    assert path == pairs_file(root, "test", kind="hard", seed=3) and path.is_file()
    content = json.loads(path.read_text())
    assert (content["version"], content["kind"], content["seed"], content["split"]) == (1, "hard", 3, "test")
    assert {entry["label"] for entry in content["pairs"]} == {1}
    assert "no sentence is true of any object" in content["proven"] and content["doubt"]

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr("rvos_edu.data.r2_youtube_vos.make_pairs", fail)
    assert load_pairs(root, "test", kind="hard", seed=3).pairs == data.pairs
    assert pairs_file(root, "test").name == "r2_pairs.json"
    assert VideoDataset(root, split="test").clips  # the new file disturbs nothing


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make(tmp_path / "ro", level="1", seed=2, workers=1, train=0, valid=0, test=4)

    def full(*_: object) -> None:
        raise PermissionError("read-only")

    monkeypatch.setattr("rvos_edu.data.r2_youtube_vos.write_pairs", full)
    assert len(load_pairs(root, "test")) > 0 and not pairs_file(root, "test").exists()


# ----------------------------------------------------------------------------------------------- the dataset


def test_clips_with_false_sentences_only(shapes: Path) -> None:
    data, plain = load_pairs(shapes, "test"), VideoDataset(shapes, split="test")
    assert isinstance(data, PairDataset) and len(data) == data.pairs.expressions
    assert {clip.video for clip in data.clips} <= {clip.video for clip in plain.clips}
    samples = data.load_clip(2)
    assert len(samples) == len(data.samples_of(2)) > 0
    of_clip = next(i for i, clip in enumerate(plain.clips) if clip.video == samples[0].video)
    assert torch.equal(samples[0].frames, plain.load_clip(of_clip)[0].frames)
    sentences = sentences_of(shapes)
    for place, sample in enumerate(samples):
        assert sample.frames is samples[0].frames and sample.target is None
        pair = data.pair_of(2, place)
        assert (sample.video, sample.expression, sample.expression_id) == (pair.video, pair.text, pair.id)
        assert sample.category == sentences[pair.text_video][pair.expression_id]["category"]
        assert sample.candidates is None
    assert len({s.expression_id for s in samples}) == len(samples)
    assert not any(c in s.expression_id for s in samples for c in "/\\: ")


def test_by_name(shapes: Path) -> None:
    data = load("r2-youtube-vos", root=shapes, split="test")
    assert isinstance(data, PairDataset) and data.pairs == load_pairs(shapes, "test").pairs
    other = load("r2-youtube-vos", root=shapes, split="test", seed=7)
    assert isinstance(other, PairDataset) and other.pairs.seed == 7
    with pytest.raises(DataError, match="for evaluation only, got a training window of 4"):
        load("r2-youtube-vos", root=shapes, split="test", window=4)
    with pytest.raises(DataError, match="r2-youtube-vos is not made by this package"):
        load("r2-youtube-vos", split="test")


# ------------------------------------------------------------------------------------------------- real data


def records(count: int, sentences: int = 2) -> list[VideoRecord]:
    return [
        VideoRecord(
            f"v{i:03d}",
            ("00000",),
            tuple(
                ExpressionRecord(str(k), f"S{k}", f"s{k} of {i}", None, None, None) for k in range(sentences)
            ),
        )
        for i in range(count)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_a_ring_is_a_derangement(seed: int) -> None:
    others = ring([f"v{i}" for i in range(9)], split="valid", seed=seed)
    firsts = {video: rest[0] for video, rest in others.items()}
    assert sorted(firsts.values()) == sorted(firsts) and all(a != b for a, b in firsts.items())
    assert all(sorted([video, *rest]) == sorted(others) for video, rest in others.items())


def test_rings_by_seed_and_split() -> None:
    videos = [f"v{i}" for i in range(9)]
    one = ring(videos, split="valid", seed=0)
    assert one == ring(videos[::-1], split="valid", seed=0)
    assert one != ring(videos, split="valid", seed=1) and one != ring(videos, split="test", seed=0)
    assert ring(["a", "b"], split="valid", seed=0) == {"a": ["b"], "b": ["a"]}
    with pytest.raises(DataError, match="at least two videos, the split 'valid' has 1"):
        ring(["a"], split="valid", seed=0)


def test_every_sentence_once_about_one_other_video() -> None:
    pairs = pairs_of_records(records(12), {}, split="valid", seed=0)
    asked = {pair.text_video: pair.video for pair in pairs.pairs}
    assert len(pairs.pairs) == 24 == pairs.expressions and pairs.replaced == 0
    assert sorted(asked.values()) == sorted(asked) and all(a != b for a, b in asked.items())
    assert all(pair.video == asked[pair.text_video] for pair in pairs.pairs)
    assert {pair.categories_disjoint for pair in pairs.pairs} == {None}
    assert "In 0 of 24 pairs" in pairs.proven
    assert "in 24 categories are not known" in pairs.doubt and "not those of the paper" in pairs.doubt


@pytest.mark.parametrize("seed", range(6))
def test_no_common_category_where_that_can_be_had(seed: int) -> None:
    """Two of five videos show persons: all pairs can do without a common category."""
    kinds = ["person", "dog", "cat", "person", "bird"]
    categories = {f"v{i:03d}": frozenset({kinds[i % 5], "thing" + str(i)}) for i in range(20)}
    pairs = pairs_of_records(records(20), categories, split="valid", seed=seed)
    for pair in pairs.pairs:
        assert not categories[pair.video] & categories[pair.text_video] and pair.categories_disjoint is True
    assert sorted({p.video for p in pairs.pairs}) == sorted(categories)
    assert "In 40 of 40 pairs" in pairs.proven and "In 0 pairs they share" in pairs.doubt


def test_where_it_cannot_be_had_the_file_says_so() -> None:
    categories = {f"v{i:03d}": frozenset({"person"}) for i in range(3)} | {"v003": frozenset({"dog"})}
    pairs = pairs_of_records(records(5, 1), categories, split="valid", seed=0)
    known = Counter(pair.categories_disjoint for pair in pairs.pairs)
    assert known[False] >= 1 and known[None] == 2  # the fifth video has no categories: asking and asked
    assert f"In {known[False]} pairs they share a category and in 2 categories are not known" in pairs.doubt


@pytest.fixture
def real(tree: Path) -> Path:
    """Three valid videos; categories of two of them."""
    two = {"expressions": {"0": {"exp": "A  Dog"}, "1": {"exp": "the cat"}}, "frames": ["00005"]}
    write_expressions(tree, "valid", {VALID: two, LONG: two, SHORT: two})
    for video in (VALID, LONG, SHORT):
        write_frame(tree, "valid", video, "00005", 1)
    meta = {LONG: {"objects": {"1": {"category": "dog"}}}, SHORT: {"objects": {"1": {"category": "cat"}}}}
    (tree / "valid/meta.json").write_text(json.dumps({"videos": meta}))
    return tree


def test_the_script_on_a_real_layout(real: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError, match=r"r2_pairs\.json is missing: make it with data_scripts/make_r2_you"):
        load("r2-youtube-vos", root=real, split="valid")
    assert data_script("make_r2_youtube_vos").main([str(real), "--split", "valid"]) == 0
    printed = capsys.readouterr().out
    assert "6 pairs about 3 videos, 6 expressions" in printed and "doubt: In 0 pairs" in printed
    data = load("r2-youtube-vos", root=real, split="valid")
    assert len(data) == 6 and data[0].target is None and data[0].expression == "a dog"
    assert [len(data.samples_of(c)) for c in range(3)] == [2, 2, 2]
    entries = json.loads((real / "meta_expressions/valid/r2_pairs.json").read_text())["pairs"]
    assert sum(entry.get("categories_disjoint", False) for entry in entries) == 2
    assert data_script("make_r2_youtube_vos").main([str(real), "--split", "dev"]) == 2
    assert data_script("make_r2_youtube_vos").main([str(real), "--split", "valid", "--kind", "hard"]) == 2
    assert "is not Moving Shapes: use kind 'random'" in capsys.readouterr().err


def test_the_script_on_moving_shapes(shapes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        data_script("make_r2_youtube_vos").main(
            [str(shapes), "--split", "valid", "--kind", "hard", "--seed", "2"]
        )
        == 0
    )
    assert (shapes / "meta_expressions/valid/r2_pairs_hard_seed2.json").is_file()
    assert "no sentence is true of any object" in capsys.readouterr().out


def test_categories(real: Path) -> None:
    assert read_categories(real, "valid") == {LONG: {"dog"}, SHORT: {"cat"}}
    assert read_categories(real, "train") == {}
    path = real / "valid/meta.json"
    path.write_text(json.dumps({"videos": {LONG: {"objects": {"1": {"category": "dog"}, "2": {}}}}}))
    assert read_categories(real, "valid") == {}
    path.write_text(json.dumps({"videos": {LONG: {"objects": []}}}))
    with pytest.raises(DataError, match="video '0a0a0a0a0a' has no objects"):
        read_categories(real, "valid")
    path.write_text("[]")
    with pytest.raises(DataError, match="must hold"):
        read_categories(real, "valid")


# ------------------------------------------------------------------------------------------- files, bad input


def a_list(**changes: object) -> PairList:
    plain = {"split": "valid", "kind": "random", "seed": 0, "expressions": 2, "replaced": 0, "proven": "p"}
    pairs = [
        FalsePair(SHORT, LONG, "0", "a dog", categories_disjoint=True),
        FalsePair(LONG, LONG, "1", "a cow", changed=("shape", "cat", "cow")),
    ]
    return PairList(**{**plain, "doubt": "d", "pairs": pairs, **changes})  # type: ignore[arg-type]


def test_lists_come_back(tmp_path: Path) -> None:
    write_pairs(tmp_path / "a/pairs.json", a_list())
    assert read_pairs(tmp_path / "a/pairs.json") == a_list()
    assert os.listdir(tmp_path / "a") == ["pairs.json"]
    assert [pair.id for pair in a_list().pairs] == [f"{LONG}-0", f"{LONG}-1-shape-cow"]


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda c: c.update(version=2), "of version 1, got version 2"),
        (lambda c: c.pop("seed"), "is damaged: KeyError 'seed'"),
        (lambda c: c.update(pairs=None), "is damaged: TypeError"),
        (lambda c: c["pairs"][0].pop("exp_id"), "is damaged: KeyError 'exp_id'"),
        (lambda c: c["pairs"][0].update(label=0), "has the label 0, expected 1"),
        (lambda c: c["pairs"][0].update(exp=" "), "a sentence is empty"),
        (lambda c: c["pairs"][1].update(changed=["a"]), "is damaged: ValueError"),
    ],
)
def test_damaged_lists(tmp_path: Path, change: Callable[[dict], None], message: str) -> None:
    path = tmp_path / "pairs.json"
    write_pairs(path, a_list())
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=message):
        read_pairs(path)


@pytest.mark.parametrize("text", ["", "[]", "null", '{"pairs": []}'])
def test_files_that_are_no_lists(tmp_path: Path, text: str) -> None:
    (tmp_path / "pairs.json").write_text(text)
    with pytest.raises(DataError, match=r"cannot be read as JSON|must be a list of pairs of version 1"):
        read_pairs(tmp_path / "pairs.json")


@pytest.mark.parametrize(
    "pair, message",
    [
        (FalsePair("nobody", LONG, "0", "a dog"), "about video 'nobody', but this split does not have both"),
        (FalsePair(SHORT, "nobody", "0", "a dog"), "of video 'nobody' about"),
        (FalsePair(SHORT, LONG, "9", "a dog"), "asks expression 9"),
        (FalsePair(SHORT, LONG, "0", "a cow"), "has the text 'a cow' for expression 0 .* has 'a dog'"),
    ],
)
def test_pairs_of_other_data(real: Path, pair: FalsePair, message: str) -> None:
    with pytest.raises(DataError, match=message):
        PairDataset(real, a_list(pairs=[pair]), source="pairs.json")


def test_rebuilt_pairs_say_so(real: Path, shapes: Path) -> None:
    data = PairDataset(real, a_list(pairs=[FalsePair(SHORT, LONG, "0", "a dog")]))
    assert data.notes == ("rebuilt pairs, seed 0: the paper's were never released",)
    assert load_pairs(shapes, "test").notes == ()  # proven, not rebuilt


def test_a_pair_twice(real: Path) -> None:
    with pytest.raises(DataError, match="lists the pair 0a0a0a0a0a-0 of video '1b1b1b1b1b' twice"):
        PairDataset(real, a_list(pairs=[FalsePair(SHORT, LONG, "0", "a dog")] * 2))


def test_a_file_under_the_name_of_another(real: Path) -> None:
    write_pairs(pairs_file(real, "valid"), a_list(seed=4, pairs=[]))
    with pytest.raises(DataError, match="holds pairs of split 'valid', kind 'random', seed 4"):
        load_pairs(real, "valid")


def test_unknown_kinds_and_seeds(shapes: Path) -> None:
    with pytest.raises(DataError, match="unknown kind of pairs 'easy'; expected one of random, hard"):
        load_pairs(shapes, "test", kind="easy")
    with pytest.raises(DataError, match="at least 0, got -1"):
        make_pairs(shapes, "test", seed=-1)
    with pytest.raises(DataError, match="unknown split 'dev'"):
        load_pairs(shapes, "dev")
    with pytest.raises(DataError, match="does not exist"):
        load_pairs(shapes / "nowhere", "test")
