"""A second, independent reading of the sentences: from words back to meaning, evaluated on a scene."""

from __future__ import annotations

import re

COLOURS = {"red", "green", "blue", "yellow", "purple", "orange"}
SHAPES = {"circle", "square", "triangle", "star", "cross"}
SIZES = {"small": "small", "little": "small", "large": "large", "big": "large"}
SIDE_PATTERNS = {
    "left": r"\b(on the left( side)?|at the left)$",
    "right": r"\b(on the right( side)?|at the right)$",
    "top": r"\b(at the top( of the picture)?|in the upper half)$",
    "bottom": r"\b(at the bottom( of the picture)?|in the lower half)$",
}
EXTREME_PATTERNS = {
    "leftmost": r"\bleftmost\b|furthest to the left$",
    "rightmost": r"\brightmost\b|furthest to the right$",
    "topmost": r"\btopmost\b|highest of all$",
    "lowest": r"\blowest\b",
}
MOTION_PATTERNS = {
    "left": r"\b(moving|goes|going)( to the)? left(wards)?$",
    "right": r"\b(moving|goes|going)( to the)? right(wards)?$",
    "up": r"\b((moving|goes|going) up(wards)?|rising)$",
    "down": r"\b((moving|goes|going) down(wards)?|sinking)$",
}
LATE_PATTERN = r"appears later$|enters late$|coming in late$|not there at first$|comes into view$"
MIRRORED = {"left": "right", "right": "left"}


def objects_that_fit(text: str, objects: list[dict]) -> list[int]:
    """Identities of the objects that a sentence is true of; objects are the `facts` of meta.json."""
    words = text.split()
    left = [o for o in objects]
    for word in words:
        if word in COLOURS:
            left = [o for o in left if o["colour"] == word]
        if word in SHAPES:
            left = [o for o in left if o["shape"] == word]
        if word in SIZES:
            left = [o for o in left if o["size"] == SIZES[word]]
    for direction, pattern in MOTION_PATTERNS.items():
        if re.search(pattern, text):
            left = [o for o in left if o["direction"] == direction]
    if re.search(LATE_PATTERN, text):
        left = [o for o in left if not o["visible"][0] and any(o["visible"])]
    for side, pattern in SIDE_PATTERNS.items():
        if re.search(pattern, text) and not re.search(r"furthest|(moving|goes|going)", text):
            axis = 0 if side in ("left", "right") else 1
            low = side in ("left", "top")
            left = [o for o in left if (o["place"][axis] < 0.5) == low]
    for extreme, pattern in EXTREME_PATTERNS.items():
        if re.search(pattern, text) and left:
            axis = 0 if extreme in ("leftmost", "rightmost") else 1
            pick = min if extreme in ("leftmost", "topmost") else max
            left = [pick(left, key=lambda o: o["place"][axis])]
    return [o["identity"] for o in left]


def mirror(objects: list[dict]) -> list[dict]:
    """The facts of the same video seen in a mirror."""
    return [
        {
            **o,
            "direction": MIRRORED.get(o["direction"], o["direction"]),
            "place": [1 - o["place"][0], o["place"][1]],
        }
        for o in objects
    ]
