"""Labelled clips of Moving Shapes at twice the frame rate, for the pretraining of the nano Video Swin."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from rvos_edu.data.moving_shapes.layouts import generate_video
from rvos_edu.data.moving_shapes.render import render
from rvos_edu.data.moving_shapes.scene import COLOURS, DIRECTIONS, SHAPES
from rvos_edu.data.transforms import MEAN, STD

CLASSES: dict[str, tuple[str, ...]] = {
    "colour": ("background", *COLOURS),
    "shape": SHAPES,
    "size": ("small", "large"),
    "direction": ("still", *DIRECTIONS),
    "entry": ("always", "late", "leaves"),
}
CELL = 16


def labelled_clip(job: tuple[int, str, int]) -> tuple[np.ndarray, np.ndarray]:
    """One clip at half frame steps and its labels.

    Args:
        job: (seed, split, index) of the Moving Shapes video.

    Returns:
        frames uint8 [2T, H, W, 3]; labels int8 [len(CLASSES), T, H/16, W/16], -1 = not to be learned.
    """
    seed, split, index = job
    video = generate_video("full", seed, split, index)
    scene = video.scene
    times = np.arange(2 * scene.frames) / 2
    frames, ids, _ = render(scene, np.random.default_rng([seed, index, 1]), times)
    rows, columns = scene.height // CELL, scene.width // CELL
    cells = ids[::2].reshape(scene.frames, rows, CELL, columns, CELL)
    shares = np.stack([(cells == k + 1).mean((2, 4)) for k in range(len(scene.bodies))])  # [I, T, h, w]
    best, owner = shares.max(0), shares.argmax(0)
    labels = np.full((len(CLASSES), *best.shape), -1, np.int8)
    labels[0] = 0
    for k, body in enumerate(scene.bodies):
        mine = (owner == k) & (best >= 0.25)
        for head, (attribute, names) in enumerate(CLASSES.items()):
            labels[head][mine] = names.index(getattr(body, attribute))
    labels[0][(best > 0.05) & (best < 0.25)] = -1
    return frames, labels


def draw_clips(count: int, seed: int, split: str) -> tuple[Tensor, Tensor]:
    """Many labelled clips, drawn in parallel: uint8 [M, 2T, H, W, 3], int8 [M, heads, T, h, w]."""
    jobs = [(seed, split, index) for index in range(count)]
    with ProcessPoolExecutor() as pool:
        drawn = list(tqdm(pool.map(labelled_clip, jobs, chunksize=8), total=count, desc=f"{split} clips"))
    frames = torch.from_numpy(np.stack([f for f, _ in drawn]))
    return frames, torch.from_numpy(np.stack([label for _, label in drawn]))


def prepare(frames: Tensor, labels: Tensor, rng: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Normalised clips [B, 3, 2T, H, W] and labels; with `rng` randomly flipped, half of them slowed down."""
    clip = frames.permute(0, 4, 1, 2, 3).float().div(255)
    clip = (clip - torch.tensor(MEAN).view(3, 1, 1, 1)) / torch.tensor(STD).view(3, 1, 1, 1)
    labels = labels.long().clone()
    if rng is None:
        return clip, labels
    names = CLASSES["direction"]
    motion = list(CLASSES).index("direction")
    for axis, (low, high) in ((-1, ("left", "right")), (-2, ("up", "down"))):
        if torch.rand((), generator=rng) < 0.5:
            clip, labels = clip.flip(axis), labels.flip(axis)
            swap = torch.arange(len(names) + 1)
            a, b = names.index(low), names.index(high)
            swap[a], swap[b] = b, a
            swap[-1] = -1
            labels[:, motion] = swap[labels[:, motion]]
    if torch.rand((), generator=rng) < 0.5:
        clip = clip[:, :, ::2].repeat_interleave(2, dim=2)
    return clip, labels
