"""Moving Shapes on disk, in the Refer-YouTube-VOS layout."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from rvos_edu.data.moving_shapes.language import Expression, Facts, gather_facts, write_expressions
from rvos_edu.data.moving_shapes.render import render
from rvos_edu.data.moving_shapes.scene import LEVELS, VERSION, Scene, generator, sample_scene
from rvos_edu.errors import DataError

Written = tuple[str, dict[str, Any], dict[str, Any]]  # name, sentences and frames, objects
FRAME_STEP = 5
PALETTE = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0, 0, 0, 128, 128, 0, 128] + [64] * 750


@dataclass(frozen=True)
class Video:
    """One generated video with all its truth.

    Args:
        frames: uint8 [T, H, W, 3].
        ids: uint8 [T, H, W], 0 = background.
    """

    name: str
    scene: Scene
    frames: np.ndarray
    ids: np.ndarray
    facts: list[Facts]
    expressions: list[Expression]


def video_name(level: str, seed: int, split: str, index: int) -> str:
    """Ten hex characters, as in the real dataset."""
    return hashlib.sha256(f"{VERSION}/{level}/{seed}/{split}/{index}".encode()).hexdigest()[:10]


def generate_video(level: str, seed: int, split: str, index: int) -> Video:
    """Draw scenes until one shows every object well enough; the same video for the same arguments."""
    rng = generator(level, seed, split, index)
    while True:
        scene = sample_scene(rng, level)
        frames, ids, areas = render(scene, rng)
        shown = np.stack([(ids == k + 1).sum((1, 2)) for k in range(len(scene.bodies))], 1)  # [T, I]
        visible = shown > 0
        if not _acceptable(scene, shown, areas):
            continue
        centres = np.array([[b.centre(t) for b in scene.bodies] for t in range(scene.frames)])
        facts = gather_facts(scene.bodies, centres, visible)
        expressions = write_expressions(facts, rng, level)
        if len(expressions) >= 2:
            name = video_name(level, seed, split, index)
            return Video(name, scene, frames, ids, facts, expressions)


def _acceptable(scene: Scene, shown: np.ndarray, areas: np.ndarray) -> bool:
    """Each object is mostly unhidden where it is in the picture, and is there when it should be."""
    for k, body in enumerate(scene.bodies):
        inside = areas[:, k] > 0
        if not inside.any() or shown[:, k].sum() < 0.5 * areas[:, k].sum():
            return False
        full = areas[:, k].max()
        if body.entry == "late" and (areas[0, k] > 0 or shown[-1, k] < 0.3 * full):
            return False
        if body.entry == "leaves" and (shown[0, k] < 0.3 * full or areas[-1, k] > 0):
            return False
        if body.entry == "always" and shown[:, k].min() < 0.15 * full:
            return False
    return True


def make(
    root: str | os.PathLike[str],
    *,
    level: str = "full",
    seed: int = 0,
    train: int = 2000,
    valid: int = 200,
    test: int = 200,
    workers: int | None = None,
) -> Path:
    """Write Moving Shapes below `root` in the Refer-YouTube-VOS layout; same arguments, same bytes.

    Written under a temporary name and renamed, so that a half-made dataset is never taken for a whole one.

    Raises:
        DataError: for an unknown level, a negative size, or a `root` that already holds something else.
    """
    if level not in LEVELS:
        raise DataError(f"unknown level {level!r} of moving-shapes; expected one of {', '.join(LEVELS)}")
    sizes = {"train": train, "valid": valid, "test": test}
    if min(sizes.values()) < 0 or seed < 0:
        raise DataError(f"moving-shapes needs sizes and a seed >= 0, got sizes {sizes} and seed {seed}")
    root = Path(root)
    if root.exists() and any(root.iterdir()):
        raise DataError(f"{root} exists and is not empty; choose another folder or remove it")
    partial_root = root.with_name(f".{root.name}.partial-{os.getpid()}")
    shutil.rmtree(partial_root, ignore_errors=True)
    jobs = [(split, index) for split, size in sizes.items() for index in range(size)]
    write = partial(_write_video, str(partial_root), level, seed)
    try:
        entries = _run(write, jobs, workers or available_cores(), str(root))
        for split, size in sizes.items():
            if size:
                _write_split(
                    partial_root, split, [e for (s, _), e in zip(jobs, entries, strict=True) if s == split]
                )
        about = {"version": VERSION, "level": level, "seed": seed, **sizes}
        (partial_root / "moving_shapes.json").write_text(json.dumps(about, indent=1) + "\n")
        root.parent.mkdir(parents=True, exist_ok=True)
        if root.exists():
            root.rmdir()
        os.replace(partial_root, root)
    except BaseException:
        shutil.rmtree(partial_root, ignore_errors=True)
        raise
    return root


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run(
    write: Callable[[tuple[str, int]], Written], jobs: list[tuple[str, int]], workers: int, where: str
) -> list[Written]:
    bar = partial(tqdm, total=len(jobs), desc=f"Moving Shapes -> {where}", unit="video")
    # Forked, or not at all: a spawned process first runs the caller's script again, which may be what makes
    # the data, without a guard around it. One process needs about a minute for the default size.
    if workers <= 1 or len(jobs) < 16 or not sys.platform.startswith("linux"):
        return list(bar(map(write, jobs)))
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("fork")) as pool:
        return list(bar(pool.map(write, jobs, chunksize=8)))


def _write_video(root: str, level: str, seed: int, job: tuple[str, int]) -> Written:
    split, index = job
    video = generate_video(level, seed, split, index)
    pictures = Path(root, split, "JPEGImages", video.name)
    masks = Path(root, split, "Annotations", video.name)
    pictures.mkdir(parents=True, exist_ok=True)
    masks.mkdir(parents=True, exist_ok=True)
    names = [f"{FRAME_STEP * t:05d}" for t in range(len(video.frames))]
    for name, frame, ids in zip(names, video.frames, video.ids, strict=True):
        Image.fromarray(frame).save(pictures / f"{name}.jpg", quality=92, subsampling=0)
        picture = Image.fromarray(ids)
        picture.putpalette(PALETTE)
        picture.save(masks / f"{name}.png")
    expressions = {
        str(i): {
            "exp": e.text,
            "obj_id": str(e.identity),
            "category": e.category,
            "candidates": e.candidates,
            "predicates": [list(p) for p in e.predicates],
        }
        for i, e in enumerate(video.expressions)
    }
    objects = {
        str(f.identity): {
            "category": f.shape,
            "frames": [n for n, seen in zip(names, f.visible, strict=True) if seen],
            "facts": asdict(f),
        }
        for f in video.facts
    }
    return video.name, {"expressions": expressions, "frames": names}, {"objects": objects}


def _write_split(root: Path, split: str, entries: list[Written]) -> None:
    entries = sorted(entries, key=lambda e: e[0])
    folder = root / "meta_expressions" / split
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"videos": {name: meta for name, meta, _ in entries}}, sort_keys=False)
    (folder / "meta_expressions.json").write_text(text + "\n")
    objects = json.dumps({"videos": {name: about for name, _, about in entries}})
    (root / split / "meta.json").write_text(objects + "\n")
