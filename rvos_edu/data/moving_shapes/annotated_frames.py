"""Sentences that are true of single frames of Moving Shapes: A2D- and JHMDB-Sentences are made of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rvos_edu.data.images import read_frame, read_mask
from rvos_edu.data.moving_shapes.language import Facts, Predicate, fits
from rvos_edu.data.moving_shapes.truth import MovingShapesTruth, check_moving_shapes
from rvos_edu.data.refer_youtube_vos import VideoRecord, expressions_file, read_split
from rvos_edu.errors import DataError
from rvos_edu.files import atomic_dir


@dataclass(frozen=True)
class ShapesVideo:
    """One video of Moving Shapes.

    Args:
        frames: uint8 [T, H, W, 3].
        ids: uint8 [T, H, W], 0 = background.
        sentences: (object, its meaning, its words), in the order of the file.
    """

    name: str
    frames: np.ndarray
    ids: np.ndarray
    facts: list[Facts]
    sentences: list[tuple[int, tuple[Predicate, ...], str]]

    def shows(self, identity: int) -> list[int]:
        """The frames that an object is seen in."""
        return [int(t) for t in np.flatnonzero((self.ids == identity).any((1, 2)))]

    def sentence(self, identity: int, times: Sequence[int]) -> str | None:
        """Words that single out an object in all of the frames `times` that show it; None if there are none.

        Motion and late entry are those of the whole video, which an annotated frame comes with; places are
        compared within the frame. Which of several is chosen depends on the video alone.
        """
        seen = [self._seen(t) for t in times]
        own = [facts for facts in seen if any(f.identity == identity for f in facts)]
        true = [
            words
            for wanted, predicates, words in self.sentences
            if wanted == identity and all(_only(facts, predicates, identity) for facts in own)
        ]
        if not own or not true:
            return None
        rng = np.random.default_rng([identity, *self.name.encode()])
        return true[int(rng.integers(len(true)))]

    def _seen(self, time: int) -> list[Facts]:
        """The objects in one frame, at their place in it."""
        height, width = self.ids.shape[1:]
        seen = []
        for fact in self.facts:
            if (self.ids[time] == fact.identity).any():
                y, x = np.argwhere(self.ids[time] == fact.identity).mean(0) + 0.5
                seen.append(replace(fact, place=(float(x) / width, float(y) / height)))
        return seen


def _only(facts: list[Facts], predicates: tuple[Predicate, ...], identity: int) -> bool:
    return [fact.identity for fact in fits(facts, predicates)] == [identity]


def read_shapes(source: Path, split: str) -> Iterator[ShapesVideo]:
    """The videos of a split by name; none if there is no such split.

    Raises:
        DataError: if `source` is not Moving Shapes, or damaged.
    """
    check_moving_shapes(source)
    if not expressions_file(source, split).is_file():
        return
    truth = MovingShapesTruth(source, split)
    for record in read_split(source, split):
        yield _read(source / split, record, truth)


def _read(folder: Path, record: VideoRecord, truth: MovingShapesTruth) -> ShapesVideo:
    images, masks = folder / "JPEGImages" / record.video, folder / "Annotations" / record.video
    return ShapesVideo(
        name=record.video,
        frames=np.stack([read_frame(images / f"{name}.jpg") for name in record.frames]),
        ids=np.stack([read_mask(masks / f"{name}.png") for name in record.frames]),
        facts=truth.facts(record.video),
        sentences=[
            (e.object_id, truth.predicates(record.video, e.id), e.text)
            for e in record.expressions
            if e.object_id is not None
        ],
    )


@contextmanager
def new_folder(root: Path) -> Iterator[Path]:
    """A temporary folder that becomes `root` when it is whole.

    Raises:
        DataError: if `root` already holds something.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise DataError(f"{root} exists and is not empty; choose another folder or remove it")
    with atomic_dir(root, durable=False) as temporary:
        yield temporary
