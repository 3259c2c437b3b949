"""DAVIS 2017, unsupervised: published values per sequence, a swap by hand, brute force, bad input."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from rvos_edu.metrics import contour_accuracy, davis_objects, mean_score, pair_scores, region_similarity
from rvos_edu.metrics.davis import SequenceScore
from tests.metrics.test_metrics_golden import GOLDEN, SEQUENCES


@pytest.mark.parametrize("name", SEQUENCES)
def test_equals_the_published_evaluation_per_sequence(name: str) -> None:
    golden = np.load(GOLDEN / "davis_metrics.npz", allow_pickle=False)
    prediction, truth = ((golden[f"{name}.{kind}"] > 0).astype(np.uint8) for kind in ("prediction", "truth"))
    pairs = pair_scores(prediction, truth, objects=[1])
    for match in ("hungarian", "id"):
        score = pairs.assign(match)
        np.testing.assert_allclose(score.j[0], golden[f"{name}.J"], rtol=0, atol=1e-9)
        np.testing.assert_allclose(score.f[0], golden[f"{name}.F"], rtol=0, atol=1e-9)


def test_void_pixels_are_ignored_as_published() -> None:
    golden = np.load(GOLDEN / "davis_metrics.npz", allow_pickle=False)
    truth = (golden["blobs.truth"] > 0).astype(np.uint8)
    truth[golden["void.mask"] > 0] = 255
    score = pair_scores((golden["blobs.prediction"] > 0).astype(np.uint8), truth, objects=[1]).assign()
    np.testing.assert_allclose(score.j[0], golden["void.J"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(score.f[0], golden["void.F"], rtol=0, atol=1e-9)


def squares(*columns: tuple[int, int]) -> np.ndarray:
    """uint8 [T, 40, 60]: in each frame object 1 (10x10) and object 2 (10x10) at these columns; -1: absent."""
    ids = np.zeros((len(columns), 40, 60), np.uint8)
    for t, places in enumerate(columns):
        for k, x in enumerate(places):
            if x >= 0:
                ids[t, 5 + 20 * k : 15 + 20 * k, x : x + 10] = k + 1
    return ids


def exchanged(ids: np.ndarray) -> np.ndarray:
    return np.array([0, 2, 1], np.uint8)[ids]


def test_two_objects_and_four_annotators_by_hand() -> None:
    """Slot 0 is right, 1 exchanges the objects, 2 shifts object 1 by half, 3 finds object 2 only.

    A square shifted by 5 of its 10 columns: J = 50 / 150. Of the 40 pixels of its outline 2 x 7 of the upper
    and lower side and 2 of the left side lie within the radius, 1 pixel, of the true one: F = 16 / 40.
    An empty mask of a visible object: J = F = 0.
    """
    truth = squares((5, 5), (10, 10))
    half = squares((10, 5), (15, 10))
    only = squares((-1, 5), (-1, 10))
    expected = {  # per slot J and F of both objects: hungarian, id
        0: ((1, 1, 1, 1), (1, 1, 1, 1)),
        1: ((1, 1, 1, 1), (0, 0, 0, 0)),
        2: ((1 / 3, 1, 0.4, 1), (1 / 3, 1, 0.4, 1)),
        3: ((0, 1, 0, 1), (0, 1, 0, 1)),
    }
    scores: dict[str, list[float]] = {"hungarian": [], "id": []}
    for slot, prediction in enumerate((truth, exchanged(truth), half, only)):
        pairs = pair_scores(prediction, truth)
        for match, values in zip(scores, expected[slot], strict=True):
            score = pairs.assign(match)
            assert score.objects == (1, 2)
            np.testing.assert_allclose([*score.j.mean(-1), *score.f.mean(-1)], values, atol=1e-12)
            scores[match].append(mean_score([score]).jf)
    assert pair_scores(exchanged(truth), truth).assign().proposals == (2, 1)
    assert pair_scores(exchanged(truth), truth).assign("id").proposals == (1, 2)
    third = ((1 / 3 + 1) / 2 + (0.4 + 1) / 2) / 2
    np.testing.assert_allclose(scores["hungarian"], [1, 1, third, 0.5])
    np.testing.assert_allclose(scores["id"], [1, 0, third, 0.5])
    assert np.mean(scores["hungarian"]) - np.mean(scores["id"]) == pytest.approx(0.25)


def test_assignment_is_of_whole_sequences() -> None:
    """Identities exchanged in one frame of four cannot be put right: 3/4 of the frames count."""
    truth = squares((5, 5), (10, 10), (15, 15), (20, 20))
    prediction = truth.copy()
    prediction[3] = exchanged(truth)[3]
    score = pair_scores(prediction, truth).assign()
    assert score.j.mean(-1).tolist() == [0.75, 0.75]


@pytest.mark.parametrize("proposals, objects", [(2, 4), (4, 2), (3, 3)])
def test_equals_brute_force(proposals: int, objects: int) -> None:
    rng = np.random.default_rng(proposals)
    truth = rng.integers(0, objects + 1, (3, 12, 15)).astype(np.uint8)
    truth[0, 0, 0] = objects
    truth[:, 3:6, 3:6] = 255
    prediction = rng.integers(0, proposals + 1, (3, 12, 15)).astype(np.uint8)
    void = truth == 255
    masks = [prediction == p + 1 for p in range(max(proposals, objects))]
    best = max(
        sum(
            region_similarity(masks[p], truth == o + 1, void=void).mean()
            + contour_accuracy(masks[p], truth == o + 1, void=void).mean()
            for o, p in enumerate(chosen)
        )
        for chosen in permutations(range(len(masks)), objects)
    )
    score = mean_score([pair_scores(prediction, truth).assign()])
    assert score.objects == objects
    assert score.jf == pytest.approx(best / 2 / objects, abs=1e-12)


def test_objects_are_those_of_the_first_frame() -> None:
    truth = squares((5, -1), (5, 5))
    assert davis_objects(truth) == (1,)
    assert davis_objects(squares((-1, 5), (5, 5))) == (1, 2)
    truth[0, 0, 0] = 255
    assert davis_objects(truth) == (1,)
    assert pair_scores(truth * 0, truth, objects=[2]).assign().j.tolist() == [[1.0, 0.0]]


def test_an_object_beyond_the_proposals_is_missed_by_identity() -> None:
    truth = squares((-1, 5), (-1, 10))
    score = pair_scores(squares((5, -1)).repeat(2, 0), truth, objects=[2]).assign("id")
    assert score.proposals == (0,) and score.j.tolist() == [[0.0, 0.0]]


def test_objects_weigh_the_same_in_short_and_long_sequences() -> None:
    def one(values: list[float]) -> SequenceScore:
        return SequenceScore((1,), (1,), np.array([values]), np.array([values]))

    assert mean_score([one([1.0]), one([0.0, 0.0, 0.0])]).jf == 0.5


def test_bad_input() -> None:
    truth = squares((5, 5))
    with pytest.raises(ValueError, match="same shape"):
        pair_scores(truth[:, :-1], truth)
    with pytest.raises(ValueError, match=r"uint8 \[T, H, W\] .* got bool"):
        pair_scores(truth > 0, truth)
    with pytest.raises(ValueError, match="id 255; at most 20"):
        pair_scores(truth | 255, truth)
    with pytest.raises(ValueError, match="match must be one of hungarian, id"):
        pair_scores(truth, truth).assign("best")
    with pytest.raises(ValueError, match="no object to score"):
        mean_score([pair_scores(truth, truth, objects=[]).assign()])
    with pytest.raises(ValueError, match=r"ids of objects must be in 1\.\.254"):
        pair_scores(truth, truth, objects=[255])
