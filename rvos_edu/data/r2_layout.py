"""R2-Youtube-VOS by name: how it is opened, and whether its pairs are what they have to be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rvos_edu.data.check_report import SplitReport
from rvos_edu.data.check_videos import check_videos
from rvos_edu.data.dataset import ClipDataset
from rvos_edu.data.layout import Ask, Layout
from rvos_edu.data.moving_shapes.truth import MovingShapesTruth, is_moving_shapes
from rvos_edu.data.r2_pairs import (
    KINDS,
    PairList,
    check_name,
    entry_key,
    pairs_file,
    read_categories,
    read_pairs,
)
from rvos_edu.data.r2_youtube_vos import fault_of, load_pairs, origins
from rvos_edu.data.refer_youtube_vos import VideoRecord, read_split
from rvos_edu.data.refer_youtube_vos_layout import EXPECTED, SOURCES
from rvos_edu.errors import DataError

R2_YOUTUBE_VOS = "r2-youtube-vos"


def open_pairs(root: Path, ask: Ask) -> ClipDataset:
    """A split, as it is asked for.

    Raises:
        DataError: as `load_pairs`; for a window.
    """
    if ask.window is not None:
        raise DataError(
            f"{R2_YOUTUBE_VOS} has false sentences, without targets, of whole videos: it is for evaluation "
            f"only, got a training window of {ask.window} frames"
        )
    return load_pairs(root, ask.split, seed=ask.seed, transform=ask.transform, skip=ask.skip)


def check_pairs(root: Path, split: str) -> SplitReport:
    """Look at the videos of a split, and at the random pairs of all seeds; expressions are those pairs.

    Every sentence has to be asked once, of another video, and every video has to be asked about once by all
    the sentences of one other (a derangement); of Moving Shapes each has to be false instead.

    Raises:
        DataError: if the split is not there, or has no pairs.
    """
    report = check_videos(root, split)
    files = pair_files(root, split)
    if not files:
        load_pairs(root, split, skip=frozenset(report.bad))  # makes them, or says how
        files = pair_files(root, split)
    bad = dict(report.bad)
    problems, notes = list(report.problems), list(report.notes)
    counts = []
    for path in files:
        try:
            count, wrong, said = _check_file(path, root, split, bad)
        except DataError as error:
            problems.append(str(error))
            continue
        counts.append(count)
        problems += wrong
        notes += said
    return replace(report, expressions=counts[0] if counts else 0, problems=problems, notes=notes, bad=bad)


def pair_files(root: Path, split: str) -> list[Path]:
    """The files of random pairs that are there, that of seed 0 first."""
    first = pairs_file(root, split)
    found = [path for path in sorted(first.parent.glob("r2_pairs_seed*.json"))]
    return [first, *found] if first.is_file() else found


def faulty_pairs(root: str | Path, split: str, *, skip: frozenset[str] = frozenset()) -> dict[str, str]:
    """The entries of the pairs of seed 0 that `load_pairs` would stop at, by `entry_key`, and why.

    Args:
        skip: videos and sentences that are left out; what is asked about them or taken from them is no fault.

    Raises:
        DataError: as `read_pairs`, for a file that is damaged as a whole.
    """
    found: dict[str, str] = {}
    records = read_split(root, split, bad={})
    for path in (pairs_file(root, split, kind=kind) for kind in KINDS):
        if path.is_file():
            found |= _sorted_out(path, records, skip)[1]
    return found


def _check_file(path: Path, root: Path, split: str, bad: dict[str, str]) -> tuple[int, list[str], list[str]]:
    """(number of pairs, problems, notes) of one file; entries that must be left out go into `bad`."""
    records = read_split(root, split, bad={})
    pairs, own = _sorted_out(path, records, frozenset(bad))
    problems = list(own.values())
    bad |= own
    if is_moving_shapes(root):
        problems += _true_pairs(path, pairs, MovingShapesTruth(root, split))
    elif not bad:  # with something left out, not every sentence can be asked
        problems += _no_derangement(path, pairs, records)
    problems += _categories(path, pairs, root, split)
    return len(pairs.pairs), problems, [f"{path.name}: {pairs.proven}", f"{path.name}: {pairs.doubt}"]


def _sorted_out(
    path: Path, records: list[VideoRecord], skip: frozenset[str]
) -> tuple[PairList, dict[str, str]]:
    """The good pairs of a file, and what is wrong with the others; those about `skip` are in neither."""
    own: dict[str, str] = {}
    pairs = read_pairs(path, bad=own)
    check_name(path, pairs)
    known = {record.video: {e.id: e for e in record.expressions} for record in records}
    good, seen = [], set[tuple[str, str]]()
    for pair in pairs.pairs:
        if skip & set(origins(pair)):
            continue  # told with the video or the sentence
        wrong = fault_of(pair, known, str(path))
        if wrong is None and (pair.video, pair.id) in seen:
            wrong = f"{path} lists the pair {pair.id} of video {pair.video!r} twice"
        if wrong is not None:
            own[entry_key(path, pair.place)] = wrong
            continue
        seen.add((pair.video, pair.id))
        good.append(pair)
    return replace(pairs, pairs=good), own


def _true_pairs(path: Path, pairs: PairList, truth: MovingShapesTruth) -> Iterator[str]:
    for pair in pairs.pairs:
        if truth.fits(pair.video, pair.text_video, pair.expression_id, mirrored=False):
            yield f"{path}: {pair.text!r} is true of video {pair.video!r}, of which it is asked"


def _no_derangement(path: Path, pairs: PairList, records: list[VideoRecord]) -> Iterator[str]:
    """Why the pairs of a real dataset are no derangement of its videos."""
    asked = Counter(f"{pair.text_video}/{pair.expression_id}" for pair in pairs.pairs)
    of_video: dict[str, set[str]] = {}
    for pair in pairs.pairs:
        of_video.setdefault(pair.text_video, set()).add(pair.video)
    for record in records:
        for expression in record.expressions:
            key = f"{record.video}/{expression.id}"
            if asked[key] != 1:
                yield f"{path} asks expression {key} {asked[key]} times, expected once"
    for video, others in of_video.items():
        if len(others) > 1:
            yield f"{path} asks sentences of video {video!r} about {len(others)} videos, expected one"
    targets = Counter(next(iter(others)) for others in of_video.values() if len(others) == 1)
    for video, times in sorted(targets.items()):
        if times > 1:
            yield f"{path} asks sentences of {times} videos about {video!r}, expected those of one"


def _categories(path: Path, pairs: PairList, root: Path, split: str) -> Iterator[str]:
    """Pairs that the file calls disjoint in their categories, which they are not."""
    categories = read_categories(root, split)
    for pair in pairs.pairs:
        if pair.categories_disjoint and pair.video in categories and pair.text_video in categories:
            common = categories[pair.video] & categories[pair.text_video]
            if common:
                yield (
                    f"{path} says that videos {pair.text_video!r} and {pair.video!r} share no category, "
                    f"they share {', '.join(sorted(common))}"
                )


LAYOUT = Layout(
    R2_YOUTUBE_VOS,
    "R2-Youtube-VOS",
    ("valid",),
    open_pairs,
    check_pairs,
    expected={"valid": EXPECTED["valid"]},  # one false sentence for each true one
    sources=SOURCES,
)
