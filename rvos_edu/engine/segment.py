"""Segment one video of any length with one sentence, in bounded memory (MTTR, section 3.7).

Frames are read, shrunk and shown to the model window by window (`linking.py` has the rule); the masks of
all queries wait on disk, run-length coded, until the vote over the whole video has chosen one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from rvos_edu.config import AnyExperiment, InferenceConfig, R2VOSInferenceConfig
from rvos_edu.data import eval_transform
from rvos_edu.engine.frame_source import FrameSource, open_frames
from rvos_edu.engine.inference import Geometry, enlarge, load_model
from rvos_edu.engine.linking import Window, link_queries, windows
from rvos_edu.engine.outputs import check_replaceable
from rvos_edu.engine.segment_output import MARKER, write_result
from rvos_edu.engine.spool import MaskSpool, collect, encode, nearest
from rvos_edu.errors import ConfigError, DataError
from rvos_edu.models import R2VOS, VideoModel
from rvos_edu.nn.text_encoder import clean
from rvos_edu.structures import Segmentation, VideoSample


def segment(
    model: VideoModel | str | Path,
    frames: np.ndarray | Tensor | str | Path,
    expression: str,
    *,
    out: str | Path | None = None,
    voting: bool | None = None,
    config: AnyExperiment | None = None,
    max_frames: int | None = None,
    overlap: int | None = None,
    align_threshold: float | None = None,
    align_filter: bool | None = None,
    progress: bool = False,
) -> Segmentation:
    """Find the object that a sentence names in a video.

    The masks have the video's own size; those of very long videos are a memory map of a temporary file.

    Args:
        model: a model, a shipped name, a folder of weights or of a training run.
        frames: uint8 [T, H, W, 3] (also [T, H, W], [T, H, W, 1 or 4] or [T, 3, H, W]), or the path of an mp4,
            a GIF or a folder of images.
        expression: the sentence.
        out: folder to write `overlay.mp4`, `masks/%05d.png`, `votes.json` and `votes.png` into.
        voting: one query for the whole video (TSVS); False: each frame's best query. Default: the preset's.
        config: settings of resizing and inference; default: those of the model's preset.
        max_frames, overlap: longest single window, frames that windows share; default: the preset's.
        align_threshold, align_filter: R2-VOS: from which probability of "does not match" on the sentence does
            not fit, and whether the masks are emptied then; default: the preset's.
        progress: show a bar.

    Raises:
        DataError: no such video, damaged or empty video, an empty or too long sentence, other files in `out`.
        ConfigError: an impossible window; settings of 1(A) for MTTR, or a `config` without them for R2-VOS.
    """
    if out is not None:
        check_replaceable(out, marker=MARKER)
    network, preset = load_model(model)
    settings = _settings(config or preset, voting=voting, max_frames=max_frames, overlap=overlap)
    settle_alignment(network, settings.inference, threshold=align_threshold, wanted=align_filter)
    source, sentence = open_frames(frames), clean(expression)
    reader = _Reader(network, network.text_encoder.tokenize([sentence]), settings, source)
    with MaskSpool(size=reader.mask_size, queries=network.config.queries) as spool:
        result, stream = _answer(reader, spool, sentence, progress=progress)
        if out is not None:  # streamed again: looking at the memory map would fill the memory with it
            voted = settings.inference.voting
            write_result(Path(out), result, source, stream(), voting=voted, progress=progress)
    return result


def _answer(
    reader: _Reader, spool: MaskSpool, sentence: str, *, progress: bool
) -> tuple[Segmentation, Callable[[], Iterator[np.ndarray]]]:
    """Read the video and vote: the result, and what gives its masks one by one while the spool is open."""
    settings, size = reader.config.inference, reader.source.size
    probabilities = reader.read(spool, progress=progress)
    mismatch, aligned = judge(reader.alignment_logits, settings)
    rejected, votes = blanks(settings, aligned), probabilities.sum(1)
    query = int(votes.argmax())
    chosen = np.full(len(spool), query) if settings.voting else probabilities.argmax(0)
    stream = partial(_enlarged, spool, chosen, size, blank=rejected)
    masks = collect(stream(), frames=len(spool), size=size)
    return Segmentation(masks, votes, probabilities, query, aligned, sentence, mismatch, rejected), stream


def _enlarged(
    spool: MaskSpool, chosen: np.ndarray, size: tuple[int, int], *, blank: bool
) -> Iterator[np.ndarray]:
    """The mask of the chosen query of every frame, bool [H, W] at `size`; `blank`: nothing in any frame."""
    if blank:
        return (np.zeros(size, bool) for _ in chosen)
    return (nearest(spool.read(t, int(query)), size) for t, query in enumerate(chosen))


def blanks(settings: InferenceConfig, aligned: bool | None) -> bool:
    """Whether the masks are emptied: the sentence does not fit, and the settings want the filter."""
    return aligned is False and isinstance(settings, R2VOSInferenceConfig) and settings.align_filter


def rejects(settings: InferenceConfig, mismatch: float | None) -> bool | None:
    """The same from the probability that the sentence does not fit; None where nothing asks for it.

    Args:
        settings: without the filter the result is None.
        mismatch: None for models that do not say.
    """
    if mismatch is None or not isinstance(settings, R2VOSInferenceConfig) or not settings.align_filter:
        return None
    return blanks(settings, mismatch < settings.align_threshold)


def judge(logits: Sequence[float], settings: InferenceConfig) -> tuple[float | None, bool | None]:
    """One decision for a whole video, 1(A): the sigmoid of the mean logit, and whether the sentence fits.

    Args:
        logits: "does not match" of each window, all windows of one length; none for MTTR.
        settings: from which probability on the sentence does not fit.

    Returns:
        probability that it does not fit, whether it fits; None for models that do not decide that.
    """
    if not logits or not isinstance(settings, R2VOSInferenceConfig):
        return None, None
    mismatch = float(1 / (1 + np.exp(-np.mean(logits))))
    return mismatch, mismatch < settings.align_threshold


@dataclass(frozen=True)
class _Seen:
    """A window after the model.

    `mask_logits` [T, N, h, w] and `probabilities` [T, N] in the order of the window's own queries;
    `queries` [N]: which of these queries continues linked sequence n.
    """

    window: Window[Tensor]
    mask_logits: Tensor
    probabilities: np.ndarray
    geometry: Geometry
    queries: np.ndarray


class _Reader:
    """Shows a video to the model, window by window, and links the query sequences."""

    def __init__(
        self, model: VideoModel, tokens: dict[str, Tensor], config: AnyExperiment, source: FrameSource
    ) -> None:
        self.model = model
        self.tokens = tokens
        self.config = config
        self.source = source
        self.transform = eval_transform(config.data)
        self.alignment_logits: list[float] = []  # of each window, R2-VOS only
        shown = self._shrink(np.zeros((*source.size, 3), np.uint8))
        self.shown_size = (int(shown.shape[1]), int(shown.shape[2]))

    @property
    def mask_size(self) -> tuple[int, int]:
        """Size at which masks become binary: as shown to the model, or the video's own (resize-first)."""
        if self.config.inference.order == "threshold-first":
            return self.shown_size
        return self.source.size

    def read(self, spool: MaskSpool, *, progress: bool) -> np.ndarray:
        """Store the masks of all linked sequences; returns their probabilities, float32 [N, T]."""
        settings = self.config.inference
        stream = (self._shrink(frame) for frame in self.source)
        probabilities: list[np.ndarray] = []
        before: _Seen | None = None
        with tqdm(desc="frames", total=self.source.frame_count, disable=not progress) as bar:
            for window in windows(stream, length=settings.max_frames, overlap=settings.overlap):
                now = self._look(window, before)
                if before is not None:
                    drop = window.shared - window.skipped
                    probabilities.append(self._store(before, len(before.window.frames) - drop, spool))
                before = now
                bar.update(len(window.frames) - window.shared)
        if before is None:
            raise DataError("the video has no frames")
        probabilities.append(self._store(before, len(before.window.frames), spool))
        return np.concatenate(probabilities).T

    def _shrink(self, frame: np.ndarray) -> Tensor:
        """uint8 [H, W, 3] to the float32 [3, H', W'] that the model is shown."""
        sample = VideoSample(
            frames=torch.tensor(frame).permute(2, 0, 1)[None],  # a copy: decoded frames can be read-only
            expression="",
            target=None,
            annotated=(0,),
            video="",
            expression_id="",
            frame_names=("",),
            original_size=self.source.size,
        )
        return self.transform(sample).frames[0]

    @torch.inference_mode()
    def _look(self, window: Window[Tensor], before: _Seen | None) -> _Seen:
        device = next(self.model.parameters()).device
        out = self.model(torch.stack(window.frames)[None].to(device), self.tokens)
        masks, reference = out.mask_logits[-1, 0].cpu(), out.reference_logits[-1, 0]
        if out.alignment_logits is not None:
            self.alignment_logits.append(float(out.alignment_logits[0]))
        queries = np.arange(masks.shape[1])
        if before is not None:
            earlier = before.mask_logits[len(before.mask_logits) - window.shared :]
            queries = link_queries(earlier > 0, masks[: window.shared] > 0)[before.queries]
        return _Seen(
            window=window,
            mask_logits=masks,
            probabilities=reference.softmax(-1)[..., 0].float().cpu().numpy(),
            geometry=Geometry(self.shown_size, self.shown_size, self.mask_size),
            queries=queries,
        )

    def _store(self, seen: _Seen, end: int, spool: MaskSpool) -> np.ndarray:
        """Keep frames `skipped` .. end - 1 of a window; returns their probabilities [frames, N]."""
        order = torch.from_numpy(seen.queries)
        for frame in range(seen.window.skipped, end):
            masks = enlarge(
                seen.mask_logits[frame : frame + 1, order], seen.geometry, order=self.config.inference.order
            )
            spool.append(encode(masks[0].numpy()))
        return seen.probabilities[seen.window.skipped : end, seen.queries]


def settle_alignment(
    model: VideoModel, inference: InferenceConfig, *, threshold: float | None, wanted: bool | None
) -> None:
    """Put what was asked for into the settings; an MTTR's settings would switch 1(A) off without a word.

    Raises:
        ConfigError: if 1(A) is settled for a model that does not judge, or R2-VOS gets settings of MTTR.
    """
    if not isinstance(inference, R2VOSInferenceConfig):
        if isinstance(model, R2VOS):
            raise ConfigError(
                "this config is one of MTTR: it does not say from which probability on R2-VOS rejects a "
                "sentence. Take one of R2-VOS (such as nano-r2vos), or none: then it is the model's own"
            )
        if threshold is not None or wanted is not None:
            raise ConfigError(
                "align_threshold and align_filter are for R2-VOS: this model does not say whether a "
                "sentence fits (try nano-r2vos)"
            )
        return
    if threshold is not None and not 0 <= threshold <= 1:
        raise ConfigError(f"align_threshold must be a probability, in 0..1, got {threshold:g}")
    inference.align_threshold = inference.align_threshold if threshold is None else threshold
    inference.align_filter = inference.align_filter if wanted is None else wanted


def _settings(
    config: AnyExperiment, *, voting: bool | None, max_frames: int | None, overlap: int | None
) -> AnyExperiment:
    settings = deepcopy(config)
    inference = settings.inference
    inference.voting = inference.voting if voting is None else voting
    inference.max_frames = inference.max_frames if max_frames is None else max_frames
    inference.overlap = inference.overlap if overlap is None else overlap
    if inference.max_frames < 1:
        raise ConfigError(f"max_frames must be at least 1, got {inference.max_frames}")
    if not 0 <= inference.overlap < inference.max_frames:
        raise ConfigError(
            f"overlap must be less than max_frames, in 0..{inference.max_frames - 1}, got {inference.overlap}"
        )
    return settings
