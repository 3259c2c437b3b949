"""Windows around single annotated frames: clips of A2D-Sentences and JHMDB-Sentences (MTTR, section 4)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from rvos_edu.data.dataset import ClipDataset, ClipKey, Transformation
from rvos_edu.data.windows import centre_indices
from rvos_edu.errors import DataError
from rvos_edu.structures import Target, VideoSample


@dataclass(frozen=True)
class InstanceSentence:
    """One sentence: its id within the video, the instance it refers to, and its words as in VideoSample."""

    id: str
    instance: int
    raw: str
    text: str


@dataclass(frozen=True)
class AnnotatedFrame:
    """One frame with masks, by its number in the video from 1 on, and the sentences about its instances."""

    video: str
    number: int
    sentences: tuple[InstanceSentence, ...]


@dataclass(frozen=True)
class InstanceMasks:
    """The instances of one frame: ids [I] and their masks bool [I, H, W], read from `path`."""

    path: Path
    ids: tuple[int, ...]
    masks: np.ndarray


class CentreWindows(ClipDataset):
    """One clip per annotated frame, which has place window // 2; where the video ends, edge frames repeat.

    A target holds all instances of the frame by ascending id; the other frames of the window have none.

    Args:
        root: folder of the dataset.
        name: of the dataset, for messages.
        split: name of the split.
        window: frames of a clip.
        frames: the annotated frames, each with one sentence or more.
        transform: as in `ClipDataset`.

    Raises:
        DataError: if there is no window or no annotated frame; damaged files, masks of another size than
            their frame, and masks without an instance that they had, when they are read.
    """

    def __init__(
        self,
        root: Path,
        *,
        name: str,
        split: str,
        window: int | None,
        frames: Sequence[AnnotatedFrame],
        transform: Transformation | None,
    ) -> None:
        if window is None or window < 1:
            raise DataError(
                f"{name} has single annotated frames: its clips need a window of frames around them "
                f"(window=8, or data.window; evaluation takes the model's), got {window}"
            )
        if not frames:
            raise DataError(f"no sentence of the split {split!r} of {root} is about an annotated frame")
        self.window, self.annotated_frames = window, list(frames)
        super().__init__(
            root,
            split=split,
            clips=[ClipKey(frame.video, frame.number - 1 - window // 2) for frame in frames],
            sentences=[len(frame.sentences) for frame in frames],
            transform=transform,
        )

    @abstractmethod
    def image_id(self, video: str, number: int, sentence: str) -> str:
        """What the published ground truth calls a frame together with a sentence about it.

        Args:
            video, sentence: ids.
            number: of the frame, from 1.
        """

    @abstractmethod
    def frame_count(self, video: str) -> int:
        """Frames of a video that windows may show."""

    @abstractmethod
    def read_frames(self, video: str, indices: Sequence[int]) -> np.ndarray:
        """Frames uint8 [T, H, W, 3] of a video, numbered from 0."""

    @abstractmethod
    def read_masks(self, video: str, number: int) -> InstanceMasks:
        """The instances of an annotated frame, numbered from 1, by ascending id."""

    def image_of(self, sample: VideoSample) -> str:
        """`image_id` of an item."""
        return self.image_id(sample.video, int(sample.frame_names[self.window // 2]), sample.expression_id)

    def load_places(self, clip: int, places: Sequence[int]) -> list[VideoSample]:
        about = self.annotated_frames[clip]
        count = self.frame_count(about.video)
        indices = centre_indices(about.number - 1, count, self.window)
        frames = self.read_frames(about.video, indices)
        found = self.read_masks(about.video, about.number)
        size = (int(frames.shape[1]), int(frames.shape[2]))
        check_frame(found, about, count=count, size=size)
        said = [about.sentences[place] for place in places]
        check_instances(found, [sentence.instance for sentence in said])
        pixels = torch.from_numpy(np.ascontiguousarray(frames.transpose(0, 3, 1, 2)))
        masks = torch.from_numpy(found.masks)[:, None]  # [I, 1, H, W]
        return [
            VideoSample(
                frames=pixels,
                expression=sentence.text,
                target=Target(masks, found.ids.index(sentence.instance)),
                annotated=(self.window // 2,),
                video=about.video,
                expression_id=sentence.id,
                frame_names=tuple(f"{index + 1:05d}" for index in indices),
                original_size=size,
                raw_expression=sentence.raw,
            )
            for sentence in said
        ]


def check_frame(found: InstanceMasks, frame: AnnotatedFrame, *, count: int, size: tuple[int, int]) -> None:
    """Raise DataError unless masks belong to one of the `count` frames of a video and have its (H, W)."""
    if frame.number > count:
        raise DataError(f"{found.path} is of frame {frame.number}, the video {frame.video} has {count}")
    height, width = found.masks.shape[1:]
    if (height, width) != size:
        raise DataError(
            f"{found.path} holds masks of {height}x{width} (height x width), frame {frame.number} of the "
            f"video {frame.video} is {size[0]}x{size[1]}"
        )


def check_instances(found: InstanceMasks, instances: Sequence[int]) -> None:
    """Raise DataError unless masks hold these instances; masks of A2D-Sentences held them when indexed."""
    if lost := [instance for instance in instances if instance not in found.ids]:
        raise DataError(
            f"{found.path} has no mask of instance {lost[0]}, it holds {list(found.ids)}; it held that one "
            "when it was last indexed: `rvos-edu data check` looks at changed files anew"
        )
