"""The table of A2D- and JHMDB-Sentences (MTTR, Tables 1 and 2) from the figures of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping

from rvos_edu.engine.summary import THRESHOLDS, Spread

COLUMNS = (  # heading, figure; mAP is that of the papers: of the masks of all queries
    ("mAP", "images.mean_average_precision"),
    ("mAP_best", "images.mean_average_precision_best"),
    *((f"P@{k}", f"images.P@{k}") for k in THRESHOLDS),
    ("overall IoU", "images.overall_iou"),
    ("mean IoU", "images.mean_iou"),
)


def image_table(spread: Mapping[str, Spread]) -> list[list[str]]:
    """A header and a row of means over seeds, in percent; the first column counts images.

    Args:
        spread: of `EvaluationReport.spread`.
    """
    count = spread["images.count"].mean if "images.count" in spread else 0.0
    cells = [f"{spread[key].mean:.1f}" if key in spread else "-" for _, key in COLUMNS]
    return [["images", *(heading for heading, _ in COLUMNS)], [f"{count:.0f}", *cells]]


def image_lines(table: list[list[str]]) -> list[str]:
    """The rows of `image_table` as lines of equal width, with a rule below the header."""
    widths = [max(len(row[i]) for row in table) + 2 for i in range(len(table[0]))]
    lines = ["".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in table]
    return [lines[0], "-" * len(lines[0]), *lines[1:]]
