"""Clips and sentences of a dataset in the layout of `refer_youtube_vos.py`."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from rvos_edu.data.images import read_frame, read_mask
from rvos_edu.data.presence import object_presence
from rvos_edu.data.refer_youtube_vos import (
    ExpressionRecord,
    VideoRecord,
    expressions_file,
    missing_files,
    missing_message,
    read_split,
)
from rvos_edu.data.windows import window_indices, window_starts
from rvos_edu.errors import DataError
from rvos_edu.structures import Target, VideoSample

Transformation = Callable[[VideoSample, random.Random], VideoSample]


@dataclass(frozen=True)
class ClipKey:
    """A window of a video: its id and the index of the first frame."""

    video: str
    start: int


class ClipDataset(Dataset[VideoSample], ABC):
    """One item per (clip, sentence); the items about a clip stand together and share its frames.

    Args:
        root: folder of the dataset.
        split: name of the split.
        clips: window or image that each clip shows.
        sentences: number of sentences about each clip, >= 1.
        transform: applied to an item with a generator drawn from torch's seed; not to `load_clip`.

    Attributes:
        left_out: keys of the faulty entries that were left out, as `SplitReport.bad` has them.
        notes: what sets the items apart from those that published figures are of; empty: nothing known.
    """

    left_out: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    def __init__(
        self,
        root: str | Path,
        *,
        split: str,
        clips: Sequence[ClipKey],
        sentences: Sequence[int],
        transform: Transformation | None = None,
    ) -> None:
        self.root, self.split = Path(root), split
        self.clips, self.transform = list(clips), transform
        self._items = [(clip, place) for clip, count in enumerate(sentences) for place in range(count)]
        self._of_clip: list[list[int]] = [[] for _ in self.clips]
        for index, (clip, _) in enumerate(self._items):
            self._of_clip[clip].append(index)

    @property
    def skipped(self) -> int:
        """Number of faulty entries that were left out."""
        return len(self.left_out)

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> VideoSample:
        clip, place = self._items[index]
        sample = self.load_places(clip, [place])[0]
        if self.transform is None:
            return sample
        return self.transform(sample, random.Random(int(torch.randint(2**62, ()))))

    def samples_of(self, clip: int) -> list[int]:
        """Indices of the items about clip number `clip`."""
        return list(self._of_clip[clip])

    def load_clip(self, clip: int) -> list[VideoSample]:
        """All items about clip number `clip`, untransformed; images are decoded once and shared."""
        return self.load_places(clip, range(len(self._of_clip[clip])))

    @abstractmethod
    def load_places(self, clip: int, places: Sequence[int]) -> list[VideoSample]:
        """The items about a clip at some places of its list of sentences, untransformed."""


class VideoDataset(ClipDataset):
    """One item per (clip, sentence). Frames and masks are read when an item is asked for.

    With a window, a sentence whose object is in none of the window's masks gives no item there, and a
    window without items is left out (MTTR's training clips). Without one the whole video is the clip and
    every sentence gives an item, also where its object never shows. All frames of a clip are annotated.
    Sentences without public masks have no target.

    Args:
        root: folder of the dataset.
        split: train, valid or test.
        window: frames of a clip; None: whole videos.
        transform: applied to an item with a generator drawn from torch's seed; not to `load_clip`.
        records: videos and sentences; default: all of the split.
        skip: what of the split is left out, as in `read_split`.
        void: value of mask pixels that are no object and not scored; background to the models.

    Raises:
        DataError: if anything is missing or inconsistent; damaged images when they are read.
    """

    def __init__(
        self,
        root: str | Path,
        *,
        split: str,
        window: int | None = None,
        transform: Transformation | None = None,
        records: list[VideoRecord] | None = None,
        skip: frozenset[str] = frozenset(),
        void: int | None = None,
    ) -> None:
        self.root, self.split, self.window, self.void = Path(root), split, window, void
        records = read_split(root, split, skip=skip) if records is None else records
        if missing := missing_files(root, split, records):
            raise DataError(missing_message(root, split, missing))
        self._records = {record.video: record for record in records}
        self._has_masks = (self.root / split / "Annotations").is_dir()
        windows = self._windows(records)
        self._expressions = [expressions for _, expressions in windows]
        super().__init__(
            root,
            split=split,
            clips=[key for key, _ in windows],
            sentences=[len(e) for e in self._expressions],
            transform=transform,
        )

    @property
    def records(self) -> list[VideoRecord]:
        """The videos of the split, sorted by id."""
        return list(self._records.values())

    @property
    def category_counts(self) -> dict[str, int]:
        """Number of items per category of sentence; empty where categories are unknown."""
        found = (e.category for expressions in self._expressions for e in expressions)
        return dict(Counter(category for category in found if category is not None))

    def _windows(self, records: list[VideoRecord]) -> list[tuple[ClipKey, list[ExpressionRecord]]]:
        if self.window is None:
            return [(ClipKey(r.video, 0), list(r.expressions)) for r in records if r.expressions]
        if not self._has_masks:
            raise DataError(
                f"{self.root / self.split / 'Annotations'} is missing: training windows need masks. "
                "Without masks only whole videos can be read (window=None)"
            )
        for record in records:
            if nameless := [e.id for e in record.expressions if e.object_id is None]:
                raise DataError(no_object(self.root, self.split, f"{record.video}/{nameless[0]}"))
        presence = object_presence(
            self.root / self.split, [r for r in records if _annotated(r)], void=self.void
        )
        found = []
        for record in records:
            for start in window_starts(len(record.frames), self.window):
                indices = window_indices(start, len(record.frames), self.window)
                objects = presence.get(record.video, [[]] * len(record.frames))
                seen = {o for i in indices for o in objects[i]}
                kept = [e for e in record.expressions if e.object_id in seen]
                if kept:
                    found.append((ClipKey(record.video, start), kept))
        if not found:
            raise DataError(f"no window of the split {self.split!r} of {self.root} shows a referred object")
        return found

    def load_places(self, clip: int, places: Sequence[int]) -> list[VideoSample]:
        key, expressions = self.clips[clip], [self._expressions[clip][i] for i in places]
        record = self._records[key.video]
        indices = window_indices(key.start, len(record.frames), self.window)
        names = [record.frames[i] for i in indices]
        frames = read_clip(self.root / self.split / "JPEGImages" / key.video, names)
        size = (int(frames.shape[-2]), int(frames.shape[-1]))
        masked = self._has_masks and any(e.object_id is not None for e in expressions)
        ids = self._ids(key.video, names, size) if masked else None
        targets = _targets(ids, [e.object_id for e in expressions], void=self.void)
        return [
            VideoSample(
                frames=frames,
                expression=e.text,
                target=target,
                annotated=tuple(range(len(names))),
                video=key.video,
                expression_id=e.id,
                frame_names=tuple(names),
                original_size=size,
                category=e.category,
                candidates=e.candidates,
                raw_expression=e.raw,
            )
            for e, target in zip(expressions, targets, strict=True)
        ]

    def _ids(self, video: str, names: list[str], size: tuple[int, int]) -> np.ndarray:
        folder = self.root / self.split / "Annotations" / video
        ids = np.empty((len(names), *size), np.uint8)
        for i, name in enumerate(names):
            ids[i] = ids[i - 1] if i and name == names[i - 1] else read_mask(folder / f"{name}.png", size)
        return ids


def read_clip(folder: Path, names: Sequence[str]) -> Tensor:
    """uint8 [T, 3, H, W] from <folder>/<name>.jpg; a name that follows itself is read once.

    Raises:
        DataError: if a frame is missing, damaged or of another size.
    """
    clip: np.ndarray | None = None
    for i, name in enumerate(names):
        if clip is not None and name == names[i - 1]:  # padding repeats the last frame
            clip[i] = clip[i - 1]
            continue
        frame = read_frame(folder / f"{name}.jpg")
        if clip is None:
            clip = np.empty((len(names), 3, *frame.shape[:2]), np.uint8)
        if frame.shape[:2] != clip.shape[2:]:
            raise DataError(
                f"{folder / name}.jpg is {frame.shape[0]}x{frame.shape[1]} (height x width), "
                f"{names[0]}.jpg of the same video is {clip.shape[2]}x{clip.shape[3]}"
            )
        clip[i] = frame.transpose(2, 0, 1)
    assert clip is not None
    return torch.from_numpy(clip)


def no_object(root: Path, split: str, key: str) -> str:
    """What is wrong with a sentence, "video/expression", that training windows cannot use."""
    return f"{expressions_file(root, split)}: expression {key} names no object (obj_id)"


def _annotated(record: VideoRecord) -> bool:
    return any(e.object_id is not None for e in record.expressions)


def _targets(ids: np.ndarray | None, objects: list[int | None], *, void: int | None) -> list[Target | None]:
    """Masks of all instances in the clip by sorted id, shared by the sentences; ids uint8 [T, H, W]."""
    if ids is None:
        return [None] * len(objects)
    counts = Image.fromarray(ids.reshape(-1, ids.shape[-1])).histogram()  # faster than np.bincount
    seen = [value for value in range(1, 256) if counts[value] and value != void]
    shared: dict[tuple[int, ...], Tensor] = {}
    targets: list[Target | None] = []
    for wanted in objects:
        if wanted is None:
            targets.append(None)
            continue
        instances = tuple(sorted({*seen, wanted}))
        if instances not in shared:
            numbers = np.array(instances, np.uint8).reshape(-1, 1, 1, 1)
            shared[instances] = torch.from_numpy(ids[None] == numbers)
        targets.append(Target(shared[instances], instances.index(wanted)))
    return targets
