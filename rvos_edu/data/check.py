"""Look at every file of a dataset before training does, and count what is there."""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tqdm.auto import tqdm

from rvos_edu.data.dataset import VideoDataset
from rvos_edu.data.images import read_frame, read_mask
from rvos_edu.data.refer_youtube_vos import VideoRecord, missing_files, missing_message, read_split
from rvos_edu.data.registry import IMAGES, MOVING_SHAPES, check_name, dataset_root
from rvos_edu.errors import DataError

EXPECTED = {"refer-youtube-vos": {"train": (3471, 12913), "valid": (202, 834)}}  # videos, expressions
STRIDE = 4  # of the masks that the models predict
_SHOWN = 20  # problems printed in full


@dataclass(frozen=True)
class SplitReport:
    """What one split holds.

    Args:
        frames: mean number of frames per video.
        objects: mean number of objects per video, None without masks.
        late: share of videos with an object that is absent from the first frame and present later.
        categories: expressions per category; empty where unknown.
        ceiling: J&F of the truth averaged to the mask grid and enlarged again, see `mask_grid_score`.
        problems: what would stop training or evaluation.
        notes: what is only worth knowing.
    """

    split: str
    videos: int
    expressions: int
    frames: float
    objects: float | None
    late: float | None
    categories: dict[str, int]
    ceiling: float | None
    problems: list[str]
    notes: list[str]


@dataclass(frozen=True)
class CheckReport:
    """What `check` found; `str()` gives the table that the command line prints."""

    name: str
    root: Path
    splits: list[SplitReport]
    problems: list[str]
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing would stop training."""
        return not self.problems

    def __str__(self) -> str:
        lines = [f"{self.name} at {self.root}", "", *_table(self.name, self.splits)]
        if self.notes:
            lines += ["", "Notes", *_listed(self.notes)]
        if self.problems:
            lines += ["", f"{len(self.problems)} problems, training would fail", *_listed(self.problems)]
        else:
            lines += ["", "No problems found."]
        return "\n".join(lines)


def check(
    name: str,
    root: str | Path | None = None,
    *,
    level: str = "full",
    seed: int = 0,
    ceiling_videos: int = 60,
) -> CheckReport:
    """Decode every frame and mask of a dataset, compare them with its JSON, and count.

    Args:
        name: a name of `dataset_names()`.
        root: its folder; Moving Shapes without one is made if need be.
        level, seed: which Moving Shapes; not used with `root`.
        ceiling_videos: videos per split that the score of the mask grid is measured on.

    Raises:
        DataError: for an unknown name, or a dataset of images; everything else is reported.
    """
    check_name(name)
    if name in IMAGES:
        raise DataError(f"{name} has images, the check reads videos; loading a split checks its files")
    folder = dataset_root(name, root, level=level, seed=seed)
    present = {p.parent.name for p in folder.glob("meta_expressions/*/meta_expressions.json")}
    splits, problems, notes = [], [], []
    for split in ("train", "valid", "test") if name == MOVING_SHAPES else ("train", "valid"):
        if split not in present and split != "train":
            notes.append(f"{split}: not there")
            continue
        try:
            records = read_split(folder, split)
        except DataError as error:
            problems.append(f"{split}: {error}")
            continue
        report = _check_split(folder, split, records, ceiling_videos if name == MOVING_SHAPES else 0)
        splits.append(report)
        problems += [f"{split}: {text}" for text in report.problems]
        notes += [f"{split}: {text}" for text in [*report.notes, *_surprises(name, report)]]
    return CheckReport(name, folder, splits, problems, notes)


def mask_grid_score(dataset: VideoDataset, clips: list[int]) -> float:
    """J&F in percent of the truth averaged to the mask grid (stride 4), enlarged again and cut at 0.5.

    The best that a model with masks at this stride can be expected to reach; mean over the referred
    objects of some clips.
    """
    from rvos_edu.metrics import contour_accuracy, region_similarity

    scores = []
    for clip in clips:
        targets = {s.target.referred: s.target for s in dataset.load_clip(clip) if s.target is not None}
        for referred, target in targets.items():
            truth = target.masks[referred]
            there_and_back = _through_grid(truth).numpy()
            region = region_similarity(there_and_back, truth.numpy())
            contour = contour_accuracy(there_and_back, truth.numpy())
            scores.append(float(np.mean(region) + np.mean(contour)) / 2)
    return 100 * float(np.mean(scores)) if scores else float("nan")


def _through_grid(masks: torch.Tensor) -> torch.Tensor:
    """bool [T, H, W] to the grid and back; sizes are padded with background to whole cells."""
    height, width = masks.shape[-2:]
    whole = F.pad(masks[:, None].float(), (0, -width % STRIDE, 0, -height % STRIDE))
    grid = F.avg_pool2d(whole, STRIDE)
    large = F.interpolate(grid, scale_factor=STRIDE, mode="bilinear", align_corners=False)
    return large[:, 0, :height, :width] >= 0.5


@dataclass(frozen=True)
class _Facts:
    problems: list[str]
    notes: list[str]
    objects: int
    late: bool


def _check_split(root: Path, split: str, records: list[VideoRecord], ceiling_videos: int) -> SplitReport:
    missing = missing_files(root, split, records)
    problems = [missing_message(root, split, missing)] if missing else []
    problems += [f"{path} is missing" for path in missing[1:]]
    masked = (root / split / "Annotations").is_dir()
    if split == "train" and not masked:
        problems.append(f"{root / split / 'Annotations'} is missing")
    gone = set(missing)
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        found = pool.map(lambda record: _check_video(root / split, record, masked, gone), records)
        facts = list(tqdm(found, total=len(records), desc=f"Checking {split}", unit="video", delay=1.0))
    problems += [text for f in facts for text in f.problems]
    if split == "train":
        bare = [f"{r.video}/{e.id}" for r in records for e in r.expressions if e.object_id is None]
        problems += [f"expression {where} names no object (obj_id)" for where in bare]
    ceiling = None
    if ceiling_videos and masked and not problems:
        dataset = VideoDataset(root, split=split)
        count = min(ceiling_videos, len(dataset.clips))
        ceiling = mask_grid_score(dataset, [i * len(dataset.clips) // count for i in range(count)])
    expressions = [e for r in records for e in r.expressions]
    return SplitReport(
        split=split,
        videos=len(records),
        expressions=len(expressions),
        frames=float(np.mean([len(r.frames) for r in records])),
        objects=float(np.mean([f.objects for f in facts])) if masked else None,
        late=float(np.mean([f.late for f in facts])) if masked else None,
        categories=dict(sorted(Counter(e.category for e in expressions if e.category).items())),
        ceiling=ceiling,
        problems=problems,
        notes=[text for f in facts for text in f.notes],
    )


def _check_video(folder: Path, record: VideoRecord, masked: bool, gone: set[Path]) -> _Facts:
    """Decode all frames and masks of a video; missing files are already reported."""
    problems: list[str] = []
    seen: list[set[int]] = []  # per mask that can be read
    size: tuple[int, int] | None = None
    masked = masked and any(e.object_id is not None for e in record.expressions)
    for name in record.frames:
        image = folder / "JPEGImages" / record.video / f"{name}.jpg"
        mask = folder / "Annotations" / record.video / f"{name}.png"
        try:
            if image not in gone:
                height, width = read_frame(image).shape[:2]
                size = size or (height, width)
                if (height, width) != size:
                    problems.append(f"{image} is {height}x{width}, earlier frames are {size[0]}x{size[1]}")
            if masked and mask not in gone:
                seen.append({int(v) for v in np.unique(read_mask(mask, size)) if v})
        except DataError as error:
            problems.append(str(error))
    objects = set().union(*seen)
    notes = [
        f"object {e.object_id} of expression {record.video}/{e.id} is in no mask, training leaves it out"
        for e in record.expressions
        if seen and e.object_id is not None and e.object_id not in objects
    ]
    return _Facts(problems, notes, len(objects), bool(seen) and bool(objects - seen[0]))


def _surprises(name: str, report: SplitReport) -> list[str]:
    expected = EXPECTED.get(name, {}).get(report.split)
    if expected is None or expected == (report.videos, report.expressions):
        return []
    return [
        f"found {report.videos} videos and {report.expressions} expressions, "
        f"the published split has {expected[0]} and {expected[1]}"
    ]


def _table(name: str, splits: list[SplitReport]) -> list[str]:
    rows: list[list[str]] = [["", *(s.split for s in splits)]]
    rows.append(["videos", *(str(s.videos) for s in splits)])
    rows.append(["expressions", *(str(s.expressions) for s in splits)])
    if name in EXPECTED:
        for i, what in enumerate(("videos", "expressions")):
            rows.append([f"expected {what}", *(str(EXPECTED[name][s.split][i]) for s in splits)])
    rows.append(["frames per video", *(f"{s.frames:.1f}" for s in splits)])
    rows.append(["objects per video", *(_number(s.objects, "{:.2f}") for s in splits)])
    rows.append(["videos with a late entry", *(_number(s.late, "{:.1%}") for s in splits)])
    for category in sorted({c for s in splits for c in s.categories}):
        counts = [(s.categories.get(category, 0), s.expressions) for s in splits]
        rows.append([f"category {category}", *(f"{n} ({n / max(1, total):.1%})" for n, total in counts)])
    if any(s.ceiling is not None for s in splits):
        rows.append([f"J&F of the truth at stride {STRIDE}", *(_number(s.ceiling, "{:.1f}") for s in splits)])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        (row[0].ljust(widths[0]) + "".join(t.rjust(w + 3) for t, w in zip(row[1:], widths[1:], strict=True)))
        for row in rows
    ]


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def _listed(texts: list[str]) -> list[str]:
    more = len(texts) - _SHOWN
    return [f"  {t}" for t in texts[:_SHOWN]] + ([f"  ... and {more} more"] if more > 0 else [])
