"""What sets the data of an evaluation apart from those that published figures are of."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from rvos_edu.data import ClipDataset


def notes_of(datasets: Iterable[ClipDataset]) -> list[str]:
    """The notes of some datasets, each once, in their order."""
    return list(dict.fromkeys(note for dataset in datasets for note in dataset.notes))


def add_notes(path: Path, notes: list[str]) -> None:
    """Put them into the evaluation.json at `path`, key "notes"."""
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, "notes": notes}, indent=1), encoding="utf-8")
