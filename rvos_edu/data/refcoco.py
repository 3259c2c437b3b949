"""RefCOCO, RefCOCO+ (Yu et al., ECCV 2016) and RefCOCOg (Mao et al., CVPR 2016) on disk.

root/<name>/instances.json is COCO; root/<name>/refs(<by>).p lists the referred objects, their sentences and
splits, by the division "unc" (RefCOCO, RefCOCO+), "umd" (RefCOCOg) or "google" (RefCOCO, RefCOCOg).
The images are those of COCO train2014. Without the refs, the form of `refcoco_json` is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rvos_edu.data.dataset import ClipDataset, ClipKey, Transformation
from rvos_edu.data.refcoco_images import image_folder, missing_images, object_mask, read_image
from rvos_edu.data.refcoco_index import kept_table
from rvos_edu.data.refcoco_records import ReferredImage
from rvos_edu.errors import DataError
from rvos_edu.structures import Target, VideoSample


class RefCOCO(ClipDataset):
    """One item per (image, sentence), as clips of one frame; the clip of an image holds all its sentences.

    A target's instances are the objects of the image that the split refers to, by id. `video` of an item is
    the id of the image, `expression_id` that of the sentence.

    Args:
        root: the folder that holds `refcoco`, `refcoco+`, `refcocog` and the images.
        name: which of the three.
        split: train, val, testA, testB (RefCOCOg: test); "google-train", ... for Google's division.
        transform: as in `ClipDataset`.
        skip: what is left out, by the keys of `refcoco_records`.

    Raises:
        DataError: if a file is missing, damaged or unsafe to read, an id or a split is unknown, or a sentence
            is empty; damaged images, and masks of another size, when they are read.
    """

    def __init__(
        self,
        root: str | Path,
        *,
        name: str,
        split: str,
        transform: Transformation | None = None,
        skip: frozenset[str] = frozenset(),
    ) -> None:
        self._table = kept_table(root, name, split, skip=skip)
        images = self._table.images
        self._folder = image_folder(root)
        if missing := missing_images(self._folder, images):
            raise DataError(f"{missing[0]} is missing ({len(missing)} of {len(images)} images in all)")
        super().__init__(
            root,
            split=split,
            clips=[ClipKey(str(image.id), 0) for image in images],
            sentences=[len(image.sentences) for image in images],
            transform=transform,
        )

    @property
    def images(self) -> list[ReferredImage]:
        """The images of the split, by id."""
        return list(self._table.images)

    def load_places(self, clip: int, places: Sequence[int]) -> list[VideoSample]:
        image = self._table.images[clip]
        frame = read_image(self._folder, image, self._table)
        frames = torch.from_numpy(np.ascontiguousarray(frame.transpose(2, 0, 1)))[None]  # [1, 3, H, W]
        masks = self._masks(image)
        sentences = [image.sentences[place] for place in places]
        return [
            VideoSample(
                frames=frames,
                expression=sentence.text,
                target=Target(masks, image.annotations.index(sentence.annotation)),
                annotated=(0,),
                video=str(image.id),
                expression_id=sentence.id,
                frame_names=(Path(image.file_name).stem,),
                original_size=image.size,
                raw_expression=sentence.raw,
            )
            for sentence in sentences
        ]

    def _masks(self, image: ReferredImage) -> Tensor:
        """bool [I, 1, H, W]."""
        masks = [object_mask(self._table, image, annotation) for annotation in image.annotations]
        return torch.from_numpy(np.stack(masks)[:, None])
