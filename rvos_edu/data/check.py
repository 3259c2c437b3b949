"""Look at every file of a dataset before training does, and count what is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rvos_edu.data.check_report import CheckReport, SplitReport
from rvos_edu.data.index import look_anew
from rvos_edu.data.mask_grid import mask_grid_score
from rvos_edu.data.registry import MOVING_SHAPES, check_split, dataset_root, layout_of, load
from rvos_edu.errors import DataError, SplitError


def check(
    name: str,
    root: str | Path | None = None,
    *,
    level: str = "full",
    seed: int = 0,
    ceiling_videos: int = 60,
    anew: bool = True,
) -> CheckReport:
    """Decode every frame and mask of a dataset, compare them with its texts, and count.

    What it finds replaces what an earlier look had found; training with `skip_bad` leaves out what is bad.

    Args:
        name: a name of `dataset_names()`.
        root: its folder; Moving Shapes without one is made if need be.
        level, seed: which Moving Shapes; not used with `root`.
        ceiling_videos: videos per split of Moving Shapes that the score of the mask grid is measured on.
        anew: also where nothing has changed since the last look; the next start reads masks anew, too.

    Raises:
        DataError: for an unknown name; everything else is reported.
    """
    layout = layout_of(name)
    folder = dataset_root(name, root, level=level, seed=seed)
    if anew:
        look_anew(folder)
    splits: list[SplitReport] = []
    notes: list[str] = []
    where: dict[str, list[str]] = {}  # splits by problem: they can share files
    for split in layout.splits:
        try:
            report = check_split(name, folder, split, anew=anew)
        except DataError as error:
            absent = isinstance(error, SplitError) and split != layout.splits[0]
            if absent and not (folder / split).is_dir():
                notes.append(f"{split}: not there")
            else:
                text = f"{error}; the folder {folder / split} is there" if absent else str(error)
                where.setdefault(text, []).append(split)
            continue
        if name == MOVING_SHAPES and not report.problems:
            report = _with_ceiling(report, folder, ceiling_videos)
        splits.append(report)
        for text in report.problems:
            where.setdefault(text, []).append(split)
        surprises = report.surprises(layout.expected.get(split, {}), images=layout.images)
        notes += [f"{split}: {text}" for text in [*report.notes, *surprises]]
    problems = [f"{', '.join(names)}: {text}" for text, names in where.items()]
    return CheckReport(name, folder, splits, problems, notes, layout.expected, layout.images)


def _with_ceiling(report: SplitReport, root: Path, videos: int) -> SplitReport:
    if report.objects is None or not videos:
        return report
    dataset = load(MOVING_SHAPES, split=report.split, root=root)
    count = min(videos, len(dataset.clips))
    clips = [i * len(dataset.clips) // count for i in range(count)]
    return replace(report, ceiling=mask_grid_score(dataset, clips))
