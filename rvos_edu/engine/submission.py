"""Segment a split whose masks are hidden, and pack what is found for the server that has them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from rvos_edu.config import AnyExperiment
from rvos_edu.data import ClipDataset
from rvos_edu.data.submission import validate_submission
from rvos_edu.data.submission_format import SubmissionFormat
from rvos_edu.data.submission_report import SubmissionReport
from rvos_edu.engine.inference import evenly, predictions
from rvos_edu.engine.scoring import OutputScore
from rvos_edu.engine.segment import rejects
from rvos_edu.errors import DataError
from rvos_edu.files import atomic_write
from rvos_edu.models import VideoModel
from rvos_edu.structures import VideoSample

_STAMP = (1980, 1, 1, 0, 0, 0)  # of every PNG: the same masks give the same bytes


class SubmissionWriter:
    """Adds masks to a zip, one expression at a time; see `submission_writer`."""

    def __init__(self, archive: zipfile.ZipFile, form: SubmissionFormat) -> None:
        self._archive, self._form = archive, form
        self._written: set[tuple[str, str]] = set()

    def add(self, sample: VideoSample, masks: np.ndarray) -> None:
        """Write one PNG per annotated frame, empty ones too.

        Args:
            sample: which video, expression and frames.
            masks: bool [A, H, W] at the video's own size.

        Raises:
            DataError: if this expression of this video is in the zip already.
            ValueError: if the masks do not fit the frames.
        """
        names = [sample.frame_names[i] for i in sample.annotated]
        if masks.shape != (len(names), *sample.original_size) or masks.dtype != bool:
            expected = (len(names), *sample.original_size)
            raise ValueError(f"masks must be bool {expected}, got {masks.dtype} {masks.shape}")
        key = (sample.video, sample.expression_id)
        if key in self._written or len(set(names)) < len(names):
            raise DataError(f"expression {key[1]} of video {key[0]} would be in the submission twice")
        self._written.add(key)
        for name, mask in zip(names, masks, strict=True):
            member = zipfile.ZipInfo(self._form.member(*key, name), _STAMP)
            self._archive.writestr(member, _png(mask))  # stored: PNG do not shrink any more


@contextmanager
def submission_writer(path: str | Path, form: SubmissionFormat) -> Iterator[SubmissionWriter]:
    """A writer of a zip that is at `path` when all is written, and not before.

    Raises:
        StorageError: if the disk is full.
    """
    with atomic_write(path, durable=False) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        yield SubmissionWriter(archive, form)


def write_submission(
    model: VideoModel,
    dataset: ClipDataset,
    path: str | Path,
    form: SubmissionFormat,
    *,
    config: AnyExperiment,
    limit: int | None = None,
    progress: bool = True,
) -> tuple[list[OutputScore], SubmissionReport]:
    """Segment whole videos into a zip and check it: records of all expressions, and what the check found.

    Masks are those of temporal segment voting; 1(A) empties them where the settings want it, as in `segment`.

    Args:
        model: in evaluation mode.
        dataset: stored frames, one clip per video (`window=None`, no transform).
        path: the zip.
        form: of the server.
        config: how frames are resized and masks post-processed.
        limit: number of videos, taken evenly; None: all. With fewer the zip is not complete, and says so.
        progress: show a bar.

    Raises:
        DataError: if what the server asks for cannot be told.
        StorageError: if the disk is full.
    """
    form.names(dataset.root, dataset.split)  # an error of this comes before hours of work
    with submission_writer(path, form) as writer:
        outputs = segment_split(model, dataset, config=config, writer=writer, limit=limit, progress=progress)
    report = validate_submission(path, dataset.root, dataset.split, form.data, progress=progress)
    return outputs, report


def segment_split(
    model: VideoModel,
    dataset: ClipDataset,
    *,
    config: AnyExperiment,
    writer: SubmissionWriter | None = None,
    limit: int | None = None,
    progress: bool = True,
) -> list[OutputScore]:
    """Segment all expressions of a split, one video in memory at a time; options as for `write_submission`.

    Raises:
        DataError: if there is no expression.
    """
    scores: list[OutputScore] = []
    indices = evenly(len(dataset.clips), limit)
    for index in tqdm(indices, desc="segmenting videos", disable=not progress):
        samples = dataset.load_clip(index)
        found = predictions(model, [samples], config=config) if samples else iter(())
        for sample, (_, prediction) in zip(samples, found, strict=True):
            rejected = rejects(config.inference, prediction.mismatch)
            if writer is not None:
                writer.add(sample, np.zeros_like(prediction.voted) if rejected else prediction.voted)
            scores.append(
                OutputScore(
                    clip=index,
                    video=sample.video,
                    expression_id=sample.expression_id,
                    expression=sample.expression,
                    category=sample.category,
                    query=prediction.query,
                    area=float(prediction.voted.mean()),
                    pixels=int(prediction.voted.sum()),
                    mismatch=prediction.mismatch,
                    rejected=rejected,
                )
            )
    if not scores:
        raise DataError("there is no expression to segment: the dataset is empty")
    return scores


def _png(mask: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) * 255).save(buffer, format="png")
    return buffer.getvalue()
