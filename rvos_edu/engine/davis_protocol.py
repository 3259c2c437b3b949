"""Ref-DAVIS17 as it is published: the objects of a sequence compete for pixels, per annotator; DAVIS scores.

A video is cut into clips of `inference.max_frames` (the paper's models: 36), the last one shorter; each is
segmented on its own and chooses its own query, as published. Then, in every frame, a pixel goes to the object
with the highest probability, of those that are at least one half, else to the background.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from rvos_edu.config import AnyExperiment
from rvos_edu.data import ClipDataset, VideoDataset
from rvos_edu.data.images import read_mask
from rvos_edu.data.palette import write_ids
from rvos_edu.data.ref_davis import ANNOTATORS, sentences_of_slot
from rvos_edu.data.refer_youtube_vos import VideoRecord, read_split
from rvos_edu.engine.inference import predict
from rvos_edu.engine.segment import rejects
from rvos_edu.engine.summary import EvaluationResult
from rvos_edu.errors import DataError
from rvos_edu.metrics.davis import (
    MATCHES,
    DavisScore,
    SequenceScore,
    davis_objects,
    mean_score,
    pair_scores,
)
from rvos_edu.models import VideoModel
from rvos_edu.structures import VideoSample

BACKGROUND = 0.1  # published; below 0.5 nothing competes with it


@dataclass(frozen=True)
class DavisResult:
    """Scores by matching ("hungarian", "id"), one per annotator slot."""

    scores: Mapping[str, Sequence[DavisScore]]

    def figures(self) -> dict[str, float]:
        """J, F and J&F in percent by dotted names: davis.hungarian.anno_0.jf, ..., davis.id.mean.jf."""
        flat: dict[str, float] = {}
        for match, scores in self.scores.items():
            for key in ("jf", "j", "f"):
                values = [100.0 * float(getattr(score, key)) for score in scores]
                flat |= {f"davis.{match}.anno_{slot}.{key}": value for slot, value in enumerate(values)}
                flat[f"davis.{match}.mean.{key}"] = float(np.mean(values))
        return flat


def segment_sequences(
    model: VideoModel,
    dataset: VideoDataset,
    folder: str | Path,
    *,
    config: AnyExperiment,
    clips: Sequence[int] | None = None,
    rejected: Collection[tuple[str, str]] = (),
    progress: bool = True,
) -> list[str]:
    """Write masks of all objects as each annotator names them: folder/anno_{slot}/<sequence>/<frame>.png.

    Args:
        model: in evaluation mode.
        dataset: whole videos of Ref-DAVIS17.
        folder: is made if need be.
        config: how frames are resized and masks post-processed; `inference.max_frames`: frames of a clip.
        clips: numbers of its clips; default: all.
        rejected: (video, expression id) of the sentences whose masks the filter 1(A) empties in all frames.
        progress: show a bar.

    Returns:
        the sequences.

    Raises:
        DataError: if a sequence does not have one sentence per object and annotator.
    """
    records = {record.video: record for record in dataset.records}
    chosen = range(len(dataset.clips)) if clips is None else clips
    sequences = []
    for clip in tqdm(chosen, desc="DAVIS sequences", unit="sequence", disable=not progress):
        samples = {sample.expression_id: sample for sample in dataset.load_clip(clip)}
        video = dataset.clips[clip].video
        for slot in range(len(ANNOTATORS)):
            sentences = sentences_of_slot(dataset.root, dataset.split, records[video], slot)
            own = [samples[sentence.id] for sentence in sentences]
            ids = [sentence.object_id or 0 for sentence in sentences]
            place = Path(folder) / f"anno_{slot}" / video
            place.mkdir(parents=True)
            for start in range(0, len(own[0].frames), config.inference.max_frames):
                part = [_cut(sample, start, config.inference.max_frames) for sample in own]
                [answers] = predict(model, [part], config=config)
                empty = [(video, sentence.id) in rejected for sentence in sentences]
                masks = compete([a.probable() * (not e) for a, e in zip(answers, empty, strict=True)], ids)
                for name, mask in zip(part[0].frame_names, masks, strict=True):
                    write_ids(place / f"{name}.png", mask)
        sequences.append(video)
    return sequences


def compete(probabilities: Sequence[np.ndarray], ids: Sequence[int]) -> np.ndarray:
    """Ids uint8 [T, H, W]: every pixel's most probable object, the first of equals; 0 below one half.

    Args:
        probabilities: float [T, H, W] per object.
        ids: of the objects.
    """
    best = np.full(probabilities[0].shape, BACKGROUND, probabilities[0].dtype)
    found = np.zeros(best.shape, np.uint8)
    for values, number in zip(probabilities, ids, strict=True):
        wins = (values >= 0.5) & (values > best)
        found[wins], best[wins] = number, values[wins]
    return found


def score_davis_folder(
    folder: str | Path,
    root: str | Path,
    *,
    split: str = "valid",
    sequences: Sequence[str] | None = None,
    skip: frozenset[str] = frozenset(),
    progress: bool = True,
) -> DavisResult:
    """Scores of a folder of masks, with proposals assigned as DAVIS does and by strict identity.

    Scored are the objects of DAVIS (see `davis_objects`) and those that sentences refer to; in Moving Shapes
    an object can be named that enters late.

    Args:
        folder: holds anno_0 to anno_3, or Davis17_annot1, Davis17_annot1_full_video, ...; in each
            <sequence>/<frame>.png, value = id of the object.
        root: Ref-DAVIS17.
        split: of it.
        sequences: those that are scored; default: all.
        skip: keys of what is left out, as in `read_split`.
        progress: show a bar.

    Raises:
        DataError: if a folder, sequence or frame is missing, damaged, of another size or has too many ids.
    """
    records = {record.video: record for record in read_split(root, split, skip=skip)}
    names = list(records) if sequences is None else list(sequences)
    folders = _annotator_folders(Path(folder))
    found: dict[str, list[list[SequenceScore]]] = {match: [[] for _ in folders] for match in MATCHES}
    for name in tqdm(names, desc="scoring sequences", unit="sequence", disable=not progress):
        if name not in records:
            raise DataError(f"{root} has no sequence {name!r} in its split {split!r}")
        truth = _read_ids(Path(root) / split / "Annotations" / name, records[name])
        referred = {e.object_id for e in records[name].expressions if e.object_id is not None}
        objects = sorted({*davis_objects(truth), *referred})
        for slot, place in enumerate(folders):
            prediction = _read_ids(place / name, records[name], truth.shape[1:])
            try:
                pairs = pair_scores(prediction, truth, objects=objects)
            except ValueError as error:
                raise DataError(f"{place / name}: {error}") from error
            for match, scores in found.items():
                scores[slot].append(pairs.assign(match))
    return DavisResult({match: [mean_score(s) for s in by_slot] for match, by_slot in found.items()})


def add_davis(
    result: EvaluationResult,
    model: VideoModel,
    dataset: ClipDataset,
    folder: Path,
    *,
    config: AnyExperiment,
) -> None:
    """Segment and score the clips of Ref-DAVIS17 that `result` is of; figures go there, masks to `folder`.

    A sequence with a sentence that is left out as faulty is left out here: its objects cannot compete.

    The filter 1(A) is applied where the settings want it. What it decides is what the model has said of whole
    videos in `result`, as in submissions: one decision per sentence, not one per clip.

    Raises:
        DataError: as `segment_sequences`; if no sequence has all its sentences.
    """
    assert isinstance(dataset, VideoDataset)
    incomplete = {key.split("/")[0] for key in dataset.left_out}
    clips = sorted({score.clip for score in result.expressions})
    clips = [clip for clip in clips if dataset.clips[clip].video not in incomplete]
    if not clips:
        raise DataError(f"{dataset.root}: no sequence of {dataset.split!r} has all its sentences")
    settings, scores = config.inference, result.expressions
    rejected = {(s.video, s.expression_id) for s in scores if rejects(settings, s.mismatch)}
    sequences = segment_sequences(model, dataset, folder, config=config, clips=clips, rejected=rejected)
    score = score_davis_folder(
        folder, dataset.root, split=dataset.split, sequences=sequences, skip=dataset.left_out
    )
    result.own.update(score.figures())
    if result.overall_filtered is not None and getattr(settings, "align_filter", False):
        result.own["davis.rejected"] = 100.0 * len(rejected) / len(scores)


def _cut(sample: VideoSample, start: int, length: int) -> VideoSample:
    """The clip of a video that begins at frame `start`."""
    frames = sample.frames[start : start + length]
    return replace(
        sample,
        frames=frames,
        target=None,
        annotated=tuple(range(len(frames))),
        frame_names=sample.frame_names[start : start + length],
    )


def _annotator_folders(folder: Path) -> list[Path]:
    """One per slot, by either family of names."""
    families = [[f"anno_{slot}" for slot in range(len(ANNOTATORS))], list(ANNOTATORS)]
    for names in families:
        if (folder / names[0]).is_dir():
            if missing := [name for name in names if not (folder / name).is_dir()]:
                raise DataError(f"{folder / missing[0]} is missing: results need all four annotators")
            return [folder / name for name in names]
    raise DataError(f"{folder} holds neither {', '.join(families[0])} nor {', '.join(families[1])}")


def _read_ids(folder: Path, record: VideoRecord, size: tuple[int, ...] | None = None) -> np.ndarray:
    """uint8 [T, H, W] of all frames of a sequence; `size`: (H, W) that they must have."""
    if not folder.is_dir():
        raise DataError(f"{folder} is missing")
    first = read_mask(folder / f"{record.frames[0]}.png")
    height, width = first.shape if size is None else size
    ids = np.empty((len(record.frames), height, width), np.uint8)
    for t, name in enumerate(record.frames):
        ids[t] = read_mask(folder / f"{name}.png", (height, width))
    return ids
