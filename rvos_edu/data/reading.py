"""Read the JSON of datasets, and keep the names in it from becoming paths that climb out of the dataset."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from rvos_edu.errors import DataError


class _Repeating(dict[str, Any]):
    """An object of JSON that has some of its keys more than once; the last value of each is kept."""

    repeated: frozenset[str] = frozenset()


def read_json(path: Path) -> Any:
    """Whatever a JSON file holds; `repeated_keys` tells where it says something twice.

    Raises:
        DataError: if the file is missing or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_object)
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read as JSON: {error}") from error


def repeated_keys(about: Any) -> frozenset[str]:
    """Keys that an object from `read_json` has more than once in its file; only the last value is there."""
    return about.repeated if isinstance(about, _Repeating) else frozenset()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    if len(plain) == len(pairs):
        return plain
    found = _Repeating(plain)
    counts = Counter(key for key, _ in pairs)
    found.repeated = frozenset(key for key, count in counts.items() if count > 1)
    return found


def check_plain_name(path: Path, what: str, name: Any) -> None:
    """Raise DataError unless `name`, found in the file `path`, is a name without folders."""
    if not isinstance(name, str) or not name or name in (".", "..") or any(c in name for c in "/\\:\0"):
        raise DataError(f"{path}: the {what} is {name!r}, expected a plain name without folders")
