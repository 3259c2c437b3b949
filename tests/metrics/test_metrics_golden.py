"""Metrics against the numbers of the DAVIS-2017 and A2D-Sentences evaluation codes.

Also prints the parity table: `python -m tests.parity_metrics`.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from rvos_edu import metrics

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
SEQUENCES = (
    "noise", "blobs", "identical", "moving_disc", "touching_border", "empty_prediction", "empty_truth",
    "both_empty", "partly_empty", "one_pixel", "full_frame",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One line of the parity table."""

    item: str
    error: float
    tolerance: float


def row(item: str, ours: object, golden: object, tolerance: float) -> Row:
    """The largest absolute difference between two arrays of one shape."""
    left, right = np.asarray(ours, np.float64), np.asarray(golden, np.float64)
    assert left.shape == right.shape
    return Row(item, float(np.abs(left - right).max()), tolerance)


def decode(code: dict) -> np.ndarray:
    """bool [H, W] of a run-length code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of pycocotools with NumPy 2
        return coco_mask.decode(code) > 0


def davis_rows() -> list[Row]:
    """J and F of every sequence, with another radius, and with void pixels."""
    golden = np.load(GOLDEN / "davis_metrics.npz", allow_pickle=False)
    means = json.loads((GOLDEN / "davis_metrics.json").read_text())["sequences"]
    assert sorted(means) == sorted(SEQUENCES)
    rows = []
    for name in SEQUENCES:
        prediction, truth = golden[f"{name}.prediction"] > 0, golden[f"{name}.truth"] > 0
        region = metrics.region_similarity(prediction, truth)
        contour = metrics.contour_accuracy(prediction, truth)
        mean = (region.mean() + contour.mean()) / 2
        rows.append(row(f"J {name}", region, golden[f"{name}.J"], 1e-9))
        rows.append(row(f"F {name}", contour, golden[f"{name}.F"], 1e-9))
        wide = metrics.contour_accuracy(prediction, truth, radius=3)
        rows.append(row(f"F {name}, radius 3", wide, golden[f"{name}.F_radius3"], 1e-9))
        rows.append(row(f"J&F {name}", mean, means[name]["JF"], 1e-9))
    blobs = golden["blobs.prediction"] > 0, golden["blobs.truth"] > 0
    void = golden["void.mask"] > 0
    rows.append(row("J blobs, void", metrics.region_similarity(*blobs, void=void), golden["void.J"], 1e-9))
    rows.append(row("F blobs, void", metrics.contour_accuracy(*blobs, void=void), golden["void.F"], 1e-9))
    return rows


def a2d_rows() -> list[Row]:
    """P@K, IoUs and mAP of the made-up set, from run-length codes, and IoUs of plain pairs."""
    golden = np.load(GOLDEN / "a2d_metrics.npz", allow_pickle=False)
    stored = json.loads((GOLDEN / "a2d_metrics.json").read_text())
    truths = {a["image_id"]: a["segmentation"] for a in stored["ground_truth"]["annotations"]}
    precision, best = metrics.AveragePrecision(), []
    for image, code in truths.items():
        mine = [p for p in stored["predictions"] if p["image_id"] == image]
        masks = np.stack([decode(p["segmentation"]) for p in mine])
        scores = np.array([p["score"] for p in mine])
        precision.add(image, decode(code), masks, scores)
        best.append(masks[scores.argmax()])
    images = np.stack([decode(code) for code in truths.values()])
    overlap, result, expected = (
        metrics.mask_overlap(np.stack(best), images),
        precision.compute(),
        stored["result"],
    )
    rows = [
        row(f"P@{k}", metrics.precision_at(overlap.iou, k), expected[f"P@{k}"], 1e-9)
        for k in stored["thresholds"]
    ]
    rows += [
        row("overall IoU", metrics.overall_iou(best, images), expected["overall_iou"], 1e-6),
        row("mean IoU", metrics.mean_iou(best, images), expected["mean_iou"], 1e-6),
        row("mAP .5:.95", result.mean, expected["mAP 0.5:0.95"], 1e-9),
        row("AP .5", result.at_50, expected["AP 0.5"], 1e-9),
        row("AP .75", result.at_75, expected["AP 0.75"], 1e-9),
        row("AP small", result.small, expected["AP 0.5:0.95 S"], 1e-9),
        row("AP medium", result.medium, expected["AP 0.5:0.95 M"], 1e-9),
        row("AP large", result.large, expected["AP 0.5:0.95 L"], 1e-9),
    ]
    plain = metrics.average_precision(
        golden["in.truth"] > 0, golden["in.prediction"] > 0, golden["in.scores"]
    )
    rows.append(row("mAP .5:.95, plain arrays", plain.mean, expected["mAP 0.5:0.95"], 1e-9))
    pairs = metrics.mask_overlap(golden["pairs.in.prediction"] > 0, golden["pairs.in.truth"] > 0)
    rows += [
        row("IoU pairs", pairs.iou, golden["pairs.out.iou"], 1e-6),
        row("intersection pairs", pairs.intersection, golden["pairs.out.intersection"], 0),
        row("union pairs", pairs.union, golden["pairs.out.union"], 0),
    ]
    return rows


@pytest.mark.parametrize("line", davis_rows() + a2d_rows(), ids=lambda line: line.item)
def test_equals_the_published_evaluation(line: Row) -> None:
    assert line.error <= line.tolerance
