"""Run a model on whole clips and turn its logits into masks (MTTR, section 3.7 and D.2).

The frames of a clip pass through the temporal or frame encoder once, whatever the number of its expressions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rvos_edu.config import AnyExperiment, ExperimentConfig, R2VOSExperimentConfig
from rvos_edu.data import ClipDataset, collate, eval_transform
from rvos_edu.data.mask_grid import STRIDE
from rvos_edu.engine.long_clips import answer_long
from rvos_edu.errors import DataError
from rvos_edu.models import MTTR, R2VOS, VideoModel, model_from_pretrained
from rvos_edu.postprocess import mask_probabilities, postprocess
from rvos_edu.presets import load_config, preset_names
from rvos_edu.structures import VideoSample
from rvos_edu.voting import per_frame_choice, temporal_segment_vote

CHUNK_PIXELS = 1 << 25  # mask pixels that are computed or enlarged at once: bounds the memory


@dataclass(frozen=True)
class Geometry:
    """Sizes (height, width) of a clip: padded in its batch, as the model saw it, and of the masks to make.

    `stride` is that of `postprocess`, for models whose logits have no meaning where padded.
    """

    padded: tuple[int, int]
    shown: tuple[int, int]
    masks: tuple[int, int]
    stride: int | None = None


@dataclass(frozen=True)
class Prediction:
    """What a model says about one expression of one clip, at the clip's own size.

    Args:
        voted: bool [A, H, W], the sequence chosen by temporal segment voting.
        per_frame: bool [A, H, W], in each frame the mask of that frame's most probable query.
        probabilities: float32 [N, A], probability of "referred".
        query: the voted query.
        mask_logits: float [A, N, h, w], from which `candidates` are made when they are needed.
        geometry, order: how.
        mismatch: probability that the sentence does not fit the clip (R2-VOS, 1(A)); None for MTTR. The masks
            are those without the filter.
    """

    voted: np.ndarray
    per_frame: np.ndarray
    probabilities: np.ndarray
    query: int
    mask_logits: Tensor
    geometry: Geometry
    order: str
    mismatch: float | None = None

    @property
    def votes(self) -> np.ndarray:
        """float32 [N]: sum over frames of the probability of "referred"."""
        return self.probabilities.sum(1)

    def probable(self) -> np.ndarray:
        """float32 [A, H, W], probability of every pixel; `voted` is where it exceeds 0.5."""
        [planes] = mask_probabilities(
            self.mask_logits[None, :, self.query],
            padded_size=self.geometry.padded,
            sizes=[self.geometry.shown],
            original_sizes=[self.geometry.masks],
            order=self.order,
            stride=self.geometry.stride,
        )
        return planes.cpu().numpy()

    def candidates(self, frames: list[int]) -> Iterator[np.ndarray]:
        """bool [N, H, W], the masks of all queries, for each of `frames`; few are in memory at a time."""
        height, width = self.geometry.masks
        step = max(1, CHUNK_PIXELS // (height * width * self.mask_logits.shape[1]))
        for start in range(0, len(frames), step):
            part = self.mask_logits[frames[start : start + step]]
            yield from enlarge(part, self.geometry, order=self.order).numpy()


def load_model(name: VideoModel | str | Path) -> tuple[VideoModel, AnyExperiment]:
    """A model in evaluation mode and the settings it is used with.

    `name` is a model, a shipped name, a folder made by `save_pretrained`, a hub id, or the folder of a
    training run (then its `model/` is read). Settings are the run's `config.yaml` beside or above the
    weights, else the preset of that name, else those of `settings_for`.

    A model that is read here goes to the GPU if there is one.

    Raises:
        CheckpointError: if there is no such model or it is damaged.
        ConfigError: if the run's settings are damaged.
    """
    if isinstance(name, MTTR | R2VOS):
        return name.eval(), settings_for(name)
    folder = Path(name)
    if (folder / "model" / "config.json").is_file():
        folder = folder / "model"
    model = model_from_pretrained(folder if folder.is_dir() else str(name))
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    if folder.is_dir():
        for config in (folder / "config.yaml", folder.parent / "config.yaml"):
            if config.is_file():
                return model, load_config(config)
    elif str(name) in preset_names():
        return model, load_config(str(name))
    return model, settings_for(model)


def settings_for(model: VideoModel) -> AnyExperiment:
    """The nano preset for a model of its sizes, else the defaults (Refer-YouTube-VOS, MTTR section C.4)."""
    nano = load_config(f"nano-{model.architecture}")
    sizes, nano_sizes = asdict(model.config), asdict(nano.model)
    for values in (sizes, nano_sizes):
        values.pop("text_encoder")
        values.pop("dropout")
    if sizes == nano_sizes:
        return nano
    return ExperimentConfig() if isinstance(model, MTTR) else R2VOSExperimentConfig()


@dataclass(frozen=True)
class Clip:
    """One clip of a dataset, with all expressions about it (uint8 frames, as stored)."""

    index: int
    samples: list[VideoSample]

    def fits(self, other: Clip) -> bool:
        """Whether both can be in one batch: frames of one number and size, the same of them annotated.

        Of one size, because padding changes results a little: the temporal or frame encoder reads it and,
        in MTTR, what follows; R2-VOS behind its frame encoder does not.
        """
        mine, theirs = self.samples[0], other.samples[0]
        return mine.frames.shape == theirs.frames.shape and mine.annotated == theirs.annotated


def evenly(count: int, limit: int | None) -> list[int]:
    """`limit` indices spread evenly over 0..count-1, all if `limit` is None or larger."""
    if limit is None or limit >= count:
        return list(range(count))
    return [int(i * count / limit) for i in range(limit)]


def clip_batches(dataset: ClipDataset, indices: list[int], batch_size: int) -> Iterator[list[Clip]]:
    """Clips `indices` of a dataset, up to `batch_size` of equal length and size at a time, in order."""
    batch: list[Clip] = []
    for index in indices:
        clip = Clip(index, dataset.load_clip(index))
        if not clip.samples:
            continue
        if batch and (len(batch) == batch_size or not clip.fits(batch[0])):
            yield batch
            batch = []
        batch.append(clip)
    if batch:
        yield batch


def predict(
    model: VideoModel, clips: list[list[VideoSample]], *, config: AnyExperiment
) -> list[list[Prediction]]:
    """Predictions for all expressions of some clips of equal length; see `predictions`."""
    results: list[list[Prediction]] = [[] for _ in clips]
    for clip, prediction in predictions(model, clips, config=config):
        results[clip].append(prediction)
    return results


@torch.inference_mode()
def predictions(
    model: VideoModel, clips: list[list[VideoSample]], *, config: AnyExperiment
) -> Iterator[tuple[int, Prediction]]:
    """(number of the clip, prediction) of one expression after the other, in order.

    Few are in memory at a time, if the caller keeps none. Clips of more than `inference.max_frames` frames
    are shown in windows whose sequences are linked, see `linking`; the vote and 1(A) decide once for all.

    Args:
        model: in evaluation mode, on any device.
        clips: per clip its samples, which share their frames (uint8, as stored).
        config: `data` gives the size that frames are shown at, `inference` the order of post-processing.
    """
    transform = eval_transform(config.data)
    shown = []
    for samples in clips:
        shown.append(transform.group([replace(s, target=None) for s in samples], None))
    if len(clips[0][0].frames) > config.inference.max_frames and _all_annotated(clips[0][0]):
        for number, samples in enumerate(shown):
            geometry = Geometry(samples[0].size, samples[0].size, clips[number][0].size)
            yield from ((number, found) for found in _long(model, samples, geometry, config=config))
        return
    batch = collate(shown).to(next(model.parameters()).device)
    features = model.encode_frames(batch.frames, batch.padding, batch.annotated)
    padded = (int(batch.frames.shape[-2]), int(batch.frames.shape[-1]))
    stride = STRIDE if isinstance(model, R2VOS) else None
    geometries = [
        Geometry(padded, resized[0].size, samples[0].size, stride)
        for samples, resized in zip(clips, shown, strict=True)
    ]
    cells = model.config.queries * model.config.decoder_layers * features.stride4[0, :, 0].numel()
    step = max(1, CHUNK_PIXELS // cells)
    for start in range(0, len(batch.expressions), step):
        owners = batch.clips[start : start + step]
        # A union of models does not know that each takes its own features.
        out = model.ground(features, batch.expressions[start : start + step], clips=owners)  # type: ignore[arg-type]
        masks, reference = out.mask_logits[-1].cpu(), out.reference_logits[-1].cpu()
        wrong = None if out.alignment_logits is None else out.alignment_logits.float().sigmoid().tolist()
        for row, clip in enumerate(owners.tolist()):
            choice = _choose(masks[row], reference[row], geometries[clip], config.inference.order)
            yield clip, replace(choice, mismatch=None if wrong is None else wrong[row])


def _all_annotated(sample: VideoSample) -> bool:
    return len(sample.annotated) == len(sample.frames)


def _long(
    model: VideoModel, samples: list[VideoSample], geometry: Geometry, *, config: AnyExperiment
) -> Iterator[Prediction]:
    """Predictions for all expressions of one long clip, its frames as they are shown to the model."""
    batch = collate([samples]).to(next(model.parameters()).device)
    geometry = replace(geometry, padded=(int(batch.frames.shape[-2]), int(batch.frames.shape[-1])))
    settings = config.inference
    for answer in answer_long(model, batch, length=settings.max_frames, overlap=settings.overlap):
        choice = _choose(answer.mask_logits, answer.reference_logits, geometry, settings.order)
        logit = answer.alignment_logit
        yield replace(choice, mismatch=None if logit is None else float(1 / (1 + np.exp(-logit))))


def _choose(mask_logits: Tensor, reference_logits: Tensor, geometry: Geometry, order: str) -> Prediction:
    """[A, N, h, w] and [A, N, 2] logits of one expression to a prediction."""
    queries, _ = temporal_segment_vote(reference_logits[None])
    query = int(queries[0])
    frame_queries = per_frame_choice(reference_logits[None])[0]
    rows = torch.arange(len(mask_logits))
    chosen = torch.stack([mask_logits[:, query], mask_logits[rows, frame_queries]], 1)
    masks = enlarge(chosen, geometry, order=order).numpy()
    probabilities = reference_logits.float().softmax(-1)[..., 0].T.numpy()
    return Prediction(masks[:, 0], masks[:, 1], probabilities, query, mask_logits, geometry, order)


def enlarge(mask_logits: Tensor, geometry: Geometry, *, order: str) -> Tensor:
    """Mask logits [A, N, h, w] of one clip to bool [A, N, H, W] at its own size, on the CPU."""
    [masks] = postprocess(
        mask_logits[None],
        padded_size=geometry.padded,
        sizes=[geometry.shown],
        original_sizes=[geometry.masks],
        order=order,
        stride=geometry.stride,
    )
    return masks.cpu()


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
