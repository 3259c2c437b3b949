"""Mean average precision of scored masks (COCO, class-agnostic), as A2D- and JHMDB-Sentences report it.

All N queries of an image are submitted with their scores. The counting is pycocotools'; images are added one
at a time and kept run-length coded, so that memory stays small.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from rvos_edu.metrics.region import check_masks

COUNTED = 100  # masks of an image, the most confident: COCOeval's own limit, which the published code leaves


@dataclass(frozen=True)
class AveragePrecisionResult:
    """Average precisions as fractions; nan where no image is of that kind.

    Args:
        mean: mAP, the mean over IoU thresholds .50, .55, ..., .95, of all submitted masks.
        mean_best: the same with one mask per image. What the papers call mAP is `mean`.
        at_50, at_75: at one threshold.
        small, medium, large: `mean` over truths of under 32^2, under 96^2 and more pixels.
        images: number of images.
    """

    mean: float
    mean_best: float
    at_50: float
    at_75: float
    small: float
    medium: float
    large: float
    images: int


@dataclass(frozen=True)
class _Image:
    """One image: run-length codes, areas and boxes of its truth and N masks."""

    size: tuple[int, int]
    truth: tuple[bytes, float, list[float]]
    codes: list[bytes]
    areas: NDArray[np.float64]
    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    best: int


@dataclass
class AveragePrecision:
    """Collects images, then computes mAP.

    >>> precision = AveragePrecision()
    >>> precision.add("video_1_frame_3", truth, masks, scores)    # bool [H, W], bool [N, H, W], [N]
    >>> precision.compute().mean
    """

    _images: dict[str | int, _Image] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        """Number of images so far."""
        return len(self._images)

    def add(
        self,
        image_id: str | int,
        truth: ArrayLike,
        masks: ArrayLike,
        scores: ArrayLike,
        *,
        best: int | None = None,
    ) -> None:
        """Add one image with one true object. An id seen before is left out: padded samplers repeat samples.

        Args:
            image_id: one per (expression, frame).
            truth: bool [H, W].
            masks: bool [N, H, W], all queries.
            scores: [N], the confidence of each.
            best: index of the one mask for `mean_best`; default: the highest score.

        Raises:
            ValueError: if a mask is not bool, a shape does not fit, or a score is not finite.
        """
        if image_id in self._images:
            return
        true, predicted = check_masks("truth", truth, ndim=2), check_masks("masks", masks)
        confidence = np.asarray(scores, np.float64)
        if predicted.shape[1:] != true.shape:
            raise ValueError(f"masks must be [N, H, W] like truth {true.shape}, got {predicted.shape}")
        if confidence.shape != predicted.shape[:1] or not len(confidence):
            raise ValueError(f"scores must be [N], one per mask {predicted.shape}, got {confidence.shape}")
        if not np.all(np.isfinite(confidence)):
            raise ValueError(f"scores must be finite, got {confidence.tolist()}")
        chosen = int(confidence.argmax()) if best is None else best
        if not 0 <= chosen < len(confidence):
            raise ValueError(f"best must be in 0..{len(confidence) - 1}, got {best}")
        stacked = np.concatenate([true[None], predicted]).transpose(1, 2, 0)  # [H, W, 1 + N]
        codes = coco_mask.encode(np.asfortranarray(stacked, np.uint8))
        areas = stacked.sum((0, 1)).astype(np.float64)  # its area() counts 255 masks at most
        boxes = coco_mask.toBbox(codes)
        self._images[image_id] = _Image(
            size=(true.shape[0], true.shape[1]),
            truth=(codes[0]["counts"], float(areas[0]), boxes[0].tolist()),
            codes=[code["counts"] for code in codes[1:]],
            areas=areas[1:],
            boxes=boxes[1:],
            scores=confidence,
            best=chosen,
        )

    def merge(self, other: AveragePrecision) -> None:
        """Add the images of another process; ids seen before are left out."""
        for image_id, image in other._images.items():
            self._images.setdefault(image_id, image)

    def compute(self) -> AveragePrecisionResult:
        """All numbers over the images added so far; all nan before the first."""
        if not self._images:
            nan = float("nan")
            return AveragePrecisionResult(nan, nan, nan, nan, nan, nan, nan, 0)
        # pycocotools breaks ties of scores by the order of the images: sort, whatever process saw them first.
        images = [self._images[key] for key in sorted(self._images, key=str)]
        every = _evaluate(images, [range(len(image.codes)) for image in images], areas=True)
        best = _evaluate(images, [[image.best] for image in images], areas=False)
        return AveragePrecisionResult(
            mean=_average(every[:, :, 0]),
            mean_best=_average(best[:, :, 0]),
            at_50=_average(every[0, :, 0]),
            at_75=_average(every[5, :, 0]),
            small=_average(every[:, :, 1]),
            medium=_average(every[:, :, 2]),
            large=_average(every[:, :, 3]),
            images=len(images),
        )


def _average(precision: NDArray[np.float64]) -> float:
    """Mean over thresholds and recalls; pycocotools writes -1 where there is no truth."""
    counted = precision[precision > -1]
    return float(counted.mean()) if counted.size else float("nan")


def _dataset(images: list[_Image], annotations: list[dict[str, Any]]) -> COCO:
    """A COCO object from memory; category and annotation ids start at 1 (0 breaks its matching)."""
    coco = COCO()
    coco.dataset = {
        "images": [{"id": i, "height": im.size[0], "width": im.size[1]} for i, im in enumerate(images)],
        "categories": [{"id": 1, "name": "object"}],
        "annotations": [{"id": i, "category_id": 1, "iscrowd": 0, **a} for i, a in enumerate(annotations, 1)],
    }
    coco.createIndex()
    return coco


def _evaluate(images: list[_Image], kept: Sequence[Sequence[int]], *, areas: bool) -> NDArray[np.float64]:
    """Precision [10 thresholds, 101 recalls, 1 or 4 area ranges] of the masks `kept` of each image."""

    def annotation(index: int, counts: bytes, area: float, box: list[float]) -> dict[str, Any]:
        rle = {"size": list(images[index].size), "counts": counts}
        return {"image_id": index, "segmentation": rle, "area": area, "bbox": box}

    truths = [annotation(i, *image.truth) for i, image in enumerate(images)]
    masks = [
        annotation(i, image.codes[n], float(image.areas[n]), image.boxes[n].tolist())
        | {"score": float(image.scores[n])}
        for i, (image, indices) in enumerate(zip(images, kept, strict=True))
        for n in indices
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(_dataset(images, truths), _dataset(images, masks), "segm")
        evaluation.params.useCats = 0
        evaluation.params.maxDets = [COUNTED]
        if not areas:
            evaluation.params.areaRng, evaluation.params.areaRngLbl = evaluation.params.areaRng[:1], ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    return np.asarray(evaluation.eval["precision"])[:, :, 0, :, -1]


def average_precision(
    truths: Sequence[ArrayLike] | NDArray,
    masks: Sequence[ArrayLike] | NDArray,
    scores: Sequence[ArrayLike] | NDArray,
) -> AveragePrecisionResult:
    """mAP of M images that fit into memory; `AveragePrecision` takes them one by one.

    Args:
        truths: bool [M, H, W], or M masks [H, W] of any sizes.
        masks: bool [M, N, H, W], or M times [N, H, W].
        scores: [M, N].

    Raises:
        ValueError: if the lengths differ, a mask is not bool, or a shape does not fit.
    """
    if not len(truths) == len(masks) == len(scores):
        raise ValueError(
            "truths, masks and scores must be of the same length, "
            f"got {len(truths)}, {len(masks)}, {len(scores)}"
        )
    collected = AveragePrecision()
    for index, (truth, predicted, confidence) in enumerate(zip(truths, masks, scores, strict=True)):
        collected.add(f"{index:09d}", truth, predicted, confidence)
    return collected.compute()
