"""Clips of moving squares in memory, and a model that finds them by colour: scores are known by hand."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from rvos_edu.data import ClipKey
from rvos_edu.data.transforms import MEAN, STD
from rvos_edu.structures import MTTROutput, Target, VideoSample

WORDS = ("one", "two", "three")
HEIGHT, WIDTH = 16, 32


def rectangles(places: list[list[int | None]]) -> Tensor:
    """bool [I, T, 16, 32]: object i is a 4x4 square at column 4 * places[i][t] of row 4 * i, or absent."""
    masks = torch.zeros(len(places), len(places[0]), HEIGHT, WIDTH, dtype=torch.bool)
    for i, columns in enumerate(places):
        for t, column in enumerate(columns):
            if column is not None:
                masks[i, t, 4 * i : 4 * i + 4, 4 * column : 4 * column + 4] = True
    return masks


def samples(
    video: str, places: list[list[int | None]], sentences: list[tuple[str, int, str | None, int | None]]
) -> list[VideoSample]:
    """Sentences (text, object, category, candidates) about one clip; object i has red value 50 * (i + 1)."""
    masks = rectangles(places)
    frames = torch.zeros(masks.shape[1], 3, HEIGHT, WIDTH, dtype=torch.uint8)
    for i, mask in enumerate(masks):
        frames[:, 0][mask] = 50 * (i + 1)
    return [
        VideoSample(
            frames=frames,
            expression=text,
            target=Target(masks, referred),
            annotated=tuple(range(len(frames))),
            video=video,
            expression_id=str(number),
            frame_names=tuple(f"{5 * t:05d}" for t in range(len(frames))),
            original_size=(HEIGHT, WIDTH),
            category=category,
            candidates=candidates,
        )
        for number, (text, referred, category, candidates) in enumerate(sentences)
    ]


class Clips:
    """What `evaluate` needs of a dataset."""

    root = Path("in memory")
    skipped = 0
    left_out: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    def __init__(self, *clips: list[VideoSample]) -> None:
        self._clips = clips
        self.clips = [ClipKey(clip[0].video, 0) for clip in clips if clip]

    def __len__(self) -> int:
        return sum(map(len, self._clips))

    def load_clip(self, clip: int) -> list[VideoSample]:
        return self._clips[clip]


class ColourModel(nn.Module):
    """Query i outlines the object of red value 50 * (i + 1); a number word in the sentence names the query.

    Padding reads as 124, no object. In a frame without that object, the probability of "referred" is a
    little higher for query 0: wrong for the frame, not for the whole clip. Sentences with "right" name the
    object whose square moves right most.
    """

    def __init__(self, queries: int = 3) -> None:
        super().__init__()
        self.config = SimpleNamespace(queries=queries, decoder_layers=1)
        self.anchor = nn.Parameter(torch.zeros(()))
        self.clips_encoded = 0
        self.text_encoder = SimpleNamespace(tokenize=lambda sentences: sentences)

    def encode_frames(self, frames: Tensor, padding: Tensor | None = None, annotated: Tensor | None = None):
        self.clips_encoded += len(frames)
        red = (frames[:, :, 0] * STD[0] + MEAN[0]) * 255  # [B, T, H, W]
        return SimpleNamespace(stride4=red[:, :, None, ::4, ::4])

    def ground(self, features: SimpleNamespace, expressions: list[str], *, clips: Tensor) -> MTTROutput:
        red = features.stride4[clips, :, 0]  # [E, T, h, w]
        found = torch.stack([(red - 50 * (i + 1)).abs() < 20 for i in range(self.config.queries)], 2)
        chances = torch.zeros(*found.shape[:3])
        for e, sentence in enumerate(expressions):
            query = self._moves_right(found[e]) if "right" in sentence else self._named(sentence)
            seen = found[e, :, query].flatten(1).any(1)
            chances[e, seen, query] = 5.0
            chances[e, ~seen, query] = 1.0
            chances[e, ~seen, 0] = 1.1
        reference = torch.stack([chances, torch.zeros_like(chances)], -1)
        # Enlarged four times and cut at 0, a cell of 10 among cells of -6.2 is a square with its corners.
        return MTTROutput(torch.where(found, 10.0, -6.2)[None], reference[None])

    def forward(self, frames: Tensor, expressions: list[str]) -> MTTROutput:
        return self.ground(self.encode_frames(frames), expressions, clips=torch.arange(len(frames)))

    def _named(self, sentence: str) -> int:
        return next(i for i, word in enumerate(WORDS) if word in sentence.split())

    def _moves_right(self, found: Tensor) -> int:
        columns = torch.arange(found.shape[-1]).float()
        place = (found.float().sum(2) * columns).sum(-1)  # [T, N]
        return int((place[-1] - place[0]).argmax())


class Judging(ColourModel):
    """Says of every sentence with "two" that it does not fit."""

    def ground(self, features: SimpleNamespace, expressions: list[str], *, clips: Tensor):  # type: ignore[override]
        out = super().ground(features, expressions, clips=clips)
        wrong = torch.tensor([3.0 if "two" in e else -3.0 for e in expressions])
        return SimpleNamespace(
            mask_logits=out.mask_logits, reference_logits=out.reference_logits, alignment_logits=wrong
        )
