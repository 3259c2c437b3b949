"""RefCOCO, RefCOCO+, RefCOCOg, the three together, and frames of Moving Shapes in their layout, by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from rvos_edu.data.dataset import ClipDataset
from rvos_edu.data.layout import Ask, Layout, Source
from rvos_edu.data.moving_shapes.refcoco_export import export_refcoco
from rvos_edu.data.refcoco import RefCOCO
from rvos_edu.data.refcoco_check import check_images, check_joint
from rvos_edu.data.refcoco_joint import JointRefCOCO
from rvos_edu.errors import DataError

MOVING_SHAPES_IMAGES = "moving-shapes-images"
REFCOCO_JOINT = "refcoco-joint"
SOURCES = (
    Source("images", "cocodataset.org: train2014.zip", "CC BY 4.0 (annotations)"),
    Source(
        "sentences",
        "github.com/lichengunc/refer: refcoco.zip, refcoco+.zip, refcocog.zip (host gone: mirrors only)",
        "see repository",
    ),
)
# Yu et al., ECCV 2016, and Mao et al., CVPR 2016 (the division of Nagaraja et al., ECCV 2016)
_COUNTS = {
    "refcoco": {
        "train": (16994, 42404, 120624),
        "val": (1500, 3811, 10834),
        "testA": (750, 1975, 5657),
        "testB": (750, 1810, 5095),
    },
    "refcoco+": {
        "train": (16992, 42278, 120191),
        "val": (1500, 3805, 10758),
        "testA": (750, 1975, 5726),
        "testB": (750, 1798, 4889),
    },
    "refcocog": {
        "train": (21899, 42226, 80512),
        "val": (1300, 2573, 4896),
        "test": (2600, 5023, 9602),
    },
}
_GOOGLE = {
    "refcoco": ("google-train", "google-val", "google-test"),
    "refcoco+": (),
    "refcocog": ("google-train", "google-val"),
}


def images_name(name: str) -> str:
    """The dataset whose layout `name` has: frames of Moving Shapes have that of RefCOCO."""
    return "refcoco" if name == MOVING_SHAPES_IMAGES else name


def open_images(name: str, root: Path, ask: Ask) -> ClipDataset:
    """A split, as it is asked for.

    Raises:
        DataError: as `RefCOCO`; for a window of several frames.
    """
    if ask.window not in (None, 1):
        raise DataError(f"{name} has images: the window must be 1 frame, got {ask.window}")
    if name == REFCOCO_JOINT:
        return JointRefCOCO(root, split=ask.split, transform=ask.transform, skip=ask.skip)
    return RefCOCO(root, name=images_name(name), split=ask.split, transform=ask.transform, skip=ask.skip)


def _layout(name: str, title: str) -> Layout:
    counts = _COUNTS[name]
    return Layout(
        name,
        title,
        (*counts, *_GOOGLE[name]),
        partial(open_images, name),
        partial(check_images, name),
        make=export_refcoco,
        expected={split: _expected(*numbers) for split, numbers in counts.items()},
        images=True,
        sources=SOURCES,
    )


def _expected(images: int, refs: int, expressions: int) -> Mapping[str, int]:
    return {"videos": images, "refs": refs, "expressions": expressions}


_SHAPES = Layout(
    MOVING_SHAPES_IMAGES,
    "frames of Moving Shapes",
    ("train", "val", "testA", "testB"),
    partial(open_images, MOVING_SHAPES_IMAGES),
    partial(check_images, "refcoco"),
    make=export_refcoco,
    images=True,
)
_JOINT = Layout(
    REFCOCO_JOINT,
    "RefCOCO, RefCOCO+ and RefCOCOg",
    ("train", "val"),
    partial(open_images, REFCOCO_JOINT),
    check_joint,
    make=export_refcoco,
    images=True,
    sources=SOURCES,
)
LAYOUTS = (
    _SHAPES,
    _layout("refcoco", "RefCOCO"),
    _layout("refcoco+", "RefCOCO+"),
    _layout("refcocog", "RefCOCOg"),
    _JOINT,
)
