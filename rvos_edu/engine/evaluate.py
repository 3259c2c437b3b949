"""The command that evaluates a model on a split, and what it does where the masks are hidden."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

from rvos_edu.config import AnyExperiment
from rvos_edu.data import ClipDataset, PairDataset
from rvos_edu.data.centre_windows import CentreWindows
from rvos_edu.data.coco_truth import coco_ground_truth
from rvos_edu.data.ref_davis import REF_DAVIS17
from rvos_edu.data.refer_youtube_vos_layout import MOVING_SHAPES
from rvos_edu.data.submission_format import FORMATS
from rvos_edu.engine.davis_protocol import add_davis
from rvos_edu.engine.evaluate_split import QuickScore, evaluate, quick_score
from rvos_edu.engine.evaluation_data import check_asked, level_and_seeds, open_split
from rvos_edu.engine.evaluation_notes import add_notes, notes_of
from rvos_edu.engine.evaluation_page import write_page
from rvos_edu.engine.evaluation_report import EvaluationReport, alignment_of, write_report
from rvos_edu.engine.hidden_report import SUBMISSION
from rvos_edu.engine.inference import load_model
from rvos_edu.engine.outputs import check_replaceable, result_dir
from rvos_edu.engine.robust_protocol import add_false_pairs, false_pairs_of
from rvos_edu.engine.segment import settle_alignment
from rvos_edu.engine.submission import segment_split, write_submission
from rvos_edu.engine.summary import EvaluationResult, summarise_hidden
from rvos_edu.errors import ConfigError, DataError
from rvos_edu.models import VideoModel

__all__ = ["QuickScore", "evaluate", "quick_score", "run"]
MARKER = "evaluation.json"  # tells a folder of this command from others


def run(
    model: str = "nano-mttr",
    *,
    data: str = "moving-shapes",
    root: str | None = None,
    split: str = "test",
    level: str | None = None,
    seeds: list[int] | None = None,
    limit: int | None = None,
    out: str | None = None,
    shuffle_frames: bool | None = None,
    swap_sentences: bool | None = None,
    false_sentences: bool | None = None,
    batch_size: int = 4,
    skip_bad: bool = False,
    align_threshold: float | None = None,
    align_filter: bool | None = None,
) -> EvaluationReport:
    """Evaluate a model on a split, print the table and write table, JSON and a page of best and worst clips.

    Where a split has no masks (valid of Refer-YouTube-VOS and MeViS) J, F and the like are left to the
    server: `submission.zip` is written and checked instead; R is measured if the false pairs are there.

    Args:
        model: a shipped name, a folder of weights or the folder of a training run.
        data, root, split, skip_bad: as for `rvos_edu.data.load`.
        level, seeds: of Moving Shapes ("full", 0, or those of `root`): one test split is made per seed.
        limit, batch_size: videos per seed (default all), videos per forward pass.
        out: folder of the files; default `runs/evaluate-<model>-<data>-<split>`.
        shuffle_frames, swap_sentences, false_sentences: also run these protocols; default on Moving Shapes.
        align_threshold, align_filter: as for `segment`; the filter is that of the submission and of DAVIS.

    Raises:
        DataError, CheckpointError, ConfigError: if something is missing or damaged.
    """
    check_asked(seeds, limit=limit, batch_size=batch_size, generated=data == MOVING_SHAPES and root is None)
    folder = check_replaceable(out or f"runs/evaluate-{Path(model).name}-{data}-{split}", marker=MARKER)
    level, seeds = level_and_seeds(data, root, level, seeds)
    network, config = _settled(model, align_threshold, align_filter)
    datasets = {s: open_split(data, split, root, level, s, config, skip_bad=skip_bad) for s in seeds}
    how = _How(
        network, config, name=str(model), data=data, split=split, level=level,
        limit=limit, batch_size=batch_size,
        shuffle=shuffle_frames, swap=swap_sentences, false=false_sentences, skip_bad=skip_bad,
    )  # fmt: skip
    with result_dir(folder, marker=MARKER) as temporary:
        report, used = how.report(datasets, temporary)
        notes = _write(temporary, report, used, model=network, config=config)
    _tell(report, notes, folder)
    return report


def _write(
    folder: Path,
    report: EvaluationReport,
    used: list[_Used],
    *,
    model: VideoModel,
    config: AnyExperiment,
) -> list[str]:
    """Table, JSON and page; of single frames also the truth, for other people's scoring code.

    Returns what sets the data apart from those of published figures.
    """
    notes, first = notes_of(data for one in used for data in one.all), used[0]
    write_report(folder, report)
    add_notes(folder / MARKER, notes)
    if isinstance(first.dataset, CentreWindows):
        text = json.dumps(coco_ground_truth(first.dataset))
        (folder / "coco_truth.json").write_text(text, encoding="utf-8")
    write_page(
        folder / "index.html",
        report,
        model=model,
        dataset=first.dataset,
        config=config,
        pairs=first.pairs,
        notes=notes,
    )
    return notes


def _tell(report: EvaluationReport, notes: list[str], folder: Path) -> None:
    print(report.table(), *(f"not as in published figures: {note}" for note in notes), sep="\n")
    print(f"written to {folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")


@dataclass(frozen=True)
class _Used:
    """The data of one seed: the split, and the false sentences that were asked of it."""

    dataset: ClipDataset
    pairs: list[PairDataset]

    @property
    def all(self) -> list[ClipDataset]:
        return [self.dataset, *self.pairs]

    @property
    def skipped(self) -> int:
        """Number of faulty entries that were left out of any of them."""
        return len(frozenset().union(*(data.left_out for data in self.all)))


@dataclass(frozen=True)
class _How:
    """What is the same for all seeds; protocols that are None run where they can."""

    model: VideoModel
    config: AnyExperiment
    name: str
    data: str
    split: str
    level: str | None  # None: not Moving Shapes, or not known
    limit: int | None
    batch_size: int
    shuffle: bool | None
    swap: bool | None
    false: bool | None
    skip_bad: bool

    def report(
        self, datasets: Mapping[int, ClipDataset], folder: Path
    ) -> tuple[EvaluationReport, list[_Used]]:
        """Score one split per seed; also the data that were used, per seed."""
        started = time.monotonic()
        scored = [self.score(dataset, seed, folder) for seed, dataset in datasets.items()]
        results, used = [result for result, _ in scored], [data for _, data in scored]
        report = EvaluationReport(
            model=self.name,
            data=self.data,
            split=self.split,
            level=self.level,
            seeds=list(datasets),
            clips=[len({score.clip for score in result.true_scores}) for result in results],
            results=results,
            seconds=time.monotonic() - started,
            alignment=alignment_of(self.config.inference),
            skipped=sum(data.skipped for data in used),
        )
        return report, used

    def score(self, dataset: ClipDataset, seed: int, folder: Path) -> tuple[EvaluationResult, _Used]:
        """All figures of one split, and the data that were used; what is for a server goes into `folder`."""
        hidden = truth_is_hidden(dataset)
        pairs = false_pairs_of(  # missing ones stop us here
            dataset, wanted=self.false, hidden=hidden, skip_bad=self.skip_bad
        )
        result = self._hidden(dataset, folder) if hidden else self._scored(dataset, seed)
        add_false_pairs(
            result, self.model, pairs, config=self.config, limit=self.limit, batch_size=self.batch_size
        )
        if self.data == REF_DAVIS17 and not hidden:
            add_davis(result, self.model, dataset, folder / "masks", config=self.config)
        return result, _Used(dataset, pairs)

    def _scored(self, dataset: ClipDataset, seed: int) -> EvaluationResult:
        shapes = self.data == MOVING_SHAPES
        return evaluate(
            self.model,
            dataset,
            config=self.config,
            limit=self.limit,
            batch_size=self.batch_size,
            shuffle=shapes if self.shuffle is None else self.shuffle,
            swap=shapes if self.swap is None else self.swap,
            seed=seed,
        )

    def _hidden(self, dataset: ClipDataset, folder: Path) -> EvaluationResult:
        if self.shuffle or self.swap:
            raise ConfigError(
                f"shuffled frames and swapped sentences need masks, {self.data} {self.split} has none"
            )
        form = FORMATS.get(self.data)
        if form is None:
            outputs = segment_split(self.model, dataset, config=self.config, limit=self.limit)
            return summarise_hidden(outputs)
        outputs, found = write_submission(
            self.model, dataset, folder / SUBMISSION, form, config=self.config, limit=self.limit
        )
        return replace(summarise_hidden(outputs), submission=found)


def truth_is_hidden(dataset: ClipDataset) -> bool:
    """Whether a split comes without masks: only a server can measure what is found in it.

    Raises:
        DataError: for a dataset of false sentences only.
    """
    if isinstance(dataset, PairDataset):
        raise DataError(
            "r2-youtube-vos has false sentences only, and R compares them with the true ones: evaluate "
            "refer-youtube-vos (--data) with --false-sentences"
        )
    return len(dataset.clips) > 0 and all(sample.target is None for sample in dataset.load_clip(0))


def _settled(name: str, threshold: float | None, wanted: bool | None) -> tuple[VideoModel, AnyExperiment]:
    """The model, and its settings with 1(A) as it was asked for."""
    model, config = load_model(name)
    config = deepcopy(config)
    settle_alignment(model, config.inference, threshold=threshold, wanted=wanted)
    return model, config
