"""Which sentence is true of which video of Moving Shapes: stored meanings, evaluated on stored facts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from rvos_edu.data.moving_shapes.language import EXTREMES, SIDES, Facts, Predicate, fits
from rvos_edu.data.moving_shapes.scene import COLOURS, DIRECTIONS, RADII, SHAPES
from rvos_edu.data.reading import read_json
from rvos_edu.errors import DataError

VALUES: dict[str, tuple[str, ...]] = {  # of the predicates of a sentence
    "colour": tuple(COLOURS),
    "shape": SHAPES,
    "size": tuple(RADII),
    "side": tuple(SIDES),
    "extreme": tuple(EXTREMES),
    "motion": tuple(DIRECTIONS),
    "late": ("yes",),
}
MARGIN = 0.05  # of the width or height: nearer to the middle than that, viewers disagree about the side
_MIRRORED = {"left": "right", "right": "left", "leftmost": "rightmost", "rightmost": "leftmost"}


def mirror(predicates: tuple[Predicate, ...]) -> tuple[Predicate, ...]:
    """What the sentence means once left and right have changed places in it."""
    return tuple((attribute, _MIRRORED.get(value, value)) for attribute, value in predicates)


def describes(predicates: tuple[Predicate, ...], facts: list[Facts], *, margin: float = 0.0) -> bool:
    """Whether a meaning is true of at least one object of a video.

    Args:
        margin: objects that lie this little (share of width or height) across the middle count as on the
            side that the sentence names; > 0 where the sentence must be false beyond doubt.
    """
    for attribute, value in predicates:
        if attribute == "side":
            axis, sign = SIDES[value]
            facts = [_moved(f, axis, sign * margin) for f in facts]
    return bool(fits(facts, predicates))


def _moved(facts: Facts, axis: int, by: float) -> Facts:
    x, y = facts.place
    return replace(facts, place=(x, y + by) if axis else (x + by, y))


def is_moving_shapes(root: str | Path) -> bool:
    """Whether a folder holds Moving Shapes as `rvos_edu.data.moving_shapes.make` writes it."""
    return _about(root).is_file()


def level_and_seed(root: str | Path) -> tuple[str, int]:
    """What the Moving Shapes of a folder were made with, as `make` wrote it down.

    Raises:
        DataError: if `moving_shapes.json` is missing or damaged.
    """
    content = read_json(_about(root))
    try:
        return str(content["level"]), int(content["seed"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f'{_about(root)} is damaged: expected "level" and "seed", got {type(error).__name__} {error}'
        ) from error


def _about(root: str | Path) -> Path:
    return Path(root) / "moving_shapes.json"


def check_moving_shapes(root: str | Path) -> None:
    """Raise DataError for a folder that does not hold Moving Shapes."""
    if not is_moving_shapes(root):
        raise DataError(f"{root} is not Moving Shapes: it has no moving_shapes.json")


class MovingShapesTruth:
    """Meanings and facts of one split, read from its two JSON files.

    Facts are those of whole videos: a sentence about place or time that is false of a video may be true
    of a part of it.

    Args:
        root: folder of the dataset.
        split: train, valid or test.

    Raises:
        DataError: if a file is missing or holds no predicates or facts, as those of a real dataset.
    """

    def __init__(self, root: str | Path, split: str) -> None:
        sentences = Path(root) / "meta_expressions" / split / "meta_expressions.json"
        objects = Path(root) / split / "meta.json"
        self._predicates = {
            video: {key: _predicates(sentences, video, key, e) for key, e in _part(about, "expressions")}
            for video, about in _videos(sentences)
        }
        self._facts = {
            video: [_facts(objects, video, o) for _, o in _part(about, "objects")]
            for video, about in _videos(objects)
        }

    def predicates(self, video: str, expression_id: str) -> tuple[Predicate, ...]:
        """The meaning of a sentence, as stored (not mirrored)."""
        try:
            return self._predicates[video][expression_id]
        except KeyError:
            raise DataError(f"Moving Shapes knows no expression {expression_id} of video {video}") from None

    def facts(self, video: str) -> list[Facts]:
        """What is true of the objects of a video."""
        try:
            return self._facts[video]
        except KeyError:
            raise DataError(f"Moving Shapes knows no objects of video {video}") from None

    def fits(
        self,
        video: str,
        source_video: str,
        expression_id: str,
        *,
        mirrored: bool,
        margin: float = 0.0,
    ) -> bool:
        """Whether a sentence of `source_video` is true of at least one object of `video`.

        Args:
            mirrored: exactly one of the two, sentence (with its words) or video, is mirrored.
            margin: see `describes`.

        Raises:
            DataError: for an unknown video or sentence.
        """
        predicates = self.predicates(source_video, expression_id)
        return describes(mirror(predicates) if mirrored else predicates, self.facts(video), margin=margin)


def _videos(path: Path) -> list[tuple[str, Any]]:
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("videos"), dict):
        raise DataError(f'{path} must hold {{"videos": {{...}}}}')
    return list(content["videos"].items())


def _part(about: Any, key: str) -> list[tuple[str, Any]]:
    part = about.get(key) if isinstance(about, dict) else None
    return list(part.items()) if isinstance(part, dict) else []


def _predicates(path: Path, video: str, key: str, about: Any) -> tuple[Predicate, ...]:
    try:
        predicates = tuple((str(name), str(value)) for name, value in about["predicates"])
    except (KeyError, TypeError, ValueError):
        predicates = ()
    if not predicates or any(value not in VALUES.get(name, ()) for name, value in predicates):
        raise DataError(
            f"{path}: expression {key} of video {video!r} has no predicates of Moving Shapes: "
            "its truth about other videos is not known"
        )
    return predicates


def _facts(path: Path, video: str, about: Any) -> Facts:
    try:
        stored = about["facts"]
        x, y = stored["place"]
        visible = tuple(bool(v) for v in stored["visible"])
        return Facts(**{**stored, "place": (float(x), float(y)), "visible": visible})
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: an object of video {video!r} has no facts of Moving Shapes") from error
