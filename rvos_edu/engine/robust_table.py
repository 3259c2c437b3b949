"""Table C of R2-VOS (supplement A.3) from the figures of an evaluation: as rows, and as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rvos_edu.engine.summary import Spread

COLUMNS = (  # heading, figure without 1(A) (empty: none), with 1(A), width
    ("J&F&R", "robust.{}.jfr", "robust.{}.jfr_filtered", 8),
    ("J", "overall.j", "robust.{}.j_filtered", 8),
    ("F", "overall.f", "robust.{}.f_filtered", 8),
    ("R", "robust.{}.r", "robust.{}.r_filtered", 8),
    ("false alarms", "robust.{}.false_alarms", "robust.{}.false_alarms_filtered", 14),
    ("AUC", "", "robust.{}.auc", 8),
    ("true kept", "", "robust.{}.kept", 12),
    ("false rejected", "", "robust.{}.rejected", 16),
)
NAME = 25  # characters of the first column


def robust_table(spread: Mapping[str, Spread]) -> list[list[str]]:
    """Means over seeds: the header, then per kind of false pairs a row without the filter 1(A).

    Models that say whether a sentence fits have a second row per kind, with it, and three more columns. There
    are no J and F where the truth is hidden.

    Args:
        spread: of `EvaluationReport.spread`.
    """
    kinds = [key.split(".")[1] for key in spread if key.startswith("robust.") and key.endswith(".count")]
    judges = any(f"robust.{kind}.auc" in spread for kind in kinds)
    columns = [c for c in COLUMNS if any(key.format(k) in spread for key in c[1:3] for k in kinds)]
    rows = [["false sentences", *(heading for heading, *_ in columns)]]
    for kind in kinds:
        for filtered in (False, True) if judges else (False,):
            keys = [(with_filter if filtered else plain).format(kind) for _, plain, with_filter, _ in columns]
            cells = [f"{spread[key].mean:.1f}" if key in spread else "-" for key in keys]
            rows.append([f"{kind} pairs" + (", with 1(A)" if filtered else ""), *cells])
    return rows


def robust_lines(table: Sequence[Sequence[str]]) -> list[str]:
    """The rows of `robust_table` as lines of equal width, with a rule below the header."""
    known = {heading: width for heading, *_, width in COLUMNS}
    widths = [known[heading] for heading in table[0][1:]]
    lines = []
    for name, *cells in table:
        lines.append(f"{name:<{NAME}}" + "".join(f"{c:>{w}}" for c, w in zip(cells, widths, strict=True)))
    return [lines[0], "-" * len(lines[0]), *lines[1:]]
