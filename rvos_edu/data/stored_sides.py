"""Whether a folder is the copy that `rvos-edu data smaller` makes, and at which size it holds its frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rvos_edu.data.reading import read_json
from rvos_edu.errors import DataError

ABOUT = "smaller.json"
SPLIT = "train"  # evaluation needs frames and masks of full size


@dataclass(frozen=True)
class StoredSides:
    """The sides that frames of the training split were reduced to, as `Resize` takes them."""

    short_side: int
    max_side: int

    @property
    def note(self) -> str:
        """What sets figures on this split apart from others."""
        return f"frames and masks were stored at {self.short_side} to {self.max_side} pixels"


def stored_sides(root: Path) -> StoredSides | None:
    """None: the dataset as published.

    Raises:
        DataError: if the file that says so is damaged.
    """
    if not (root / ABOUT).is_file():
        return None
    content = read_json(root / ABOUT)
    sides = content.get("sides") if isinstance(content, dict) else None
    if not (isinstance(sides, list) and len(sides) == 2 and all(isinstance(side, int) for side in sides)):
        raise DataError(
            f'{root / ABOUT} must hold {{"sides": [short, long]}}, as `rvos-edu data smaller` writes'
        )
    return StoredSides(*sides)
