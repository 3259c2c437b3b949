"""J and F of DAVIS 2017, task "unsupervised" (Caelles et al., 2019): each object gets one proposal.

The official assignment takes for each object the proposal that suits it, so that exchanged identities cost
nothing. Identity ("id") demands that proposal k is object k. All frames count, void pixels do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from rvos_edu.metrics.contour import Outlines, outline_radius

MATCHES = ("hungarian", "id")
MAX_PROPOSALS = 20
VOID = 255
_CHUNK = 1 << 20  # pixels whose outlines are compared at once


@dataclass(frozen=True)
class SequenceScore:
    """How well the objects of one sequence were found.

    Args:
        objects: their ids, ascending, G of them.
        proposals: the id that was taken for each of them; 0: none was left, an empty mask.
        j, f: float64 [G, T], fractions.
    """

    objects: tuple[int, ...]
    proposals: tuple[int, ...]
    j: NDArray[np.float64]
    f: NDArray[np.float64]


@dataclass(frozen=True)
class DavisScore:
    """Means over the objects of all sequences, each object's own mean over its frames; fractions."""

    objects: int
    j: float
    f: float

    @property
    def jf(self) -> float:
        """J&F."""
        return (self.j + self.f) / 2


@dataclass(frozen=True)
class PairScores:
    """Every proposal of a sequence measured by every object.

    Args:
        objects: ids, ascending, G of them.
        j, f: float64 [P + 1, G, T]; row k is proposal k, row 0 an empty mask.
    """

    objects: tuple[int, ...]
    j: NDArray[np.float64]
    f: NDArray[np.float64]

    def assign(self, match: str = "hungarian") -> SequenceScore:
        """One proposal per object.

        Args:
            match: "hungarian": the largest sum of mean J&F, as the official evaluation does; "id": the
                proposal of the object's own id.

        Raises:
            ValueError: for another `match`.
        """
        if match not in MATCHES:
            raise ValueError(f"match must be one of {', '.join(MATCHES)}, got {match!r}")
        count, places = len(self.j) - 1, np.arange(len(self.objects))
        if match == "id":
            chosen = np.array([o if o <= count else 0 for o in self.objects], np.int64)
        else:  # empty masks only where there are fewer proposals than objects
            rows = np.array([*range(1, count + 1), *[0] * (len(places) - count)], np.int64)
            means = (self.j[rows].mean(-1) + self.f[rows].mean(-1)) / 2
            found, columns = linear_sum_assignment(-means)
            chosen = rows[found[np.argsort(columns)]]
        proposals = tuple(int(row) for row in chosen)
        return SequenceScore(self.objects, proposals, self.j[chosen, places], self.f[chosen, places])


def davis_objects(truth: ArrayLike) -> tuple[int, ...]:
    """The ids that the official evaluation scores, 1 to the largest of the first frame; uint8 [T, H, W]."""
    ids = _check_ids("truth", truth)
    first = ids[0][ids[0] != VOID]
    return tuple(range(1, int(first.max(initial=0)) + 1))


def pair_scores(
    prediction: ArrayLike, truth: ArrayLike, *, objects: Sequence[int] | None = None, tolerance: float = 0.008
) -> PairScores:
    """J and F of every proposal for every object of one sequence.

    Args:
        prediction: uint8 [T, H, W], id of the proposal, 0 = none, at most 20.
        truth: uint8 [T, H, W], id of the object, 0 = background, 255 = void.
        objects: ids that are scored; default: `davis_objects`.
        tolerance: of F, as in `contour_accuracy`.

    Raises:
        ValueError: if shapes or types do not fit, or there are too many proposals.
    """
    predicted, true = _check_ids("prediction", prediction), _check_ids("truth", truth)
    if predicted.shape != true.shape:
        raise ValueError(
            f"prediction and truth must have the same shape, got {predicted.shape} and {true.shape}"
        )
    count = int(predicted.max(initial=0))
    if count > MAX_PROPOSALS:
        raise ValueError(f"the prediction has the id {count}; at most {MAX_PROPOSALS} proposals are allowed")
    ids = davis_objects(true) if objects is None else tuple(sorted({int(o) for o in objects}))
    if bad := [o for o in ids if not 0 < o < VOID]:
        raise ValueError(f"ids of objects must be in 1..{VOID - 1}, got {bad[0]}")
    frames, height, width = true.shape
    radius, step = outline_radius(height, width, tolerance), max(1, _CHUNK // max(1, height * width))
    region = np.empty((count + 1, len(ids), frames))
    contour = np.empty_like(region)
    for t in range(frames):
        region[..., t] = _region(predicted[t], true[t], count, ids)
    for start in range(0, frames, step):
        part = slice(start, start + step)
        contour[..., part] = _contour(predicted[part], true[part], count, ids, radius)
    return PairScores(ids, region, contour)


def mean_score(sequences: Sequence[SequenceScore]) -> DavisScore:
    """Means over the objects of all sequences.

    Raises:
        ValueError: if there is no object.
    """
    j = [float(value) for sequence in sequences for value in sequence.j.mean(-1)]
    f = [float(value) for sequence in sequences for value in sequence.f.mean(-1)]
    if not j:
        raise ValueError("there is no object to score")
    return DavisScore(len(j), float(np.mean(j)), float(np.mean(f)))


def _check_ids(name: str, ids: ArrayLike) -> NDArray[np.uint8]:
    array = np.asarray(ids)
    if array.dtype != np.uint8 or array.ndim != 3 or not len(array):
        raise ValueError(f"{name} must be uint8 [T, H, W] with T >= 1, got {array.dtype} {array.shape}")
    return array


def _region(
    predicted: NDArray[np.uint8], true: NDArray[np.uint8], count: int, ids: tuple[int, ...]
) -> NDArray[np.float64]:
    """J [P + 1, G] of one frame, from the number of pixels of each pair of ids."""
    valid = true != VOID
    codes = predicted[valid].astype(np.int64) * 256 + true[valid]
    pixels = np.bincount(codes, minlength=(count + 1) * 256).reshape(count + 1, 256)
    both = pixels[:, list(ids)]
    both[0] = 0  # the pixels outside of all proposals are no proposal
    sizes = pixels.sum(1)
    sizes[0] = 0
    either = sizes[:, None] + pixels.sum(0)[list(ids)] - both
    return np.where(either == 0, 1.0, both / np.maximum(either, 1))


def _contour(
    predicted: NDArray[np.uint8], true: NDArray[np.uint8], count: int, ids: tuple[int, ...], radius: int
) -> NDArray[np.float64]:
    """F [P + 1, G, T] of a few frames; the outline of a mask is found once, not once per pair."""
    shown = np.where(true == VOID, 0, predicted)
    objects = [Outlines.of(true == o, radius) for o in ids]
    scores = np.empty((count + 1, len(ids), len(true)))
    for proposal in range(count + 1):
        mine = shown == proposal if proposal else np.zeros_like(true, bool)
        outlines = Outlines.of(mine, radius)
        for place, theirs in enumerate(objects):
            scores[proposal, place] = outlines.agreement(theirs)
    return scores
