"""Run a model on whole clips and turn its logits into masks (MTTR, section 3.6 and D.2; SPEC A6).

The frames of a clip pass through the temporal encoder once, whatever the number of its expressions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from pycocotools import mask as coco_mask
from torch import Tensor

from rvos_edu.config import ExperimentConfig
from rvos_edu.data import VideoDataset, collate, eval_transform
from rvos_edu.errors import CheckpointError, DataError
from rvos_edu.models import MTTR
from rvos_edu.postprocess import postprocess
from rvos_edu.presets import load_config, preset_names
from rvos_edu.structures import VideoSample
from rvos_edu.voting import per_frame_choice, temporal_segment_vote

CHUNK_PIXELS = 1 << 25  # at most this many mask pixels are enlarged at once


@dataclass(frozen=True)
class Prediction:
    """What a model says about one expression of one clip, at the clip's own size.

    Args:
        voted: bool [A, H, W], the sequence chosen by temporal segment voting.
        per_frame: bool [A, H, W], in each frame the mask of that frame's most probable query.
        probabilities: float32 [N, A], probability of "referred".
        query: the voted query.
        candidates: per frame the run-length codes of all N masks, None where not asked for.
    """

    voted: np.ndarray
    per_frame: np.ndarray
    probabilities: np.ndarray
    query: int
    candidates: list[list[dict] | None]

    @property
    def votes(self) -> np.ndarray:
        """float32 [N]: sum over frames of the probability of "referred"."""
        return self.probabilities.sum(1)


@dataclass(frozen=True)
class Geometry:
    """Sizes (height, width) of a clip: padded in its batch, as the model saw it, as stored."""

    padded: tuple[int, int]
    size: tuple[int, int]
    original: tuple[int, int]


def load_model(name: MTTR | str | Path) -> tuple[MTTR, ExperimentConfig]:
    """A model in evaluation mode and the preset it belongs to.

    `name` is a shipped name, a folder made by `save_pretrained`, the folder of a training run (then its
    `model/` is read), or a model. Settings come from the run's `config.yaml` (beside or above the
    weights), from the preset of the same name, or else are those of `nano-mttr`.

    Raises:
        CheckpointError: if there is no such model.
    """
    if isinstance(name, MTTR):
        return name.eval(), load_config("nano-mttr")
    folder = Path(name)
    if (folder / "model" / "config.json").is_file():
        folder = folder / "model"
    if not folder.is_dir():
        if str(name) in preset_names():
            return MTTR.from_pretrained(str(name)).eval(), load_config(str(name))
        if folder.suffix or folder.is_absolute() or str(name).startswith("."):
            raise CheckpointError(f"no model at {name}: expected a shipped name, a model folder or a run folder")
    model = MTTR.from_pretrained(str(folder)).eval()
    for config in (folder / "config.yaml", folder.parent / "config.yaml"):
        if config.is_file():
            return model, load_config(str(config))
    return model, load_config("nano-mttr")


def clip_batches(
    dataset: VideoDataset, indices: list[int], batch_size: int
) -> Iterator[list[list[VideoSample]]]:
    """Clips `indices` with all their expressions, up to `batch_size` clips of equal length at a time."""
    batch: list[list[VideoSample]] = []
    for index in indices:
        samples = dataset.load_clip(index)
        if not samples:
            continue
        alike = not batch or (
            len(batch[0][0].frames) == len(samples[0].frames)
            and batch[0][0].annotated == samples[0].annotated
        )
        if batch and (len(batch) == batch_size or not alike):
            yield batch
            batch = []
        batch.append(samples)
    if batch:
        yield batch


@torch.inference_mode()
def predict(
    model: MTTR, clips: list[list[VideoSample]], *, config: ExperimentConfig, candidates: bool = False
) -> list[list[Prediction]]:
    """Predictions for all expressions of some clips of equal length.

    Args:
        model: in evaluation mode, on any device.
        clips: per clip its samples, which share their frames (uint8, as stored).
        config: `data` gives the size that frames are shown at, `inference` the order of post-processing.
        candidates: also run-length code all N masks of the frames in which the referred object is visible.
    """
    transform = eval_transform(config.data)
    device = next(model.parameters()).device
    shown = []
    for samples in clips:
        first = transform(replace(samples[0], target=None), None)
        shown.append([replace(first, expression=s.expression, target=None) for s in samples])
    batch = collate(shown).to(device)
    out = model(batch.frames, batch.expressions, batch.padding, batch.annotated, clips=batch.clips)
    masks, reference = out.mask_logits[-1], out.reference_logits[-1]
    queries, _ = temporal_segment_vote(reference)
    frame_queries = per_frame_choice(reference)
    results: list[list[Prediction]] = []
    row = 0
    for samples, resized in zip(clips, shown, strict=True):
        geometry = Geometry(_hw(batch.frames), resized[0].size, samples[0].size)
        results.append([])
        for sample in samples:
            coded = _coded_frames(sample) if candidates else []
            results[-1].append(
                decode(masks[row], reference[row], int(queries[row]), frame_queries[row], geometry,
                       order=config.inference.order, coded=coded)
            )
            row += 1
    return results


def decode(
    mask_logits: Tensor,
    reference_logits: Tensor,
    query: int,
    frame_queries: Tensor,
    geometry: Geometry,
    *,
    order: str,
    coded: list[int],
) -> Prediction:
    """Masks of one expression: [A, N, h, w] and [A, N, 2] logits to a `Prediction`.

    `coded` lists the frames whose N masks are run-length coded as well; post-processing works on as many
    frames at a time as fit into `CHUNK_PIXELS`.
    """
    count = mask_logits.shape[0]
    rows = torch.arange(count, device=mask_logits.device)
    chosen = torch.stack([mask_logits[:, query], mask_logits[rows, frame_queries]], 1)
    masks = enlarge(chosen, geometry, order=order)
    codes: list[list[dict] | None] = [None] * count
    height, width = geometry.original
    step = max(1, CHUNK_PIXELS // (height * width * mask_logits.shape[1]))
    for start in range(0, len(coded), step):
        part = coded[start : start + step]
        for frame, code in zip(part, encode(enlarge(mask_logits[part], geometry, order=order)), strict=True):
            codes[frame] = code
    probabilities = reference_logits.softmax(-1)[..., 0].T.float().cpu().numpy()
    return Prediction(masks[:, 0].numpy(), masks[:, 1].numpy(), probabilities, query, codes)


def enlarge(mask_logits: Tensor, geometry: Geometry, *, order: str) -> Tensor:
    """Mask logits [A, N, h, w] of one clip to bool [A, N, H, W] at its own size, on the CPU."""
    [masks] = postprocess(
        mask_logits[None],
        padded_size=geometry.padded,
        sizes=[geometry.size],
        original_sizes=[geometry.original],
        order=order,
    )
    return masks.cpu()


def encode(masks: Tensor) -> list[list[dict]]:
    """COCO run-length codes of bool [A, N, H, W], per frame a list of N."""
    frames, queries, height, width = masks.shape
    columns = masks.transpose(-1, -2).contiguous().view(torch.uint8).numpy()
    codes = coco_mask.encode(columns.reshape(frames * queries, width, height).T)
    return [codes[a * queries : (a + 1) * queries] for a in range(frames)]


def truth_of(sample: VideoSample) -> tuple[np.ndarray, int, np.ndarray]:
    """(masks bool [I, A, H, W], referred index, visible bool [A]) of a sample.

    Raises:
        DataError: if the split has no public masks.
    """
    target = sample.target
    if target is None or target.visible is None:
        raise DataError(
            f"video {sample.video} has no masks to evaluate against: choose a split with Annotations"
        )
    return target.masks.numpy(), target.referred, target.visible.numpy()


def _coded_frames(sample: VideoSample) -> list[int]:
    return [int(t) for t in np.flatnonzero(truth_of(sample)[2])]


def _hw(frames: Tensor) -> tuple[int, int]:
    return (int(frames.shape[-2]), int(frames.shape[-1]))
