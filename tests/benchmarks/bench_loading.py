"""How fast clips come from the disk, layout by layout: clips per second of a worker, and where the time goes.

    pytest -m benchmark tests/benchmarks/bench_loading.py -s
    python -m tests.benchmarks.bench_loading [NAME ...]          # a table; all layouts by default

Moving Shapes, enlarged to the frame size of the real dataset and made noisy (a flat JPEG decodes too fast),
is written in each layout and read back in the papers' windows; where `rvos-edu data smaller` can store frames
at the size of training, that copy is read, too. `decode` reads frames and masks, `resize`
flips, resizes and reduces the truth, `collate` joins the clips of a batch. `needed` is the number
of workers that would feed two GPUs whose model takes 10 ms per clip, if each had its core: a quotient.
`busy` is the share of the time in which one such model was busy when workers of this machine fed it.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch.utils.data import DataLoader

from rvos_edu.config import DataConfig
from rvos_edu.data import GroupedClips, collate, dataset_names, layout_of, load, train_transform
from rvos_edu.data.moving_shapes import make
from rvos_edu.data.smaller import NAMES, write_smaller

SIZES = {  # height, width and window as in the papers; else that of Moving Shapes
    "refer-youtube-vos": (720, 1280, 12),
    "mevis": (720, 1280, 12),
    "ref-davis17": (480, 854, 12),
    "a2d-sentences": (320, 426, 8),
    "jhmdb-sentences": (240, 320, 8),
    "refcoco": (480, 640, 1),
}
SIDES = {"a2d-sentences": (320, 576), "jhmdb-sentences": (320, 576), "moving-shapes": (80, 112)}
MODEL_SECONDS = 0.010
SECONDS = 8.0  # of each measurement
HEAD = f"{'layout':20}{'frames':>16}{'clips/s':>9}{'decode':>8}{'resize':>8}{'collate':>8}{'needed':>8}  busy"


@dataclass(frozen=True)
class Speed:
    """Seconds per clip in each part, and the share of time in which a fake model is busy, by workers."""

    name: str
    frames: str
    decode: float
    resize: float
    collate: float
    busy: dict[int, float]

    @property
    def seconds(self) -> float:
        return self.decode + self.resize + self.collate

    def __str__(self) -> str:
        shares = "".join(f"{part / self.seconds:8.0%}" for part in (self.decode, self.resize, self.collate))
        needed = 2 * self.seconds / MODEL_SECONDS
        busy = ", ".join(f"{share:.0%} with {workers}" for workers, share in self.busy.items())
        return f"{self.name:20}{self.frames:>16}{1 / self.seconds:9.1f}{shares}{needed:8.1f}  {busy}"


def enlarge(root: Path, height: int, width: int) -> None:
    """Frames and masks of Moving Shapes at another size, with the noise of a camera."""
    noise = np.random.default_rng(0).normal(0, 6, (height, width, 3))
    for path in root.glob("*/JPEGImages/*/*.jpg"):
        frame = Image.open(path).convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
        noisy = np.clip(np.asarray(frame) + np.roll(noise, hash(path.name) % 97, 0), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(path, quality=90)
    for path in root.glob("*/Annotations/*/*.png"):
        mask = Image.open(path)
        larger = mask.resize((width, height), Image.Resampling.NEAREST)
        larger.putpalette(mask.getpalette() or [])
        larger.save(path)


def write(name: str, folder: Path, *, smaller: bool) -> tuple[Path, int]:
    """The dataset in its layout, or its copy at the size of training, and the window to read it in."""
    source = make(folder / "shapes", seed=3, train=6, valid=3, test=3, workers=1)
    size = next((v for key, v in SIZES.items() if name.startswith(key)), None)
    if name == "moving-shapes-images":
        size = (80, 112, 1)
    elif size is not None:
        enlarge(source, size[0], size[1])
    layout = layout_of(name)
    root = source if layout.make is None else layout.make(source, folder / name)
    if smaller:
        root = write_smaller(name, root, folder / "smaller")
    return root, (size or (0, 0, 12))[2]


def measure(name: str, folder: Path, *, smaller: bool = False) -> Speed:
    """Read a training split (or the first there is) for some seconds, in parts and through workers."""
    root, window = write(name, folder, smaller=smaller)
    data = load(name, split=layout_of(name).splits[0], root=root, window=window)
    short, most = next((v for key, v in SIDES.items() if name.startswith(key)), (360, 640))
    transform = train_transform(DataConfig(short_side=short, max_side=most))
    grouped = GroupedClips(data, expressions_per_clip=2, transform=None, seed=0)
    whole = GroupedClips(data, expressions_per_clip=2, transform=transform, seed=0)
    parts = np.zeros(3)
    clips = 0
    grouped[0]  # imports, caches
    begin = time.perf_counter()
    while time.perf_counter() - begin < SECONDS:
        clock = [time.perf_counter()]
        samples = grouped[clips % len(grouped)]
        clock.append(time.perf_counter())
        samples = transform.group(samples, random.Random(clips))
        clock.append(time.perf_counter())
        batch = collate([samples])
        clock.append(time.perf_counter())
        parts += np.diff(clock)
        clips += 1
    shape = batch.frames.shape
    frames = f"{shape[1]}x{samples[0].original_size[0]}x{samples[0].original_size[1]}"
    busy = {workers: busy_share(whole, workers) for workers in sorted({1, os.cpu_count() or 1})}
    return Speed(name, frames, *(parts / clips), busy)


def busy_share(data: GroupedClips, workers: int) -> float:
    """Share of the time that a model is busy which takes 10 ms per clip and only waits otherwise."""
    endless = [i % len(data) for i in range(10_000)]
    loader = DataLoader(
        data, batch_size=1, sampler=endless, num_workers=workers, collate_fn=collate, prefetch_factor=4
    )
    batches = iter(loader)
    for _ in range(workers):
        next(batches)  # the workers have started
    begin, clips = time.perf_counter(), 0
    while time.perf_counter() - begin < SECONDS:
        next(batches)
        time.sleep(MODEL_SECONDS)
        clips += 1
    return clips * MODEL_SECONDS / (time.perf_counter() - begin)


def names() -> list[str]:
    """All layouts that differ in what is read: pairs are read as their videos, the joint set as its parts."""
    same = ("r2-youtube-vos", "refcoco+", "refcocog", "refcoco-joint")
    return [name for name in dataset_names() if name not in same]


@pytest.mark.benchmark
def test_loading() -> None:
    print(f"\n{HEAD}")
    for name in names():
        for smaller in (False, True)[: 1 + (name in NAMES)]:
            with tempfile.TemporaryDirectory() as folder:
                speed = measure(name, Path(folder), smaller=smaller)
            print(speed)
            assert all(share > 0 for share in speed.busy.values())


if __name__ == "__main__":
    print(HEAD)
    for chosen in sys.argv[1:] or names():
        for less in (False, True)[: 1 + (chosen in NAMES)]:
            with tempfile.TemporaryDirectory() as place:
                print(measure(chosen, Path(place), smaller=less), flush=True)
