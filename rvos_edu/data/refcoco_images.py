"""The images and masks that the tables of RefCOCO, RefCOCO+ and RefCOCOg name."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rvos_edu.data.images import read_frame
from rvos_edu.data.refcoco_records import ReferredImage, SplitTable
from rvos_edu.data.segmentations import decode_segmentation
from rvos_edu.errors import DataError

IMAGE_FOLDERS = ("images/mscoco/images/train2014", "images/train2014", "coco/train2014", "train2014")


def image_folder(root: str | Path) -> Path:
    """The folder that holds the images of COCO train2014.

    Raises:
        DataError: if there is none.
    """
    folder = next((Path(root) / f for f in IMAGE_FOLDERS if (Path(root) / f).is_dir()), None)
    if folder is None:
        raise DataError(
            f"{root} holds no images of COCO train2014; expected one of {', '.join(IMAGE_FOLDERS)}"
        )
    return folder


def missing_images(folder: Path, images: Sequence[ReferredImage]) -> list[Path]:
    """Files that the tables name but that are not in the folder."""
    there = set(os.listdir(folder))
    return [folder / image.file_name for image in images if image.file_name not in there]


def read_image(folder: Path, image: ReferredImage, table: SplitTable) -> np.ndarray:
    """uint8 [H, W, 3].

    Raises:
        DataError: if the file is missing, damaged or of another size than the table says.
    """
    path = folder / image.file_name
    frame = read_frame(path)
    if frame.shape[:2] != image.size:
        raise DataError(
            f"{path} is {frame.shape[0]}x{frame.shape[1]} (height x width), "
            f"{table.source} says {image.size[0]}x{image.size[1]}"
        )
    return frame


def object_mask(table: SplitTable, image: ReferredImage, annotation: int) -> np.ndarray:
    """bool [H, W].

    Raises:
        DataError: if the segmentation is damaged, empty or of another size.
    """
    segmentation = json.loads(table.segmentations[annotation])
    return decode_segmentation(segmentation, image.size, where=f"{table.source}: annotation {annotation}")
