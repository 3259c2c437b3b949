"""Read the JSON of datasets, and keep the names in it from becoming paths that climb out of the dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rvos_edu.errors import DataError


def read_json(path: Path) -> Any:
    """Whatever a JSON file holds.

    Raises:
        DataError: if the file is missing or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read as JSON: {error}") from error


def check_plain_name(path: Path, what: str, name: Any) -> None:
    """Raise DataError unless `name`, found in the file `path`, is a name without folders."""
    if not isinstance(name, str) or not name or name in (".", "..") or any(c in name for c in "/\\:\0"):
        raise DataError(f"{path}: the {what} is {name!r}, expected a plain name without folders")
