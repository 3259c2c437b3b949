"""False sentences within the global batch: never of the same video, never true, counted."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import rvos_edu.engine.negatives as engine
from rvos_edu.data import swap_directions
from rvos_edu.data.moving_shapes import make
from rvos_edu.data.moving_shapes.truth import MovingShapesTruth
from rvos_edu.engine.negatives import NegativeCounts, choose_negatives
from rvos_edu.structures import VideoBatch, VideoSample
from tests.data.moving_shapes.meaning import mirror, objects_that_fit
from tests.engine.negative_batches import a_batch


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("negatives") / "full", seed=8, workers=1, train=0, valid=0, test=8)


def a_toy(videos: list[str], sentences: list[list[str]]) -> VideoBatch:
    """One clip per entry; ids of sentences are their places."""
    samples = [
        VideoSample(torch.zeros(0, 3, 2, 2), text, None, (0,), video, str(i), ("00000",), (2, 2))
        for video, texts in zip(videos, sentences, strict=True)
        for i, text in enumerate(texts)
    ]
    clips = torch.tensor([b for b, texts in enumerate(sentences) for _ in texts])
    return VideoBatch(
        frames=torch.zeros(len(videos), 1, 3, 2, 2),
        padding=torch.zeros(len(videos), 2, 2, dtype=torch.bool),
        expressions=[s.expression for s in samples],
        clips=clips,
        annotated=torch.tensor([0]),
        targets=None,
        samples=samples,
    )


def choose(batch: VideoBatch, **options: int) -> tuple[list[tuple[int, str]], NegativeCounts]:
    found = choose_negatives(batch, rng=random.Random(0), truth=None, **options)  # type: ignore[arg-type]
    assert found.clips.dtype == torch.int64 and found.counts.made == len(found.expressions)
    return list(zip(found.clips.tolist(), found.expressions, strict=True)), found.counts


# -------------------------------------------------------------------------------------------- one process


def test_a_roll_by_one_clip() -> None:
    pairs, counts = choose(a_toy(["a", "b", "c"], [["a0"], ["b0"], ["c0"]]))
    assert pairs == [(0, "b0"), (1, "c0"), (2, "a0")]
    assert counts == NegativeCounts(made=3)


def test_several_sentences_per_clip_take_several_of_the_next() -> None:
    pairs, counts = choose(a_toy(["a", "b", "c"], [["a0", "a1"], ["b0", "b1"], ["c0"]]))
    assert sorted(pairs[:2]) == [(0, "b0"), (0, "b1")]
    assert [clip for clip, _ in pairs] == [0, 0, 1, 1, 2]
    assert pairs[2] == (1, "c0") and pairs[3][1] in ("a0", "a1") and pairs[4][1] in ("a0", "a1")
    assert counts == NegativeCounts(made=5)


def test_the_order_within_a_clip_is_drawn() -> None:
    batch = a_toy(["a", "b"], [["a0"], [f"b{i}" for i in range(6)]])
    first = {
        choose_negatives(batch, rng=random.Random(seed), truth=None, per_clip=1).expressions[0]
        for seed in range(40)
    }
    assert first == {f"b{i}" for i in range(6)}
    again = [choose_negatives(batch, rng=random.Random(3), truth=None).expressions for _ in range(2)]
    assert again[0] == again[1]


def test_at_most_so_many_per_clip() -> None:
    pairs, counts = choose(a_toy(["a", "b"], [["a0", "a1", "a2"], ["b0", "b1"]]), per_clip=2)
    assert [clip for clip, _ in pairs] == [0, 0, 1, 1] and counts == NegativeCounts(made=4)
    with pytest.raises(ValueError, match="per_clip must be at least 1, got 0"):
        choose(a_toy(["a", "b"], [["a0"], ["b0"]]), per_clip=0)


def test_too_few_sentences_elsewhere() -> None:
    pairs, counts = choose(a_toy(["a", "b"], [["a0", "a1", "a2"], ["b0"]]))
    assert pairs[0] == (0, "b0") and pairs[1][0] == 1
    assert counts == NegativeCounts(made=2, none_found=2)


def test_two_windows_of_one_video() -> None:
    pairs, counts = choose(a_toy(["a", "a", "b"], [["a0"], ["a0"], ["b0"]]))
    assert pairs == [(0, "b0"), (1, "b0"), (2, "a0")]
    assert counts == NegativeCounts(made=3, same_video=1)


def test_all_of_the_same_video() -> None:
    pairs, counts = choose(a_toy(["a", "a", "a"], [["a0"], ["a1", "a2"], ["a0"]]))
    assert pairs == [] and counts == NegativeCounts(same_video=3 + 2 + 3, none_found=4)


def test_a_batch_of_one_clip() -> None:
    found = choose_negatives(a_toy(["a"], [["a0", "a1"]]), rng=random.Random(0), truth=None)
    assert found.expressions == [] and found.clips.tolist() == [] and found.clips.dtype == torch.int64
    assert found.counts == NegativeCounts(none_found=2)


def test_the_same_words_are_no_negative_and_none_comes_twice() -> None:
    pairs, counts = choose(a_toy(["a", "b", "c"], [["a dog", "a cat"], ["a dog"], ["an ox", "an ox"]]))
    assert pairs[0] == (0, "an ox") and counts.none_found == 1  # clip 0 finds only one other sentence
    assert [clip for clip, _ in pairs].count(2) == 2 and {t for c, t in pairs if c == 2} == {"a dog", "a cat"}
    assert counts.true >= 1


def test_a_batch_without_samples() -> None:
    batch = replace(a_toy(["a", "b"], [["a0"], ["b0"]]), samples=[])
    with pytest.raises(ValueError, match="2 expressions, 0 samples"):
        choose(batch)


@pytest.mark.parametrize(
    "mirrored", [frozenset(), frozenset({0}), frozenset({1, 3}), frozenset({0, 1, 2, 3})]
)
def test_what_is_chosen_is_false_of_the_clip_as_it_is_shown(shapes: Path, mirrored: frozenset[int]) -> None:
    truth = MovingShapesTruth(shapes, "test")
    batch = a_batch(shapes, [0, 1, 2, 3], mirrored=mirrored)
    assert {b for b, s in zip(batch.clips.tolist(), batch.samples, strict=True) if s.mirrored} == mirrored
    found = choose_negatives(batch, rng=random.Random(1), truth=truth)
    videos = [
        next(s.video for s, b in zip(batch.samples, batch.clips, strict=True) if b == c) for c in range(4)
    ]
    for text, clip in zip(found.expressions, found.clips.tolist(), strict=True):
        facts = [f.__dict__ for f in truth.facts(videos[clip])]
        assert objects_that_fit(text, mirror(facts) if clip in mirrored else facts) == []
    counts = found.counts
    assert counts.made + counts.none_found == len(batch.expressions) and counts.made >= 20
    assert counts.true > 0 and counts.same_video == 0


@pytest.mark.parametrize(
    "mirrored, made",
    [((False, False), True), ((True, True), True), ((True, False), False), ((False, True), False)],
)
def test_the_mirror_decides_what_is_false(tmp_path: Path, mirrored: tuple[bool, bool], made: bool) -> None:
    """One object moves left, in the other video right: false of each other, until one is seen in a mirror."""
    write_truth(tmp_path, {"a": "left", "b": "right"})
    toy = a_toy(["a", "b"], [["it goes left"], ["it goes right"]])
    samples = [
        replace(s, mirrored=m, expression=swap_directions(s.expression) if m else s.expression)
        for s, m in zip(toy.samples, mirrored, strict=True)
    ]
    batch = replace(toy, samples=samples, expressions=[s.expression for s in samples])
    truth = MovingShapesTruth(tmp_path, "test")
    found = choose_negatives(batch, rng=random.Random(0), truth=truth)
    assert found.clips.tolist() == ([0, 1] if made else [])
    assert found.counts == (NegativeCounts(made=2) if made else NegativeCounts(true=2, none_found=2))
    if made:
        assert found.expressions == [batch.expressions[1], batch.expressions[0]]


def test_the_mirror_also_where_words_differ(tmp_path: Path) -> None:
    """Other words for what is true once the video is mirrored: only the meaning tells."""
    write_truth(tmp_path, {"a": "left", "b": "right"})
    toy = a_toy(["a", "b"], [["it moves leftwards"], ["it goes right"]])
    samples = [replace(toy.samples[0], mirrored=True, expression="it moves rightwards"), toy.samples[1]]
    batch = replace(toy, samples=samples, expressions=[s.expression for s in samples])
    found = choose_negatives(batch, rng=random.Random(0), truth=MovingShapesTruth(tmp_path, "test"))
    assert found.expressions == [] and found.counts == NegativeCounts(true=2, none_found=2)
    blind = choose_negatives(batch, rng=random.Random(0), truth=None)
    assert blind.expressions == ["it goes right", "it moves rightwards"]


def write_truth(root: Path, directions: dict[str, str]) -> None:
    """Meanings and facts of videos with one object each and one sentence about its direction."""
    look = {"identity": 1, "colour": "red", "shape": "star", "size": "small", "entry": "always"}
    about = {"place": [0.5, 0.5], "visible": [True], **look}
    facts = {v: {"objects": {"1": {"facts": {**about, "direction": d}}}} for v, d in directions.items()}
    sentences = {v: {"expressions": {"0": {"predicates": [["motion", d]]}}} for v, d in directions.items()}
    for path, videos in (
        ("meta_expressions/test/meta_expressions.json", sentences),
        ("test/meta.json", facts),
    ):
        (root / path).parent.mkdir(parents=True)
        (root / path).write_text(json.dumps({"videos": videos}))


def test_without_the_truth_some_would_be_true(shapes: Path) -> None:
    truth = MovingShapesTruth(shapes, "test")
    batch = a_batch(shapes, [0, 1, 2, 3])
    found = choose_negatives(batch, rng=random.Random(1), truth=None)
    videos = {b: s.video for b, s in zip(batch.clips.tolist(), batch.samples, strict=True)}
    wrong = [
        text
        for text, clip in zip(found.expressions, found.clips.tolist(), strict=True)
        if objects_that_fit(text, [f.__dict__ for f in truth.facts(videos[clip])])
    ]
    assert wrong


def test_the_mark_of_a_mirrored_clip(shapes: Path) -> None:
    plain, turned = a_batch(shapes, [0]), a_batch(shapes, [0], mirrored=frozenset({0}))
    assert not any(s.mirrored for s in plain.samples) and all(s.mirrored for s in turned.samples)
    assert turned.expressions == [swap_directions(text) for text in plain.expressions]


# ------------------------------------------------------------------------------------------ two processes


def test_two_processes_take_sentences_of_each_other(shapes: Path) -> None:
    """One clip each: what a process chooses can only come from the other one."""
    batches = [[0], [1, 2]]
    ranks = launch(shapes, batches)
    truth = MovingShapesTruth(shapes, "test")
    texts: dict[int, set[str]] = {}
    videos: dict[int, str] = {}
    for clip in (0, 1, 2):
        batch = a_batch(shapes, [clip])
        texts[clip], videos[clip] = set(batch.expressions), batch.samples[0].video
    for rank, clips in enumerate(batches):
        answer = ranks[rank]
        assert answer["made"] == len(answer["expressions"]) == len(answer["clips"]) > 0
        assert set(answer["clips"]) <= set(range(len(clips)))
        for text, local in zip(answer["expressions"], answer["clips"], strict=True):
            asked = clips[local]
            assert objects_that_fit(text, [f.__dict__ for f in truth.facts(videos[asked])]) == []
            assert any(text in texts[other] for other in (0, 1, 2) if other != asked)
    assert {t for t in ranks[0]["expressions"]} <= texts[1] | texts[2]
    assert any(text in texts[0] for text in ranks[1]["expressions"])


def launch(root: Path, batches: list[list[int]]) -> dict[int, dict]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(engine.__file__).parents[2]),
        "OMP_NUM_THREADS": "1",
        "ACCELERATE_USE_CPU": "true",
        "CUDA_VISIBLE_DEVICES": "",
    }
    script = str(Path(__file__).parent / "run_negatives.py")
    clips = [",".join(map(str, batch)) for batch in batches]
    launcher = ["torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command = [sys.executable, "-m", *launcher, script, str(root), *clips]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert sorted(a["rank"] for a in answers) == [0, 1]
    return {answer["rank"]: answer for answer in answers}
