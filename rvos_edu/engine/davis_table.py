"""The table of Ref-DAVIS17's own protocol, as rows and as text; each way to score has its own columns."""

from __future__ import annotations

from collections.abc import Mapping

from rvos_edu.data.ref_davis import ANNOTATORS
from rvos_edu.engine.summary import Spread

NAMES = {"hungarian": "DAVIS, hungarian", "id": "DAVIS, strict identity"}
EXPLAINED = (
    "DAVIS, hungarian: for each object the mask that suits it best, as the official evaluation does and "
    "papers report; exchanged identities cost nothing. DAVIS, strict identity: the mask of its own sentence. "
    "Void pixels do not count in either. The table by category is of single masks, with void as background."
)
_KEYS = (("jf", "J&F"), ("j", "J"), ("f", "F"))


def davis_table(spread: Mapping[str, Spread]) -> list[list[str]]:
    """Header, one row per annotator, and the mean; empty where the protocol was not run.

    Args:
        spread: of `EvaluationReport.spread`.
    """
    if "davis.id.mean.jf" not in spread:
        return []
    heads = [f"{name}: {what}" for name in NAMES.values() for _, what in _KEYS]
    rows = [["annotator", *heads]]
    slots = [(f"anno_{slot}", name) for slot, name in enumerate(ANNOTATORS)]
    for slot, name in [*slots, ("mean", "mean")]:
        keys = [f"davis.{match}.{slot}.{key}" for match in NAMES for key, _ in _KEYS]
        rows.append([name, *(f"{spread[key].mean:.1f}" for key in keys)])
    return rows


def davis_parts(rows: list[list[str]]) -> list[list[list[str]]]:
    """The table as one per way to score, for a page: side by side they are wider than that."""
    parts = []
    for way, name in enumerate(NAMES.values()):
        mine = slice(1 + way * len(_KEYS), 1 + (way + 1) * len(_KEYS))
        parts.append([[name, *(what for _, what in _KEYS)], *([row[0], *row[mine]] for row in rows[1:])])
    return parts


def davis_lines(rows: list[list[str]]) -> list[str]:
    """The table as text: the names of the two ways above their columns."""
    width = 8
    first = max(len(row[0]) for row in rows) + 2
    block = max(len(_KEYS) * width, *(len(name) + 2 for name in NAMES.values()))
    lines = [" " * first + "".join(name.rjust(block) for name in NAMES.values())]
    short = [rows[0][0], *(what for _ in NAMES for _, what in _KEYS)]
    for name, *cells in [short, *rows[1:]]:
        blocks = [cells[i : i + len(_KEYS)] for i in range(0, len(cells), len(_KEYS))]
        numbers = ("".join(cell.rjust(width) for cell in part).rjust(block) for part in blocks)
        lines.append(name.ljust(first) + "".join(numbers))
    lines.insert(2, "-" * len(lines[1]))
    return lines
