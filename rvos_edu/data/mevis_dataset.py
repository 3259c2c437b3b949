"""MeViS (Ding et al., ICCV 2023): motion expressions, some of them about several objects.

root/<split>/JPEGImages/<video>/<frame>.jpg, every frame; root/<split>/meta_expressions.json; masks of train
and valid_u in root/<split>/mask_dict.json (see `mevis_masks.py`), those of valid are not public.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rvos_edu.data.dataset import ClipDataset, ClipKey, Transformation, read_clip
from rvos_edu.data.mevis_masks import MaskDictionary
from rvos_edu.data.refer_youtube_vos import (
    ExpressionRecord,
    VideoRecord,
    missing_files,
    read_records,
    read_videos,
)
from rvos_edu.data.windows import window_indices, window_starts
from rvos_edu.errors import DataError, SplitError
from rvos_edu.structures import Target, VideoSample

SPLITS = ("train", "valid_u", "valid")
MASKED = ("train", "valid_u")
SHORTEST = 2  # frames of a training video


def sentences_file(root: str | Path, split: str) -> Path:
    """Where the sentences of a split are stored."""
    return Path(root) / split / "meta_expressions.json"


def masks_file(root: str | Path, split: str) -> Path:
    """Where the masks of a split are stored, if they are public."""
    return Path(root) / split / "mask_dict.json"


@dataclass(frozen=True)
class MevisSplit:
    """What the JSON of a split says.

    Args:
        records: videos by id; no sentence has an object id.
        referred: ids of the annotations that a sentence is about, by (video, sentence); None: not public.
    """

    records: list[VideoRecord]
    referred: dict[tuple[str, str], tuple[int, ...] | None]

    def annotations(self, record: VideoRecord) -> list[int]:
        """All annotations that sentences of a video are about, ascending."""
        return sorted({a for e in record.expressions for a in self.referred[record.video, e.id] or ()})


def read_mevis(
    root: str | Path, split: str, *, skip: frozenset[str] = frozenset(), bad: dict[str, str] | None = None
) -> MevisSplit:
    """The videos and sentences of a split.

    Args:
        skip, bad: as for `refer_youtube_vos.read_split`.

    Raises:
        DataError: if the split or its JSON is missing or damaged.
    """
    root = Path(root)
    if not root.is_dir():
        raise DataError(f"the dataset folder {root} does not exist; expected <split>/JPEGImages in it")
    if split not in SPLITS or not (root / split).is_dir():
        raise SplitError(f"unknown split {split!r} of {root}; expected one of {', '.join(SPLITS)}")
    path = sentences_file(root, split)
    videos = read_videos(path)
    plain = {video: _without_objects(about) for video, about in videos.items()}
    records = read_records(path, plain, skip=skip, bad=bad)
    referred: dict[tuple[str, str], tuple[int, ...] | None] = {}
    kept = []
    for record in records:
        sentences = []
        for sentence in record.expressions:
            about = videos[record.video]["expressions"][sentence.id]
            where = f"{path}: expression {sentence.id} of video {record.video!r}"
            try:
                referred[record.video, sentence.id] = _annotation_ids(where, about, split)
            except DataError as error:
                if bad is None:
                    raise
                bad[f"{record.video}/{sentence.id}"] = str(error)
            else:
                sentences.append(sentence)
        kept.append(VideoRecord(record.video, record.frames, tuple(sentences)))
    if not kept and bad is None:
        raise DataError(f"{path} leaves no videos for the split {split!r}")
    return MevisSplit(kept, referred)


def _without_objects(about: Any) -> Any:
    """A video's entry without what Refer-YouTube-VOS writes differently."""
    if not isinstance(about, dict) or not isinstance(about.get("expressions"), dict):
        return about
    sentences = {
        key: {"exp": sentence.get("exp")} if isinstance(sentence, dict) else sentence
        for key, sentence in about["expressions"].items()
    }
    return {**about, "expressions": sentences}


def _annotation_ids(where: str, about: dict[str, Any], split: str) -> tuple[int, ...] | None:
    found = about.get("anno_id")
    if found is None and split not in MASKED:
        return None
    numbers = isinstance(found, list) and all(isinstance(a, int) and not isinstance(a, bool) for a in found)
    if not numbers or not found:
        raise DataError(f"{where} has the anno_id {found!r}, expected a list of one number or more")
    if len(set(found)) < len(found):
        raise DataError(f"{where} lists an annotation twice: {found!r}")
    return tuple(sorted(found))


class Mevis(ClipDataset):
    """One item per (clip, sentence); windows as in `VideoDataset`.

    The referred instance of a target is the union of what the sentence is about; the others are the other
    annotations of the video that the clip shows. Masks are decoded for the frames of a clip only.

    Args:
        root: folder of the dataset.
        split: train, valid_u or valid; without public masks there are no targets.
        window: frames of a clip; None: whole videos. With one, videos of a single frame are left out.
        transform: as in `ClipDataset`.
        skip: videos and "video/expression" that are left out unread.

    Raises:
        DataError: if anything is missing or inconsistent; damaged images and masks when they are read.
    """

    def __init__(
        self,
        root: str | Path,
        *,
        split: str,
        window: int | None = None,
        transform: Transformation | None = None,
        skip: frozenset[str] = frozenset(),
    ) -> None:
        self.root, self.split, self.window = Path(root), split, window
        self._found = read_mevis(root, split, skip=skip)
        if missing := missing_files(root, split, self._found.records):
            raise DataError(
                f"{missing[0]} is missing, though {sentences_file(root, split)} names it "
                f"({len(missing)} files in all)"
            )
        public = split in MASKED
        if window is not None and not public:
            raise DataError(f"the masks of the split {split!r} are not public: only whole videos can be read")
        self._masks = MaskDictionary(masks_file(root, split)) if public else None
        if self._masks is not None:
            for record in self._found.records:
                for annotation in self.annotations(record):
                    if fault := self._masks.fault(annotation, len(record.frames)):
                        raise DataError(fault)
        self._records = {record.video: record for record in self._found.records}
        clips = self._clips()
        if not clips:
            raise DataError(f"no clip of the split {split!r} of {root} shows a referred object")
        self._sentences = [sentences for _, sentences in clips]
        super().__init__(
            root,
            split=split,
            clips=[key for key, _ in clips],
            sentences=[len(sentences) for sentences in self._sentences],
            transform=transform,
        )

    @property
    def records(self) -> list[VideoRecord]:
        """The videos of the split, by id."""
        return list(self._records.values())

    def annotations(self, record: VideoRecord) -> list[int]:
        """All annotations that sentences of a video are about, ascending."""
        return self._found.annotations(record)

    def _clips(self) -> list[tuple[ClipKey, list[ExpressionRecord]]]:
        if self.window is None or self._masks is None:
            return [(ClipKey(r.video, 0), list(r.expressions)) for r in self.records if r.expressions]
        found = []
        for record in self.records:
            if len(record.frames) < SHORTEST:
                continue
            visible = {a: self._masks.visible(a) for a in self.annotations(record)}
            for start in window_starts(len(record.frames), self.window):
                indices = list(window_indices(start, len(record.frames), self.window))
                seen = {a for a, frames in visible.items() if frames[indices].any()}
                kept = [e for e in record.expressions if seen & set(self._referred(record, e))]
                if kept:
                    found.append((ClipKey(record.video, start), kept))
        return found

    def _referred(self, record: VideoRecord, sentence: ExpressionRecord) -> tuple[int, ...]:
        return self._found.referred[record.video, sentence.id] or ()

    def load_places(self, clip: int, places: Sequence[int]) -> list[VideoSample]:
        key, sentences = self.clips[clip], [self._sentences[clip][i] for i in places]
        record = self._records[key.video]
        indices = window_indices(key.start, len(record.frames), self.window)
        names = [record.frames[i] for i in indices]
        frames = read_clip(self.root / self.split / "JPEGImages" / key.video, names)
        size = (int(frames.shape[-2]), int(frames.shape[-1]))
        targets = self._targets(record, sentences, indices, size)
        return [
            VideoSample(
                frames=frames,
                expression=sentence.text,
                target=target,
                annotated=tuple(range(len(names))),
                video=key.video,
                expression_id=sentence.id,
                frame_names=tuple(names),
                original_size=size,
                raw_expression=sentence.raw,
            )
            for sentence, target in zip(sentences, targets, strict=True)
        ]

    def _targets(
        self,
        record: VideoRecord,
        sentences: list[ExpressionRecord],
        indices: Sequence[int],
        size: tuple[int, int],
    ) -> list[Target | None]:
        """Targets that share masks where sentences are about the same objects."""
        if self._masks is None:
            return [None] * len(sentences)
        known = self.annotations(record)
        masks = {a: self._masks.read(a, indices, size) for a in known}
        seen = [a for a in known if masks[a].any()]
        stacks: dict[tuple[int, ...], Tensor] = {}  # by the annotations of its instances
        found: dict[tuple[int, ...], Target] = {}
        for wanted in {self._referred(record, sentence) for sentence in sentences}:
            if len(wanted) == 1:
                instances = tuple(sorted({*seen, *wanted}))
                if instances not in stacks:
                    stacks[instances] = torch.from_numpy(np.stack([masks[a] for a in instances]))
                found[wanted] = Target(stacks[instances], instances.index(wanted[0]))
            else:
                union = np.logical_or.reduce([masks[a] for a in wanted])
                others = [masks[a] for a in seen if a not in wanted]
                found[wanted] = Target(torch.from_numpy(np.stack([union, *others])), 0)
        return [found[self._referred(record, sentence)] for sentence in sentences]
