"""What an evaluation says where the masks of a split are hidden: few figures, and why there are no others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rvos_edu.data.submission_report import SubmissionReport
from rvos_edu.engine.summary import EvaluationResult, Spread

SUBMISSION = "submission.zip"
HEADER = ["figure", "measured here"]
NOT_MEASURED = (  # figures, and what they would need
    ("J, F, J&F", "needs the masks"),
    ("J&F without voting, right object, late entries", "needs the masks"),
    ("P@K, overall IoU, mean IoU, mAP", "needs the masks"),
)
_MEASURED = (
    ("mean area of the output", "hidden.area", "{:.1f} % of the pixels"),
    ("empty outputs", "hidden.empty", "{:.1f} % of the sentences"),
    ("outputs that 1(A) empties", "hidden.rejected", "{:.1f} % of the sentences"),
)


def hidden_rows(spread: Mapping[str, Spread]) -> list[list[str]]:
    """Rows below `HEADER`: what was measured, then what cannot be."""
    rows = [[name, form.format(spread[key].mean)] for name, key, form in _MEASURED if key in spread]
    rows += [[name, f"no: {reason}"] for name, reason in NOT_MEASURED]
    found = any(key.startswith("robust.") for key in spread)
    rows.append(["R, false alarms, AUC", "see below" if found else "needs false pairs: --false-sentences"])
    return rows


def hidden_lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """The header and the rows as lines of equal columns."""
    table = [HEADER, *rows]
    width = max(len(name) for name, _ in table) + 3
    lines = [f"{name:<{width}}{text}" for name, text in table]
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]


def submission_sentences(result: EvaluationResult) -> list[str]:
    """Whether the zip can be handed in, and what is wrong with it otherwise."""
    found = result.submission
    if found is None:
        return ["There is no server known for this dataset: no submission was written."]
    count = f"{SUBMISSION}: {found.found['PNG']} of {found.expected['PNG']} PNG"
    if found.ok:
        return [f"{count}, no problems found: hand it in to have J and F measured.", *found.notes]
    return [f"{count}, NOT to be handed in: {p.message}" for p in found.problems] + found.notes


def submission_facts(found: SubmissionReport | None) -> dict[str, Any] | None:
    """The same for a JSON file."""
    if found is None:
        return None
    return {
        "file": SUBMISSION,
        "expected": found.expected,
        "found": found.found,
        "problems": [problem.message for problem in found.problems],
        "notes": found.notes,
    }
