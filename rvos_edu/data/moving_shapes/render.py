"""Pixels and masks of a Moving Shapes scene, from signed distances: smooth edges, no drawing library."""

from __future__ import annotations

import math

import numpy as np

from rvos_edu.data.moving_shapes.scene import COLOURS, Body, Scene


def polygon_of(shape: str) -> np.ndarray | None:
    """Corners [corners, 2] of a shape of radius 1, None for the circle."""
    if shape == "circle":
        return None
    if shape == "square":
        return 0.84 * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], dtype=np.float64)
    if shape == "triangle":
        angles = -math.pi / 2 + np.arange(3) * 2 * math.pi / 3
        return 1.25 * np.stack([np.cos(angles), np.sin(angles)], 1) + np.array([0.0, 0.15])
    if shape == "star":
        angles = -math.pi / 2 + np.arange(10) * math.pi / 5
        radii = np.where(np.arange(10) % 2 == 0, 1.18, 0.66)
        return radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
    if shape == "cross":
        a, b = 0.42, 1.0
        points = [(-a, -b), (a, -b), (a, -a), (b, -a), (b, a), (a, a)]
        points += [(-x, -y) for x, y in points]
        return np.array(points, dtype=np.float64)
    raise ValueError(f"unknown shape {shape!r}")


def signed_distance(points: np.ndarray, corners: np.ndarray | None) -> np.ndarray:
    """Distance to the outline, negative inside; `points` [..., 2] in units of the radius."""
    if corners is None:
        return np.hypot(points[..., 0], points[..., 1]) - 1.0
    distance = np.full(points.shape[:-1], np.inf)
    inside = np.zeros(points.shape[:-1], dtype=bool)
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        edge, offset = b - a, points - a
        along = np.clip((offset @ edge) / (edge @ edge), 0.0, 1.0)
        gap = offset - along[..., None] * edge
        distance = np.minimum(distance, gap[..., 0] ** 2 + gap[..., 1] ** 2)
        crosses = (a[1] > points[..., 1]) != (b[1] > points[..., 1])
        if edge[1] != 0.0:
            inside ^= crosses & (points[..., 0] < a[0] + edge[0] * (points[..., 1] - a[1]) / edge[1])
    distance = np.sqrt(distance)
    return np.where(inside, -distance, distance)


def coverage(body: Body, time: float, camera: tuple[float, float], height: int, width: int) -> np.ndarray:
    """How much of each pixel an object covers, float [H, W] in 0..1."""
    x, y = body.centre(time)
    x, y = x + camera[0], y + camera[1]
    out = np.zeros((height, width), dtype=np.float32)
    reach = 1.35 * body.radius + 2
    top, bottom = max(int(y - reach), 0), min(int(y + reach) + 2, height)
    left, right = max(int(x - reach), 0), min(int(x + reach) + 2, width)
    if top >= bottom or left >= right:
        return out
    grid_y, grid_x = np.mgrid[top:bottom, left:right] + 0.5
    cos, sin = math.cos(body.angle), math.sin(body.angle)
    dx, dy = (grid_x - x) / body.radius, (grid_y - y) / body.radius
    points = np.stack([cos * dx + sin * dy, -sin * dx + cos * dy], -1)
    distance = signed_distance(points, polygon_of(body.shape)) * body.radius
    out[top:bottom, left:right] = np.clip(0.5 - distance, 0.0, 1.0)
    return out


def background(scene: Scene, camera: tuple[float, float]) -> np.ndarray:
    """Dull texture, float32 [H, W, 3]; it moves with the camera."""
    rng = np.random.default_rng(scene.texture_seed)
    base = rng.uniform(70, 180) + rng.uniform(-10, 10, 3)
    amplitude, angle, period = rng.uniform(10, 26), rng.uniform(0, math.pi), rng.uniform(9, 26)
    phases = rng.uniform(0, 2 * math.pi, (6, 3))
    waves = rng.uniform(-0.16, 0.16, (6, 2))
    y, x = np.mgrid[0 : scene.height, 0 : scene.width].astype(np.float32)
    x, y = x - camera[0], y - camera[1]
    u = math.cos(angle) * x + math.sin(angle) * y
    v = -math.sin(angle) * x + math.cos(angle) * y
    if scene.texture == "plain":
        pattern = np.zeros_like(x)
    elif scene.texture == "gradient":
        pattern = 2 * (u - u.min()) / (np.ptp(u) + 1e-6) - 1
    elif scene.texture == "stripes":
        pattern = np.sin(2 * math.pi * u / period)
    elif scene.texture == "checks":
        pattern = np.sign(np.sin(2 * math.pi * u / period) * np.sin(2 * math.pi * v / period))
    else:
        pattern = sum(np.sin(w[0] * x + w[1] * y + p[0]) for w, p in zip(waves, phases, strict=True)) / 3
    return (base + amplitude * pattern[..., None]).astype(np.float32)


def render(
    scene: Scene, noise_rng: np.random.Generator, times: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw a scene.

    Args:
        scene: what to draw.
        noise_rng: source of the pixel noise.
        times: moments to draw, in frames; default 0, 1, ..., frames - 1.

    Returns:
        frames uint8 [T, H, W, 3]; ids uint8 [T, H, W], 0 = background, k = k-th body (visible part);
        full areas int [T, I], pixels that an object would show if nothing hid it.
    """
    moments = np.arange(scene.frames, dtype=np.float64) if times is None else times
    count = len(moments)
    frames = np.empty((count, scene.height, scene.width, 3), np.uint8)
    ids = np.zeros((count, scene.height, scene.width), np.uint8)
    areas = np.zeros((count, len(scene.bodies)), np.int64)
    for t, moment in enumerate(moments):
        camera = scene.camera[int(moment)]
        picture = background(scene, camera)
        for k, body in enumerate(scene.bodies):
            alpha = coverage(body, float(moment), camera, scene.height, scene.width)
            colour = np.clip(np.array(COLOURS[body.colour]) + np.array(body.tint), 0, 255)
            picture += alpha[..., None] * (colour.astype(np.float32) - picture)
            solid = alpha > 0.5
            ids[t][solid] = k + 1
            areas[t, k] = int(solid.sum())
        picture += scene.noise * noise_rng.standard_normal(picture.shape, dtype=np.float32)
        frames[t] = np.clip(np.rint(picture), 0, 255)
    return frames, ids, areas
