"""The truth of A2D- and JHMDB-Sentences as a COCO file, as their published evaluation reads it."""

from __future__ import annotations

from typing import Any

import numpy as np
from pycocotools import mask as coco
from tqdm.auto import tqdm

from rvos_edu.data.centre_windows import CentreWindows


def coco_ground_truth(dataset: CentreWindows) -> dict[str, Any]:
    """One image and one annotation per item, ready for JSON; no video is decoded.

    Images are called `v_{video}_f_{frame}_i_{instance}` (A2D-Sentences) or `v_{video}_f_{frame}`
    (JHMDB-Sentences), frames counted from 1. Predictions for it are a list of {"image_id", "category_id": 1,
    "segmentation": run lengths, "score"}, any number per image; pycocotools scores them with `useCats = 0`.

    Raises:
        DataError: if masks are missing or damaged.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for frame in tqdm(dataset.annotated_frames, desc="Truth of frames", unit="frame", delay=2.0):
        found = dataset.read_masks(frame.video, frame.number)
        height, width = found.masks.shape[1:]
        for sentence in frame.sentences:
            mask = found.masks[found.ids.index(sentence.instance)]
            runs = coco.encode(np.asfortranarray(mask, np.uint8))
            name = dataset.image_id(frame.video, frame.number, sentence.id)
            images.append({"id": name, "height": height, "width": width})
            annotations.append(
                {
                    "id": len(annotations) + 1,  # from 1 on: pycocotools takes 0 for "no match"
                    "image_id": name,
                    "category_id": 1,
                    "segmentation": {"size": [height, width], "counts": runs["counts"].decode("ascii")},
                    "area": float(coco.area(runs)),
                    "bbox": coco.toBbox(runs).tolist(),
                    "iscrowd": 0,
                }
            )
    return {
        "categories": [{"id": 1, "name": "dummy_class"}],
        "images": images,
        "annotations": annotations,
    }
