"""Scenes of Moving Shapes: which objects there are, where they are at every moment, how they look.

A scene is a pure function of (level, seed, split, index): times are in frames, positions in pixels,
x to the right and y downwards.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

VERSION = 1
HEIGHT, WIDTH, FRAMES = 80, 112, 8
LEVELS = ("1", "2", "3", "full")
SPLITS = ("train", "valid", "test")
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (214, 40, 40),
    "green": (40, 165, 70),
    "blue": (45, 85, 220),
    "yellow": (238, 210, 50),
    "purple": (150, 55, 185),
    "orange": (242, 130, 30),
}
SHAPES = ("circle", "square", "triangle", "star", "cross")
RADII = {"small": (10.0, 12.0), "large": (15.5, 19.5)}
DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
REACH = 1.3  # no point of a shape is further from its centre than REACH * radius


@dataclass(frozen=True)
class Body:
    """One object: attributes, and a straight path `start + t * velocity`.

    Args:
        entry: "always" in the picture, enters "late" or "leaves".
        direction: a key of DIRECTIONS, or "still".
    """

    colour: str
    shape: str
    size: str
    radius: float
    angle: float
    start: tuple[float, float]
    velocity: tuple[float, float]
    direction: str
    entry: str = "always"
    tint: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def centre(self, time: float) -> tuple[float, float]:
        """Position (x, y) at `time` (frames)."""
        return (self.start[0] + time * self.velocity[0], self.start[1] + time * self.velocity[1])


@dataclass(frozen=True)
class Scene:
    """Objects, back to front, and everything that the renderer needs.

    Args:
        camera: offset (x, y) of the picture per frame, camera jitter.
        texture: name of the background's texture.
        noise: standard deviation of the pixel noise, in grey levels.
    """

    bodies: tuple[Body, ...]
    camera: tuple[tuple[float, float], ...]
    texture: str
    texture_seed: int
    noise: float
    height: int = HEIGHT
    width: int = WIDTH
    frames: int = FRAMES


@dataclass(frozen=True)
class Level:
    """What a level of difficulty holds."""

    counts: tuple[int, ...]
    count_weights: tuple[float, ...]
    twins: float
    late: float
    leaves: float
    camera: float
    noise: float
    textures: tuple[str, ...]
    moving: float


LEVEL_SETTINGS = {
    "1": Level((2,), (1.0,), 0.0, 0.0, 0.0, 0.0, 2.0, ("plain",), 0.5),
    "2": Level((2, 3), (0.5, 0.5), 0.0, 0.0, 0.0, 0.0, 3.0, ("plain", "gradient"), 0.5),
    "3": Level((3, 4), (0.6, 0.4), 0.7, 0.0, 0.0, 0.5, 4.0, ("plain", "gradient", "stripes"), 0.6),
    "full": Level(
        (2, 3, 4, 5),
        (0.06, 0.36, 0.38, 0.2),
        0.9,
        0.55,
        0.08,
        1.0,
        6.0,
        ("gradient", "stripes", "checks", "clouds"),
        0.6,
    ),
}


def generator(level: str, seed: int, split: str, index: int) -> np.random.Generator:
    """The random numbers of one video, independent of all others."""
    return np.random.default_rng([VERSION, LEVELS.index(level), seed, SPLITS.index(split), index])


def sample_scene(rng: np.random.Generator, level: str) -> Scene:
    """Draw a scene of a level; objects may still hide each other (the caller checks by rendering)."""
    settings = LEVEL_SETTINGS[level]
    count = int(rng.choice(settings.counts, p=settings.count_weights))
    looks = _sample_looks(rng, count, level)
    directions = [_sample_direction(rng, settings.moving) for _ in range(count)]
    entries = ["always"] * count
    if count >= 2 and rng.random() < settings.twins:  # two that differ in the direction of motion
        first, second = (int(i) for i in rng.choice(count, 2, replace=False))
        looks[second] = (looks[first][0], looks[first][1], looks[second][2])
        directions[first] = str(rng.choice(list(DIRECTIONS)))
        directions[second] = opposite(directions[first])
    if rng.random() < settings.late:
        entries[int(rng.integers(count))] = "late"
    for i in range(count):
        if entries[i] == "always" and rng.random() < settings.leaves:
            entries[i] = "leaves"
    bodies: list[Body] = []
    for look, direction, entry in zip(looks, directions, entries, strict=True):
        bodies.append(_place_body(rng, look, direction, entry, bodies))
    order = rng.permutation(count)
    camera = rng.uniform(-settings.camera, settings.camera, (FRAMES, 2))
    return Scene(
        bodies=tuple(bodies[i] for i in order),
        camera=tuple((float(x), float(y)) for x, y in camera),
        texture=str(rng.choice(settings.textures)),
        texture_seed=int(rng.integers(2**31)),
        noise=settings.noise,
    )


def opposite(direction: str) -> str:
    """The direction on the same axis that points the other way."""
    return {"left": "right", "right": "left", "up": "down", "down": "up"}[direction]


def _sample_looks(rng: np.random.Generator, count: int, level: str) -> list[tuple[str, str, str]]:
    """(colour, shape, size) per object; objects share attributes, so that words decide."""
    colours, sizes = list(COLOURS), list(RADII)
    looks: list[tuple[str, str, str]] = []
    while len(looks) < count:
        look = (str(rng.choice(colours)), str(rng.choice(SHAPES)), str(rng.choice(sizes)))
        if looks and level != "1":
            model = looks[int(rng.integers(len(looks)))]
            share = rng.random(3) < 0.5
            colour, shape, size = (m if s else own for m, s, own in zip(model, share, look, strict=True))
            look = (colour, shape, size)
        if level == "1" and any(look[0] == other[0] for other in looks):
            continue
        if look[2] == "large" and sum(other[2] == "large" for other in looks) >= 2:
            look = (look[0], look[1], "small")
        looks.append(look)
    return looks


def _sample_direction(rng: np.random.Generator, moving: float) -> str:
    return str(rng.choice(list(DIRECTIONS))) if rng.random() < moving else "still"


def _place_body(
    rng: np.random.Generator, look: tuple[str, str, str], direction: str, entry: str, others: list[Body]
) -> Body:
    """A path that keeps clear of the other objects as far as thirty draws allow."""
    best, best_room = None, -math.inf
    for _ in range(30):
        body = _draw_body(rng, look, direction, entry)
        room = min((_room(body, other) for other in others), default=1.0)
        if room > best_room:
            best, best_room = body, room
        if room > 0.0:
            break
    assert best is not None
    return best


def _room(first: Body, second: Body) -> float:
    """Free space between two objects, worst of three moments, as a share of their radii (minus 0.8)."""
    gaps = []
    for time in (0.5, 3.5, 6.5):
        (x0, y0), (x1, y1) = first.centre(time), second.centre(time)
        gaps.append(math.hypot(x1 - x0, y1 - y0) / (first.radius + second.radius) - 0.8)
    return min(gaps)


def _draw_body(rng: np.random.Generator, look: tuple[str, str, str], direction: str, entry: str) -> Body:
    colour, shape, size = look
    radius = float(rng.uniform(*RADII[size]))
    angle = float(rng.uniform(-0.25, 0.25))
    red, green, blue = (float(v) for v in rng.uniform(-14, 14, 3))
    if entry == "always":
        direction, start, velocity = _inside_path(rng, direction, radius)
    else:
        direction, start, velocity = _crossing_path(rng, direction, radius, entry)
    return Body(colour, shape, size, radius, angle, start, velocity, direction, entry, (red, green, blue))


def _inside_path(
    rng: np.random.Generator, direction: str, radius: float
) -> tuple[str, tuple[float, float], tuple[float, float]]:
    """A path that stays inside; its middle is symmetrical, so that place says nothing about motion."""
    speed = float(rng.uniform(2.4, 4.4)) if direction != "still" else 0.0
    along = DIRECTIONS.get(direction, (0, 0))
    drift = float(rng.uniform(-0.3, 0.3)) if direction != "still" else 0.0
    velocity = (along[0] * speed + along[1] * drift, along[1] * speed + along[0] * drift)
    half = (FRAMES - 1) / 2
    middle = []
    for extent, v in ((WIDTH, velocity[0]), (HEIGHT, velocity[1])):
        margin = min(0.9 * radius + 2 + half * abs(v), extent / 2)
        middle.append(float(rng.uniform(margin, extent - margin)))
    start = (middle[0] - half * velocity[0], middle[1] - half * velocity[1])
    return direction, start, velocity


def _crossing_path(
    rng: np.random.Generator, direction: str, radius: float, entry: str
) -> tuple[str, tuple[float, float], tuple[float, float]]:
    """A path over the edge: outside before frame 2, 3 or 4 ("late"), or outside after ("leaves")."""
    if direction == "still":
        direction = str(rng.choice(list(DIRECTIONS)))
    along = DIRECTIONS[direction]
    extent, across = (WIDTH, HEIGHT) if along[0] else (HEIGHT, WIDTH)
    outside = int(rng.integers(1, 4))  # the last frame that does not show it
    depth = float(rng.uniform(0.9 * radius, 0.9 * radius + 0.25 * extent))
    hidden = -(REACH * radius + 3.0)
    speed = (depth - hidden) / (FRAMES - 1 - outside)
    begin = hidden - outside * speed  # distance from the edge crossed, at time 0
    if entry == "leaves":
        begin, speed = begin + (FRAMES - 1) * speed, -speed
    inward = along if entry == "late" else (-along[0], -along[1])
    edge_is_low = (inward[0] + inward[1]) > 0
    first = begin if edge_is_low else extent - begin
    rate = speed if edge_is_low else -speed
    margin = 0.9 * radius + 2
    other = float(rng.uniform(margin, across - margin))
    if along[0]:
        return direction, (first, other), (rate, 0.0)
    return direction, (other, first), (0.0, rate)
