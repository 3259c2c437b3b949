"""Which data an evaluation is of: what was asked for, checked, and the split opened."""

from __future__ import annotations

from rvos_edu.config import AnyExperiment
from rvos_edu.data import ClipDataset, layout_of, load
from rvos_edu.data.moving_shapes.truth import is_moving_shapes, level_and_seed
from rvos_edu.data.refcoco_layout import MOVING_SHAPES_IMAGES
from rvos_edu.data.refer_youtube_vos_layout import MOVING_SHAPES
from rvos_edu.errors import ConfigError


def level_and_seeds(
    data: str, root: str | None, level: str | None, seeds: list[int] | None
) -> tuple[str | None, list[int]]:
    """Level and seeds of Moving Shapes: those of the folder, if there is one and it says so.

    Raises:
        ConfigError: if they are asked for, and the folder has others or none.
    """
    if data in (MOVING_SHAPES, MOVING_SHAPES_IMAGES) and root is None:
        return level or "full", seeds or [0]
    if data != MOVING_SHAPES or root is None or not is_moving_shapes(root):
        if level is not None:
            raise ConfigError(f"{root or data} has no levels (generated Moving Shapes have), got {level!r}")
        return None, seeds or [0]
    found, seed = level_and_seed(root)
    if level not in (None, found) or seeds not in (None, [seed]):
        asked = [f"level {level}"] * (level is not None) + [f"seeds {seeds}"] * (seeds is not None)
        raise ConfigError(
            f"{root} was made with level {found} and seed {seed} (moving_shapes.json), asked for: "
            f"{', '.join(asked)}; leave level and seeds out, or the root"
        )
    return found, [seed]


def open_split(
    data: str,
    split: str,
    root: str | None,
    level: str | None,
    seed: int,
    config: AnyExperiment,
    *,
    skip_bad: bool,
) -> ClipDataset:
    """The split: whole videos, or the model's windows where single frames are annotated.

    Other seeds of Moving Shapes than the default are made without training videos.
    """
    train_videos = None if seed == 0 or split == "train" else 0
    window = config.data.window if layout_of(data).windowed else None
    return load(
        data,
        split=split,
        root=root,
        level=level or "full",
        seed=seed,
        train_videos=train_videos,
        window=window,
        skip_bad=skip_bad,
    )


def check_asked(seeds: list[int] | None, *, generated: bool, **counts: int | None) -> None:
    """Raise ConfigError for counts below 1, seeds below 0, or several seeds without `generated` data."""
    for name, count in counts.items():
        if count is not None and count < 1:
            raise ConfigError(f"{name} must be at least 1, got {count}")
    if seeds is not None and len(seeds) > 1 and not generated:
        raise ConfigError(f"several seeds need moving-shapes without a root, got {seeds}")
    if seeds is not None and min(seeds, default=0) < 0:
        raise ConfigError(f"seeds must be 0 or more, got {seeds}")
