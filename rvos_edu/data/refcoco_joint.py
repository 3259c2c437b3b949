"""RefCOCO, RefCOCO+ and RefCOCOg together, as R2-VOS is pre-trained (supplement, section C)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rvos_edu.data.dataset import ClipDataset, Transformation
from rvos_edu.data.refcoco import RefCOCO
from rvos_edu.data.refcoco_index import referred_images
from rvos_edu.data.refcoco_records import REFERENCES
from rvos_edu.structures import VideoSample


class JointRefCOCO(ClipDataset):
    """The three training splits without any image that a valid or test split of the three uses.

    The datasets share images of COCO: what one trains on, another tests on. An image that several datasets
    refer to makes a clip for each, with the same id of the video.

    Args:
        root: as for `RefCOCO`, with all three datasets.
        split: train; any other split is that of RefCOCO alone, which chooses the checkpoint.
        transform: as in `ClipDataset`.
        skip: what is left out: name of the dataset, colon, a key of `refcoco_records`.

    Attributes:
        dropped: number of clips left out of the training split.

    Raises:
        DataError: as `RefCOCO`.
    """

    def __init__(
        self,
        root: str | Path,
        *,
        split: str,
        transform: Transformation | None = None,
        skip: frozenset[str] = frozenset(),
    ) -> None:
        names = joint_names(split)
        self._parts = [
            RefCOCO(
                root,
                name=name,
                split=split,
                skip=frozenset(key.removeprefix(f"{name}:") for key in skip if key.startswith(f"{name}:")),
            )
            for name in names
        ]
        held_out: set[int] = set()
        if split == "train":
            held_out = held_out.union(*(referred_images(root, name, without=split) for name in names))
        every = [(part, i, image) for part in self._parts for i, image in enumerate(part.images)]
        kept = [(part, i, image) for part, i, image in every if image.id not in held_out]
        self.dropped = len(every) - len(kept)
        self._origin = [(part, i) for part, i, _ in kept]
        super().__init__(
            root,
            split=split,
            clips=[part.clips[i] for part, i, _ in kept],
            sentences=[len(image.sentences) for _, _, image in kept],
            transform=transform,
        )

    def load_places(self, clip: int, places: Sequence[int]) -> list[VideoSample]:
        part, index = self._origin[clip]
        return part.load_places(index, places)


def joint_names(split: str) -> tuple[str, ...]:
    """Which of the three a split is made of."""
    return tuple(REFERENCES) if split == "train" else ("refcoco",)
