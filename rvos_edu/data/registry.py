"""Datasets by name."""

from __future__ import annotations

import difflib
from pathlib import Path

from filelock import FileLock

from rvos_edu.data.dataset import ClipDataset, Transformation, VideoDataset
from rvos_edu.data.home import home
from rvos_edu.data.r2_youtube_vos import load_pairs
from rvos_edu.errors import DataError

MOVING_SHAPES = "moving-shapes"
R2_YOUTUBE_VOS = "r2-youtube-vos"
DATASETS = (MOVING_SHAPES, "refer-youtube-vos", R2_YOUTUBE_VOS)


def dataset_names() -> list[str]:
    """Names that `load` knows."""
    return list(DATASETS)


def check_name(name: str) -> None:
    """Raise DataError for an unknown dataset, with the nearest name."""
    if name not in DATASETS:
        near = difflib.get_close_matches(name, DATASETS, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise DataError(f"unknown dataset {name!r}; {hint}Known: {', '.join(DATASETS)}")


def check_level(level: str) -> None:
    """Raise DataError for an unknown level of Moving Shapes, before it becomes part of a path."""
    from rvos_edu.data.moving_shapes import LEVELS

    if level not in LEVELS:
        raise DataError(f"unknown level {level!r} of {MOVING_SHAPES}; expected one of {', '.join(LEVELS)}")


def load(
    name: str,
    *,
    split: str,
    root: str | Path | None = None,
    level: str = "full",
    seed: int = 0,
    train_videos: int | None = None,
    window: int | None = None,
    transform: Transformation | None = None,
) -> ClipDataset:
    """A split of a dataset, as clips with sentences.

    Args:
        name: "moving-shapes" (made on first use); with `root`: "refer-youtube-vos", or "r2-youtube-vos", the
            same folder's videos with sentences that do not describe them (see `load_pairs`).
        split: train, valid or test.
        root: folder of the dataset; Moving Shapes without one lives under RVOS_EDU_HOME.
        level, seed, train_videos: which Moving Shapes; with `root` only `seed` is used, for the pairs of
            "r2-youtube-vos".
        window: frames of a training clip; None: whole videos.
        transform: applied to every item.

    Raises:
        DataError: for an unknown name or split, a missing root, and whatever `VideoDataset` finds.
    """
    root = dataset_root(name, root, level=level, seed=seed, train_videos=train_videos)
    if name == R2_YOUTUBE_VOS:
        if window is not None:
            raise DataError(f"{name} has whole videos only, got a window of {window} frames")
        return load_pairs(root, split, seed=seed, transform=transform)
    return VideoDataset(root, split=split, window=window, transform=transform)


def dataset_root(
    name: str,
    root: str | Path | None = None,
    *,
    level: str = "full",
    seed: int = 0,
    train_videos: int | None = None,
) -> Path:
    """The folder of a dataset; makes Moving Shapes if it has no folder yet.

    Several processes may ask at once: one makes the data, the others wait.
    """
    check_name(name)
    if root is not None:
        return Path(root)
    if name != MOVING_SHAPES:
        raise DataError(f"{name} is not made by this package: give its folder as root (--root or data.root)")
    check_level(level)
    suffix = "" if train_videos is None else f"-{train_videos}"
    folder = home() / "moving-shapes-v1" / f"level-{level}-seed-{seed}{suffix}"
    if not folder.is_dir():
        _make_once(folder, level, seed, train_videos)
    return folder


def _make_once(folder: Path, level: str, seed: int, train_videos: int | None) -> None:
    from rvos_edu.data.moving_shapes import make

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(folder.name + ".lock")):
            if not folder.is_dir():
                sizes = {} if train_videos is None else {"train": train_videos}
                make(folder, level=level, seed=seed, **sizes)
    except OSError as error:
        raise DataError(f"Moving Shapes cannot be made at {folder}: {error}; set RVOS_EDU_HOME") from error
