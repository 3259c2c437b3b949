"""Moving Shapes written in the layout of any dataset."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from rvos_edu.data.registry import layout_of
from rvos_edu.errors import DataError


def make_in_layout(
    name: str,
    root: str | Path,
    *,
    level: str = "full",
    seed: int = 0,
    sizes: Mapping[str, int],
    workers: int | None = None,
) -> Path:
    """Generate Moving Shapes and write it as `name` lies on disk; returns the folder.

    Args:
        name: a name of `dataset_names()`.
        root: folder to make; must be empty or absent.
        level, seed, workers: as `rvos_edu.data.moving_shapes.make` has them.
        sizes: number of videos of train, valid and test.

    Raises:
        DataError: for an unknown name or level, an impossible size, or a folder that holds something.
    """
    from rvos_edu.data.moving_shapes import make

    layout, root = layout_of(name), Path(root)
    if layout.make is None:
        return make(root, level=level, seed=seed, workers=workers, **sizes)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise DataError(f"{root} exists and is not empty; choose another folder or remove it")
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".tmp-", dir=root.parent) as folder:
        source = make(Path(folder) / "moving-shapes", level=level, seed=seed, workers=workers, **sizes)
        return layout.make(source, root)
