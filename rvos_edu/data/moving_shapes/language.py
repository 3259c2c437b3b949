"""Sentences of Moving Shapes: their meaning on a scene, and the words that say it.

A sentence is a set of predicates ("attribute", "value"). `fits` evaluates it on the facts of a scene; a
sentence is used only where exactly one object fits, and where it stays true with a margin that a viewer would
accept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rvos_edu.data.moving_shapes.scene import HEIGHT, WIDTH, Body, opposite

CATEGORIES = ("colour", "shape", "size", "place", "motion", "combined", "late entry")
Predicate = tuple[str, str]
SIDES = {"left": (0, -1), "right": (0, 1), "top": (1, -1), "bottom": (1, 1)}
EXTREMES = {"leftmost": (0, -1), "rightmost": (0, 1), "topmost": (1, -1), "lowest": (1, 1)}


@dataclass(frozen=True)
class Facts:
    """What is true of one object of a video.

    Args:
        identity: value of the object in the annotation masks, 1, 2, ...
        place: mean (x, y) of its centre over the frames that show it, as a share of width and height.
        visible: bool [T].
    """

    identity: int
    colour: str
    shape: str
    size: str
    direction: str
    entry: str
    place: tuple[float, float]
    visible: tuple[bool, ...]

    @property
    def late(self) -> bool:
        """Not there in the first frame, but later."""
        return not self.visible[0] and any(self.visible)


@dataclass(frozen=True)
class Expression:
    """A sentence about one object.

    Args:
        text: the sentence.
        identity: the object.
        category: one of CATEGORIES, what the sentence demands.
        predicates: its meaning.
        candidates: objects that fit it without the deciding predicate (for "combined": without colour).
    """

    text: str
    identity: int
    category: str
    predicates: tuple[Predicate, ...]
    candidates: int


def gather_facts(bodies: Sequence[Body], centres: np.ndarray, visible: np.ndarray) -> list[Facts]:
    """Facts per object from its body, centres [T, I, 2] in pixels and visibility bool [T, I]."""
    facts = []
    for k, body in enumerate(bodies):
        seen = visible[:, k] if visible[:, k].any() else np.ones(len(visible), bool)
        x, y = centres[seen, k].mean(0)
        facts.append(
            Facts(
                identity=k + 1,
                colour=body.colour,
                shape=body.shape,
                size=body.size,
                direction=body.direction,
                entry=body.entry,
                place=(float(x) / WIDTH, float(y) / HEIGHT),
                visible=tuple(bool(v) for v in visible[:, k]),
            )
        )
    return facts


def fits(facts: list[Facts], predicates: tuple[Predicate, ...]) -> list[Facts]:
    """The objects that a sentence is true of; superlatives compare those that fit its other words."""
    plain = [p for p in predicates if p[0] != "extreme"]
    chosen = [f for f in facts if all(_holds(f, p) for p in plain)]
    for attribute, value in predicates:
        if attribute == "extreme" and chosen:
            axis, sign = EXTREMES[value]
            chosen = [max(chosen, key=lambda f: sign * f.place[axis])]
    return chosen


def _holds(facts: Facts, predicate: Predicate) -> bool:
    attribute, value = predicate
    if attribute == "side":
        axis, sign = SIDES[value]
        return sign * (facts.place[axis] - 0.5) > 0
    if attribute == "late":
        return facts.late
    if attribute == "motion":
        return facts.direction == value
    return getattr(facts, attribute) == value


def meanings(facts: list[Facts], target: Facts) -> Iterator[tuple[tuple[Predicate, ...], str, int]]:
    """Every usable (predicates, category, candidates) that singles out `target`."""
    colour, shape, size = (("colour", target.colour), ("shape", target.shape), ("size", target.size))
    bases: list[tuple[Predicate, ...]] = [(), (colour,), (shape,), (colour, shape)]
    for base in bases:
        for decisive in ((), (size,), *_places(target), *_motions(target)):
            predicates = (*base, *decisive)
            if not predicates or [f.identity for f in fits(facts, predicates)] != [target.identity]:
                continue
            needed = [p for p in predicates if len(fits(facts, tuple(q for q in predicates if q != p))) > 1]
            category = _category(predicates, needed)
            if category is None:
                continue
            deciding = _deciding(category, needed)
            rest = fits(facts, tuple(p for p in predicates if p != deciding))
            if _clear(facts, target, predicates, category, rest):
                yield predicates, category, len(rest)


def _places(target: Facts) -> list[tuple[Predicate, ...]]:
    sides = [(("side", name),) for name in SIDES if _holds(target, ("side", name))]
    return [*sides, *((("extreme", name),) for name in EXTREMES)]


def _motions(target: Facts) -> list[tuple[Predicate, ...]]:
    late = [(("late", "yes"),)] if target.late else []
    moving = target.direction != "still" and target.entry == "always"
    return [*late, *([(("motion", target.direction),)] if moving else [])]


def _category(predicates: tuple[Predicate, ...], needed: list[Predicate]) -> str | None:
    """What the sentence demands; None if it says more than it needs beyond colour and shape."""
    names = {"side": "place", "extreme": "place", "motion": "motion", "late": "late entry"}
    for attribute, value in predicates:
        if attribute in ("side", "extreme", "motion", "late", "size") and (attribute, value) not in needed:
            return None
    for attribute, _ in needed:
        if attribute in names:
            return names[attribute]
    if len(needed) > 1:
        return "combined"
    return needed[0][0] if needed else None


def _deciding(category: str, needed: list[Predicate]) -> Predicate:
    attributes = {"place": ("side", "extreme"), "motion": ("motion",), "late entry": ("late",)}
    wanted = attributes.get(category, (category,) if category != "combined" else ("colour", "size", "shape"))
    return next(p for name in wanted for p in needed if p[0] == name)


def _clear(
    facts: list[Facts], target: Facts, predicates: tuple[Predicate, ...], category: str, rest: list[Facts]
) -> bool:
    """True with a margin: sides and extremes by a distance; motion only among objects that move against it.

    The last rule makes sure that neither a single frame nor a shuffled clip gives the answer: all other
    candidates move on the same axis, and none of them comes in or goes out.
    """
    others = [f for f in rest if f.identity != target.identity]
    if category == "motion":
        away = opposite(target.direction)
        return all(f.direction == away and f.entry == "always" and f.visible[0] for f in others)
    if category == "late entry":
        return all(f.visible[0] for f in others)
    for attribute, value in predicates:
        if attribute == "side":
            axis, sign = SIDES[value]
            clear = [sign * (f.place[axis] - 0.5) < -0.05 for f in others]
            return sign * (target.place[axis] - 0.5) > 0.05 and all(clear)
        if attribute == "extreme":
            axis, sign = EXTREMES[value]
            return all(sign * (target.place[axis] - f.place[axis]) > 0.1 for f in others)
    return True


SIZE_WORDS = {"small": ("small", "little"), "large": ("large", "big")}
SIDE_WORDS = {
    "left": ("on the left", "on the left side", "at the left"),
    "right": ("on the right", "on the right side", "at the right"),
    "top": ("at the top", "in the upper half", "at the top of the picture"),
    "bottom": ("at the bottom", "in the lower half", "at the bottom of the picture"),
}
EXTREME_WORDS = {
    "leftmost": ("leftmost", "furthest to the left"),
    "rightmost": ("rightmost", "furthest to the right"),
    "topmost": ("topmost", "highest of all"),
    "lowest": ("lowest", "lowest of all"),
}
MOTION_WORDS = {
    "left": (
        "moving left",
        "moving to the left",
        "that goes left",
        "which is going to the left",
        "moving leftwards",
    ),
    "right": (
        "moving right",
        "moving to the right",
        "that goes right",
        "which is going to the right",
        "moving rightwards",
    ),
    "up": ("moving up", "moving upwards", "that goes up", "which is going up", "rising"),
    "down": ("moving down", "moving downwards", "that goes down", "which is going down", "sinking"),
}
LATE_WORDS = (
    "that appears later",
    "that enters late",
    "coming in late",
    "which is not there at first",
    "that comes into view",
)


def say(predicates: tuple[Predicate, ...], rng: np.random.Generator) -> str:
    """Put a meaning into words, one of several ways."""
    meaning = dict(predicates)

    def pick(options: tuple[str, ...]) -> str:
        return options[int(rng.integers(len(options)))]

    noun = meaning.get("shape") or pick(("object", "shape", "thing"))
    adjectives, after = [], []
    if "size" in meaning:
        adjectives.append(pick(SIZE_WORDS[meaning["size"]]))
    if "colour" in meaning:
        if len(predicates) <= 2 and rng.random() < 0.2:
            after.append(pick(("that is {}", "in {}", "of {} colour")).format(meaning["colour"]))
        else:
            adjectives.append(meaning["colour"])
    if "extreme" in meaning:
        word, phrase = EXTREME_WORDS[meaning["extreme"]]
        if rng.random() < 0.6:
            adjectives.insert(0, word)
        else:
            after.append(phrase)
    if "side" in meaning:
        after.append(pick(SIDE_WORDS[meaning["side"]]))
    if "motion" in meaning:
        after.append(pick(MOTION_WORDS[meaning["motion"]]))
    if "late" in meaning:
        after.append(pick(LATE_WORDS))
    article = "the" if "extreme" in meaning or rng.random() < 0.8 else "a"
    first = (adjectives + [noun])[0]
    if article == "a" and first[0] in "aeiou":
        article = "an"
    return " ".join([article, *adjectives, noun, *after])


WANTED = {"colour": 2, "shape": 2, "size": 2, "place": 2, "motion": 3, "combined": 2, "late entry": 2}
LEVEL_CATEGORIES = {
    "1": ("colour",),
    "2": ("colour", "shape", "size", "combined"),
    "3": ("colour", "shape", "size", "combined", "place", "motion"),
    "full": CATEGORIES,
}


def write_expressions(facts: list[Facts], rng: np.random.Generator, level: str = "full") -> list[Expression]:
    """Sentences about a video: some of each category that its level allows, about each object if possible."""
    pool: dict[str, list[tuple[Facts, tuple[Predicate, ...], int]]] = {name: [] for name in CATEGORIES}
    for target in facts:
        if any(target.visible):
            for predicates, category, candidates in meanings(facts, target):
                if category in LEVEL_CATEGORIES[level]:
                    pool[category].append((target, predicates, candidates))
    drawn: list[tuple[str, Facts, tuple[Predicate, ...], int]] = []
    for category in CATEGORIES:
        order = rng.permutation(len(pool[category]))
        drawn += [(category, *pool[category][i]) for i in order[: WANTED[category]]]
    for target in facts:
        if all(item[1].identity != target.identity for item in drawn):
            spare = [
                (c, *item) for c in CATEGORIES for item in pool[c] if item[0].identity == target.identity
            ]
            spare = [item for item in spare if item[0] != "place"] or spare
            if spare:
                drawn.append(spare[int(rng.integers(len(spare)))])
    expressions: dict[str, Expression] = {}
    for category, target, predicates, candidates in drawn:
        text = say(predicates, rng)
        expressions.setdefault(text, Expression(text, target.identity, category, predicates, candidates))
    return sorted(expressions.values(), key=lambda e: (e.identity, e.text))
