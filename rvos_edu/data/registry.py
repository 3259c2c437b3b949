"""Datasets by name."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock

from rvos_edu.data.a2d_sentences import LAYOUT as A2D_SENTENCES
from rvos_edu.data.check_report import SplitReport
from rvos_edu.data.dataset import ClipDataset, Transformation
from rvos_edu.data.home import home
from rvos_edu.data.index import index_key, kept, tree_stamps
from rvos_edu.data.jhmdb_sentences import LAYOUT as JHMDB_SENTENCES
from rvos_edu.data.layout import Ask, Layout
from rvos_edu.data.mevis import LAYOUT as MEVIS
from rvos_edu.data.moving_shapes.truth import MovingShapesTruth, is_moving_shapes
from rvos_edu.data.r2_layout import LAYOUT as R2_LAYOUT
from rvos_edu.data.ref_davis import LAYOUT as REF_DAVIS17
from rvos_edu.data.refcoco_layout import LAYOUTS as IMAGE_LAYOUTS
from rvos_edu.data.refcoco_layout import MOVING_SHAPES_IMAGES, REFCOCO_JOINT, images_name
from rvos_edu.data.refer_youtube_vos_layout import LAYOUTS as VIDEO_LAYOUTS
from rvos_edu.data.refer_youtube_vos_layout import MOVING_SHAPES
from rvos_edu.data.refer_youtube_vos_layout import REFER_YOUTUBE_VOS as REFER_YOUTUBE_VOS
from rvos_edu.data.stored_sides import SPLIT, stored_sides
from rvos_edu.errors import DataError

logger = logging.getLogger(__name__)

_LAYOUTS = (
    *VIDEO_LAYOUTS,
    REF_DAVIS17,
    MEVIS,
    R2_LAYOUT,
    A2D_SENTENCES,
    JHMDB_SENTENCES,
    *IMAGE_LAYOUTS,
)
LAYOUTS = {layout.name: layout for layout in _LAYOUTS}
IMAGES = tuple(layout.name for layout in _LAYOUTS if layout.images)


def dataset_names() -> list[str]:
    """Names that `load` knows."""
    return list(LAYOUTS)


def layout_of(name: str) -> Layout:
    """What a dataset brings.

    Raises:
        DataError: for an unknown name, with the nearest one.
    """
    if name not in LAYOUTS:
        near = difflib.get_close_matches(name, LAYOUTS, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise DataError(f"unknown dataset {name!r}; {hint}Known: {', '.join(LAYOUTS)}")
    return LAYOUTS[name]


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
    skip_bad: bool = False,
) -> ClipDataset:
    """A split of a dataset, as clips with sentences.

    Args:
        name: made on first use: "moving-shapes", and "moving-shapes-images", one frame of each of its videos
            in the layout of RefCOCO. With `root`: "refer-youtube-vos"; "r2-youtube-vos", the videos of that
            folder with sentences that do not describe them (see `load_pairs`); "refcoco", "refcoco+" and
            "refcocog" (see `RefCOCO`), and "refcoco-joint", all three (see `JointRefCOCO`).
        split: train, valid or test; of images as `RefCOCO` has them: train, val, testA, ...
        root: folder of the dataset; Moving Shapes without one lives under RVOS_EDU_HOME.
        level, seed, train_videos: which Moving Shapes; with `root` only `seed` is used, for the pairs of
            "r2-youtube-vos".
        window: frames of a training clip; None: whole videos. Images are clips of one frame.
        transform: applied to every item.
        skip_bad: leave out the videos and sentences that `check` finds faulty (looked for on first use), and
            say how many; `ClipDataset.skipped` is their number.

    Raises:
        DataError: for an unknown name or split, a missing root, a window that the dataset does not have, and
            whatever its class finds.
    """
    layout = layout_of(name)
    folder = dataset_root(name, root, level=level, seed=seed, train_videos=train_videos)
    bad = check_split(name, folder, split).bad if skip_bad else {}
    dataset = layout.open(folder, Ask(split, window, seed, transform, skip=frozenset(bad)))
    dataset.left_out = frozenset(bad)
    if split == SPLIT and (stored := stored_sides(folder)) is not None:
        dataset.notes += (stored.note,)
    if bad:
        first = next(iter(bad.values()))
        logger.warning("%s %s: faulty entries left out: %d; the first: %s", name, split, len(bad), first)
    return dataset


def check_split(name: str, root: Path, split: str, *, anew: bool = False) -> SplitReport:
    """What `check` finds in one split; kept in the index until a folder or text file below `root` changes.

    Args:
        anew: look again in any case.

    Raises:
        DataError: if there is nothing to look at.
    """
    layout = layout_of(name)
    found = kept(
        index_key("check", name, split, tree_stamps(root)),
        lambda: asdict(layout.check(root, split)),
        valid=lambda content: isinstance(content, dict) and content.get("split") == split,
        anew=anew,
    )
    return SplitReport(**found)


def known_truth(name: str, root: str | Path, split: str) -> MovingShapesTruth | None:
    """What is true of which clip of a dataset, None for real ones: nobody has written that down.

    Args:
        root: as `dataset_root` gives it.
    """
    from rvos_edu.data.moving_shapes.refcoco_export import export_truth, is_export

    if name in IMAGES:
        known = name != REFCOCO_JOINT and is_export(root, images_name(name))
        return export_truth(root, images_name(name)) if known else None
    return MovingShapesTruth(root, split) if is_moving_shapes(root) else None


def dataset_root(
    name: str,
    root: str | Path | None = None,
    *,
    level: str = "full",
    seed: int = 0,
    train_videos: int | None = None,
) -> Path:
    """The folder of a dataset; makes Moving Shapes, and its images, if they have no folder yet.

    Several processes may ask at once: one makes the data, the others wait.
    """
    layout_of(name)
    if root is not None:
        return Path(root)
    if name not in (MOVING_SHAPES, MOVING_SHAPES_IMAGES):
        raise DataError(f"{name} is not made by this package: give its folder as root (--root or data.root)")
    check_level(level)
    suffix = "" if train_videos is None else f"-{train_videos}"
    videos = home() / "moving-shapes-v1" / f"level-{level}-seed-{seed}{suffix}"
    images = videos.with_name(videos.name + "-images")
    if not videos.is_dir() and not (name == MOVING_SHAPES_IMAGES and images.is_dir()):
        _make_once(videos, lambda: _make_videos(videos, level, seed, train_videos))
    if name == MOVING_SHAPES:
        return videos
    if not images.is_dir():
        _make_once(images, lambda: _make_images(videos, images))
    return images


def _make_once(folder: Path, make: Callable[[], None]) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(folder.name + ".lock")):
            if not folder.is_dir():
                make()
    except OSError as error:
        raise DataError(f"Moving Shapes cannot be made at {folder}: {error}; set RVOS_EDU_HOME") from error


def _make_videos(folder: Path, level: str, seed: int, train_videos: int | None) -> None:
    from rvos_edu.data.moving_shapes import make

    sizes = {} if train_videos is None else {"train": train_videos}
    make(folder, level=level, seed=seed, **sizes)


def _make_images(videos: Path, images: Path) -> None:
    from rvos_edu.data.moving_shapes.refcoco_export import export_refcoco

    export_refcoco(videos, images)
