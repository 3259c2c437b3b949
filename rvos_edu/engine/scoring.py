"""Scores of predictions, one record per expression and sums over images."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rvos_edu.data.centre_windows import CentreWindows
from rvos_edu.engine.inference import Clip, Prediction, truth_of
from rvos_edu.metrics import AveragePrecision, contour_accuracy, region_similarity
from rvos_edu.metrics.region import Overlap, mask_overlap
from rvos_edu.structures import VideoSample


@dataclass(frozen=True)
class ExpressionScore:
    """How well one expression of one clip was segmented; all fractions.

    Args:
        clip: index of the clip in the dataset.
        j, f: region similarity and contour accuracy, mean over frames, with temporal segment voting.
        j_frame, f_frame: the same when every frame chooses its own query.
        right: whether the referred object overlaps the output more than every other object of the clip
            does (mean IoU over the frames in which that object is visible); None for a single object.
        chance: 1 / number of objects that fit the sentence without its deciding word, None where unknown.
        late: the referred object is not visible in the first frame.
        swapped_j, swapped_f: J and F, against the same truth, of the output for a sentence about another
            object of the clip; None where not asked for or where there is no such sentence.
        query: the voted query.
        area: share of the clip's pixels that the voted masks cover, for display.
        pixels: number of those pixels, over all frames, of which R is made.
        empty: share of frames without the object, in which an empty mask is right.
        mismatch: probability that the sentence does not fit the clip; None for models that do not say.
    """

    clip: int
    video: str
    expression_id: str
    expression: str
    category: str | None
    j: float
    f: float
    j_frame: float
    f_frame: float
    right: bool | None
    chance: float | None
    late: bool
    swapped_j: float | None
    swapped_f: float | None
    query: int
    area: float
    pixels: int
    empty: float
    mismatch: float | None

    @property
    def jf(self) -> float:
        """J&F with voting."""
        return (self.j + self.f) / 2

    @property
    def jf_frame(self) -> float:
        """J&F without voting."""
        return (self.j_frame + self.f_frame) / 2

    @property
    def swapped_jf(self) -> float | None:
        """J&F of the other object's sentence."""
        if self.swapped_j is None or self.swapped_f is None:
            return None
        return (self.swapped_j + self.swapped_f) / 2


@dataclass(frozen=True)
class OutputScore:
    """What can be said of one expression whose truth is hidden.

    Args:
        clip, video, expression_id, expression, category, query, area, pixels, mismatch: as for
            `ExpressionScore`.
        rejected: whether the filter 1(A) empties the masks that are handed in, None where it is off or the
            model has none; `area` and `pixels` are those without it.
    """

    clip: int
    video: str
    expression_id: str
    expression: str
    category: str | None
    query: int
    area: float
    pixels: int
    mismatch: float | None
    rejected: bool | None


@dataclass(frozen=True)
class ShuffledScore:
    """One expression with shuffled frames: whether the right object was chosen, and the chance of that."""

    right: bool | None
    chance: float | None


@dataclass
class ImageScores:
    """Images, one per (expression, frame in which the referred object is visible).

    With `windows` one per item, as the published ground truth of these datasets has them: their one annotated
    frame counts, also where the mask is empty.

    Args:
        precision: collects the masks of all queries for mAP; None: no mAP.
        windows: the dataset, if its items are windows around single annotated frames.
        voted, per_frame: pixel counts of the masks chosen with and without temporal segment voting.
    """

    precision: AveragePrecision | None
    windows: CentreWindows | None = None
    voted: list[Overlap] = field(default_factory=list)
    per_frame: list[Overlap] = field(default_factory=list)

    names: set[str] = field(default_factory=set)

    def add(self, sample: VideoSample, prediction: Prediction) -> None:
        """Add the frames of one expression; images that were added before are left out."""
        masks, referred, visible = truth_of(sample)
        counted = np.arange(len(visible)) if self.windows else np.flatnonzero(visible)
        frames = [int(t) for t in counted if self._name(sample, int(t)) not in self.names]
        self.names.update(self._name(sample, t) for t in frames)
        truth = masks[referred]
        self.voted.append(mask_overlap(prediction.voted[frames], truth[frames]))
        self.per_frame.append(mask_overlap(prediction.per_frame[frames], truth[frames]))
        if self.precision is None:
            return
        for frame, candidates in zip(frames, prediction.candidates(frames), strict=True):
            name, scores = self._name(sample, frame), prediction.probabilities[:, frame]
            self.precision.add(name, truth[frame], candidates, scores, best=prediction.query)

    def _name(self, sample: VideoSample, frame: int) -> str:
        if self.windows is not None:
            return self.windows.image_of(sample)
        return f"{sample.video}/{sample.expression_id}/{sample.annotated[frame]:06d}"


def score_clip(
    clip: Clip, predictions: list[Prediction], *, partners: list[int | None] | None, images: ImageScores
) -> list[ExpressionScore]:
    """Records of all expressions of one clip; their visible frames are added to `images`.

    `partners[i]` is the sample whose sentence replaces that of sample i in the swapped protocol.
    """
    scores = []
    for i, (sample, prediction) in enumerate(zip(clip.samples, predictions, strict=True)):
        masks, referred, visible = truth_of(sample)
        images.add(sample, prediction)
        j, f = _region_and_contour(prediction.voted, masks[referred])
        j_frame, f_frame = _per_frame_scores(prediction, masks[referred], j, f)
        partner = None if partners is None else partners[i]
        swapped_j = swapped_f = None
        if partner is not None:
            values = _region_and_contour(predictions[partner].voted, masks[referred])
            swapped_j, swapped_f = (float(v.mean()) for v in values)
        scores.append(
            ExpressionScore(
                clip=clip.index,
                video=sample.video,
                expression_id=sample.expression_id,
                expression=sample.expression,
                category=sample.category,
                j=float(j.mean()),
                f=float(f.mean()),
                j_frame=float(j_frame.mean()),
                f_frame=float(f_frame.mean()),
                right=right_object(prediction.voted, masks, referred),
                chance=chance_of(sample),
                late=not bool(visible[0]),
                swapped_j=swapped_j,
                swapped_f=swapped_f,
                query=prediction.query,
                area=float(prediction.voted.mean()),
                pixels=int(prediction.voted.sum()),
                empty=float(1 - masks[referred].any((1, 2)).mean()),
                mismatch=prediction.mismatch,
            )
        )
    return scores


def chance_of(sample: VideoSample) -> float | None:
    """1 / number of objects that fit the sentence without its deciding word, None where unknown."""
    return None if sample.candidates is None else 1.0 / sample.candidates


def right_object(output: np.ndarray, masks: np.ndarray, referred: int) -> bool | None:
    """Whether the referred object has the highest mean IoU with the output among all objects.

    Args:
        output: bool [A, H, W].
        masks: bool [I, A, H, W]; an object's mean is over the frames in which it is visible.
        referred: index of the referred object.

    Returns:
        None if there is one object only; False if another object does equally well.
    """
    if len(masks) < 2:
        return None
    means = [_mean_visible_iou(output, mask) for mask in masks]
    best_other = max(mean for i, mean in enumerate(means) if i != referred)
    return means[referred] > best_other


def _mean_visible_iou(output: np.ndarray, mask: np.ndarray) -> float:
    visible = mask.any((1, 2))
    if not visible.any():
        return 0.0
    both = (output[visible] & mask[visible]).sum((1, 2))
    either = (output[visible] | mask[visible]).sum((1, 2))
    return float((both / either).mean())


def _region_and_contour(output: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return region_similarity(output, truth), contour_accuracy(output, truth)


def _per_frame_scores(
    prediction: Prediction, truth: np.ndarray, j: np.ndarray, f: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """J and F of the per-frame choice; frames whose mask is the voted one are not measured again."""
    other = (prediction.per_frame != prediction.voted).any((1, 2))
    j, f = j.copy(), f.copy()
    if other.any():
        j[other], f[other] = _region_and_contour(prediction.per_frame[other], truth[other])
    return j, f
