"""Moving Shapes in the layout of a dataset: a table is then measured by that dataset's own protocol."""

from __future__ import annotations

from pathlib import Path

from rvos_edu.data import layout_of
from rvos_edu.data.make import make_in_layout

STAND_INS = ("a2d-sentences", "jhmdb-sentences", "ref-davis17")  # scored otherwise than Moving Shapes
SIZES = {"train": 20, "valid": 200, "test": 200}  # the few of train are there because the layouts want some


def stand_in(data: str, *, level: str, root: Path | None, out: Path) -> Path:
    """The folder of Moving Shapes written as `data`; made on first use.

    Args:
        data: one of `STAND_INS`.
        level: of Moving Shapes, not used with `root`.
        root: folder of a Moving Shapes; None: the valid and test videos of seed 0 are made.
        out: folder of the tables, where it is put.

    Raises:
        DataError: if it cannot be made.
    """
    if root is None:
        folder = out / "data" / f"{data}-level-{level}"
        return folder if folder.is_dir() else make_in_layout(data, folder, level=level, sizes=SIZES)
    folder, make = out / "data" / data, layout_of(data).make
    if folder.is_dir() or make is None:
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    return make(root, folder)
