"""What is true of which video: against the independent reader of sentences, and by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rvos_edu.data import swap_directions
from rvos_edu.data.moving_shapes import make
from rvos_edu.data.moving_shapes.language import Facts, say
from rvos_edu.data.moving_shapes.truth import MARGIN, VALUES, MovingShapesTruth, describes, mirror
from rvos_edu.errors import DataError
from tests.data.moving_shapes.meaning import mirror as mirror_objects
from tests.data.moving_shapes.meaning import objects_that_fit
from tests.fixtures import edit_expressions


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("truth") / "full", seed=3, workers=1, train=0, valid=2, test=40)


def read(root: Path) -> tuple[dict, dict]:
    """Sentences per video, and facts per video, as plain JSON."""
    sentences = json.loads((root / "meta_expressions/test/meta_expressions.json").read_text())["videos"]
    objects = json.loads((root / "test/meta.json").read_text())["videos"]
    facts = {video: [o["facts"] for o in about["objects"].values()] for video, about in objects.items()}
    return {video: about["expressions"] for video, about in sentences.items()}, facts


def a_fact(**changes: object) -> Facts:
    plain = {"colour": "red", "shape": "star", "size": "small", "direction": "left", "entry": "always"}
    return Facts(**{"identity": 1, "place": (0.2, 0.8), "visible": (True, True), **plain, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("mirrored", [False, True])
def test_as_the_words_are_read_over_all_pairs_of_videos(made: Path, mirrored: bool) -> None:
    truth = MovingShapesTruth(made, "test")
    sentences, facts = read(made)
    true = false = 0
    for video, objects in facts.items():
        for source, expressions in sentences.items():
            for key, entry in expressions.items():
                text = swap_directions(entry["exp"]) if mirrored else entry["exp"]
                expected = bool(objects_that_fit(text, objects))
                assert truth.fits(video, source, key, mirrored=mirrored) == expected, (text, objects)
                # a mirrored sentence of a video is the sentence of the mirrored video
                if mirrored:
                    assert bool(objects_that_fit(entry["exp"], mirror_objects(objects))) == expected
                true, false = true + expected, false + (not expected)
    assert true > 1000 and false > 3000


def test_every_sentence_is_true_of_its_own_video(made: Path) -> None:
    truth = MovingShapesTruth(made, "test")
    for video, expressions in read(made)[0].items():
        for key in expressions:
            assert truth.fits(video, video, key, mirrored=False)
            assert truth.fits(video, video, key, mirrored=False, margin=MARGIN)


def test_a_margin_only_adds_truths_and_only_about_sides(made: Path) -> None:
    truth = MovingShapesTruth(made, "test")
    sentences, facts = read(made)
    added = set()
    for video in facts:
        for source, expressions in sentences.items():
            for key in expressions:
                exact = truth.fits(video, source, key, mirrored=False)
                wide = truth.fits(video, source, key, mirrored=False, margin=MARGIN)
                assert wide or not exact
                if wide and not exact:
                    added.add(any(name == "side" for name, _ in truth.predicates(source, key)))
    assert added == {True}


@pytest.mark.parametrize(
    "predicates, expected",
    [
        ((("colour", "red"),), True),
        ((("colour", "green"),), False),
        ((("colour", "blue"), ("shape", "star")), True),
        ((("colour", "red"), ("shape", "circle")), False),  # there is a red one, and a circle
        ((("side", "left"),), True),
        ((("shape", "circle"), ("side", "left")), False),
        ((("motion", "left"),), True),
        ((("motion", "right"),), False),
        ((("late", "yes"),), True),
        ((("colour", "red"), ("late", "yes")), False),
        ((("extreme", "rightmost"),), True),  # whatever there is, something is
        ((("colour", "green"), ("extreme", "rightmost")), False),
    ],
)
def test_by_hand(predicates: tuple[tuple[str, str], ...], expected: bool) -> None:
    facts = [
        a_fact(),
        a_fact(identity=2, colour="blue", direction="up", visible=(False, True), place=(0.9, 0.1)),
        a_fact(identity=3, colour="yellow", shape="circle", direction="still", place=(0.7, 0.5)),
    ]
    assert describes(predicates, facts) == expected


@pytest.mark.parametrize(
    "side, place, exact, wide",
    [
        ("left", (0.49, 0.5), True, True),
        ("left", (0.53, 0.5), False, True),
        ("left", (0.56, 0.5), False, False),
        ("right", (0.47, 0.5), False, True),
        ("right", (0.44, 0.5), False, False),
        ("top", (0.5, 0.54), False, True),
        ("bottom", (0.5, 0.46), False, True),
        ("bottom", (0.5, 0.44), False, False),
    ],
)
def test_near_the_middle(side: str, place: tuple[float, float], exact: bool, wide: bool) -> None:
    facts = [a_fact(place=place)]
    assert describes((("side", side),), facts) == exact
    assert describes((("side", side),), facts, margin=0.05) == wide


def test_mirroring_meanings() -> None:
    before = (("colour", "red"), ("side", "left"), ("motion", "right"), ("extreme", "leftmost"))
    after = (("colour", "red"), ("side", "right"), ("motion", "left"), ("extreme", "rightmost"))
    assert mirror(before) == after and mirror(after) == before
    upright = (("side", "top"), ("extreme", "lowest"), ("motion", "up"), ("late", "yes"), ("size", "large"))
    assert mirror(upright) == upright


def test_the_grammar_can_say_every_value() -> None:
    for attribute, values in VALUES.items():
        for value in values:
            assert say(((attribute, value),), np.random.default_rng(0))


# ------------------------------------------------------------------------------------------------ bad input


def test_unknown_videos_and_sentences(made: Path) -> None:
    truth = MovingShapesTruth(made, "test")
    video = next(iter(read(made)[0]))
    with pytest.raises(DataError, match="no objects of video nobody"):
        truth.fits("nobody", video, "0", mirrored=False)
    with pytest.raises(DataError, match="no expression 0 of video nobody"):
        truth.fits(video, "nobody", "0", mirrored=False)
    with pytest.raises(DataError, match=f"no expression 99 of video {video}"):
        truth.fits(video, video, "99", mirrored=False)


def test_a_real_dataset_has_no_truth(tree: Path) -> None:
    with pytest.raises(DataError, match=r"expression 10 of video '0a0a0a0a0a' has no predicates"):
        MovingShapesTruth(tree, "train")
    with pytest.raises(DataError, match=r"dev/meta_expressions\.json cannot be read as JSON"):
        MovingShapesTruth(tree, "dev")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return make(tmp_path / "small", seed=3, level="1", workers=1, train=0, valid=0, test=1)


@pytest.mark.parametrize(
    "predicates", [[], "colour", [["colour"]], [["colour", "beige"]], [["mood", "red"]], None]
)
def test_damaged_meanings(small: Path, predicates: object) -> None:
    edit_expressions(
        small, "test", lambda v: next(iter(v.values()))["expressions"]["0"].update(predicates=predicates)
    )
    with pytest.raises(DataError, match="expression 0 of video .* has no predicates"):
        MovingShapesTruth(small, "test")


@pytest.mark.parametrize("change", [{"place": [1]}, {"visible": None}, {"mood": "glad"}])
def test_damaged_facts(small: Path, change: dict[str, object]) -> None:
    path = small / "test/meta.json"
    content = json.loads(path.read_text())
    next(iter(content["videos"].values()))["objects"]["1"]["facts"].update(change)
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="an object of video .* has no facts"):
        MovingShapesTruth(small, "test")
    for text in ("[]", '{"videos": []}'):
        path.write_text(text)
        with pytest.raises(DataError, match="must hold"):
            MovingShapesTruth(small, "test")
