"""MTTR: a sentence and a clip in, mask sequences and reference scores out (MTTR, section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from rvos_edu.config import MTTRConfig
from rvos_edu.expressions import Expressions
from rvos_edu.models.inputs import check_frames, check_indices, clip_of_sentence, shrink_padding
from rvos_edu.models.pretrained import PretrainedModel
from rvos_edu.nn.mask_head import MaskHead, ReferenceHead
from rvos_edu.nn.multimodal_transformer import MultimodalTransformer, TransformerOutput
from rvos_edu.nn.position import sine_positions
from rvos_edu.nn.spatial_decoder import Laterals, SpatialDecoder
from rvos_edu.nn.temporal_encoder import TemporalEncoder
from rvos_edu.nn.text_encoder import TextEncoder, TextFeatures, TextProjection, load_tokenizer
from rvos_edu.structures import AttentionMaps, MTTROutput


@dataclass(frozen=True)
class VisualFeatures:
    """All that MTTR knows of clips before it reads a sentence.

    Args:
        pixels: [B, A, h' * w', D], projected stride-16 features of the annotated frames.
        positions: [B, h' * w', D], sine codes.
        padding: bool [B, h' * w'], or None where nothing is padded.
        stride8, stride4: [B, A, C, h, w], inputs of the spatial decoder, already at its widths.
        grid: (h', w').
    """

    pixels: Tensor
    positions: Tensor
    padding: Tensor | None
    stride8: Tensor
    stride4: Tensor
    grid: tuple[int, int]


class MTTR(PretrainedModel):
    """Multimodal tracking transformer.

    Args:
        config: sizes; the defaults are those of the paper.
        tokenizer: a tokenizer, or a folder or hub id of one; without it only token ids are understood.

    Raises:
        ValueError: if sizes do not fit together.
        CheckpointError: if there is no such tokenizer.
    """

    architecture = "mttr"
    vision = "temporal_encoder"
    config_class = MTTRConfig
    config: MTTRConfig

    def __init__(
        self, config: MTTRConfig, *, tokenizer: PreTrainedTokenizerFast | str | Path | None = None
    ) -> None:
        super().__init__()
        words = load_tokenizer(tokenizer) if isinstance(tokenizer, str | Path) else tokenizer
        width = config.d_model
        self.config = config
        self.temporal_encoder = TemporalEncoder(config.temporal_encoder)
        self.text_encoder = TextEncoder(config.text_encoder, words)
        channels = self.temporal_encoder.channels
        self.pixel_projection = nn.Conv2d(channels[2], width, 1)
        self.text_projection = TextProjection(config.text_encoder.hidden_size, width, config.dropout)
        self.transformer = MultimodalTransformer(
            width,
            config.heads,
            feedforward=config.feedforward,
            encoder_layers=config.encoder_layers,
            decoder_layers=config.decoder_layers,
            dropout=config.dropout,
        )
        self.queries = nn.Embedding(config.queries, width)
        self.spatial_decoder = SpatialDecoder(width, (channels[0], channels[1]), config.kernel_dim)
        self.mask_head = MaskHead(width, config.kernel_dim)
        self.reference_head = ReferenceHead(width)

    @property
    def tokenizer(self) -> PreTrainedTokenizerFast | None:
        """The tokenizer of the text encoder."""
        return self.text_encoder.tokenizer

    def forward(
        self,
        frames: Tensor,
        expressions: Expressions,
        padding: Tensor | None = None,
        annotated: Tensor | Sequence[int] | None = None,
        *,
        clips: Tensor | None = None,
        return_attention: bool = False,
    ) -> MTTROutput:
        """Mask sequences and reference scores of every object query.

        Args:
            frames: float [B, T, 3, H, W], normalised, zero where padded.
            expressions: E sentences, or {"input_ids": [E, L], "attention_mask": [E, L]}.
            padding: bool [B, H, W], True where padded; nothing by default.
            annotated: indices [A] of the frames that go on after the temporal encoder; all by default.
            clips: int [E], the clip that each sentence is about; by default E = B, one each.
            return_attention: also return the transformer's weights.

        Returns:
            logits whose axis B counts the E sentences.

        Raises:
            ValueError: if shapes or indices do not fit.
            DataError: for an empty or too long sentence.
        """
        features = self.encode_frames(frames, padding, annotated)
        return self.ground(features, expressions, clips=clips, return_attention=return_attention)

    def encode_frames(
        self, frames: Tensor, padding: Tensor | None = None, annotated: Tensor | Sequence[int] | None = None
    ) -> VisualFeatures:
        """Everything that does not depend on the sentence, once per clip (section 3.2).

        Arguments and errors as in `forward`.
        """
        check_frames(frames, padding)
        batch, length = frames.shape[:2]
        maps = self.temporal_encoder(frames)
        if annotated is not None:
            rows = torch.as_tensor(annotated, device=frames.device, dtype=torch.long)
            check_indices(rows, length, "annotated", "frames")
            maps = [x[:, rows] for x in maps]
        stage4, stage8, stage16 = (x.flatten(0, 1).permute(0, 3, 1, 2) for x in maps)  # [B * A, C, h, w]
        pixels = self.pixel_projection(stage16)
        laterals = self.spatial_decoder.laterals(stage4, stage8)
        grid = (pixels.shape[-2], pixels.shape[-1])
        if padding is None:
            padding = torch.zeros(batch, *frames.shape[-2:], dtype=torch.bool, device=frames.device)
        mask = shrink_padding(padding, grid)
        return VisualFeatures(
            pixels=pixels.flatten(2).transpose(1, 2).unflatten(0, (batch, -1)),
            positions=sine_positions(mask, self.config.d_model).flatten(1, 2),
            padding=mask.flatten(1) if bool(mask.any()) else None,
            stride8=laterals.stride8.unflatten(0, (batch, -1)),
            stride4=laterals.stride4.unflatten(0, (batch, -1)),
            grid=grid,
        )

    def ground(
        self,
        features: VisualFeatures,
        expressions: Expressions | TextFeatures,
        *,
        clips: Tensor | None = None,
        return_attention: bool = False,
    ) -> MTTROutput:
        """Find in encoded clips what sentences name (sections 3.3 and 3.4).

        Args:
            features: from `encode_frames`.
            expressions: as in `forward`, or features from `text_encoder`.
            clips, return_attention: as in `forward`.
        """
        text = expressions if isinstance(expressions, TextFeatures) else self.text_encoder(expressions)
        features = _per_sentence(features, clips, len(text.words))
        batch, frames, count, _ = features.pixels.shape
        out = self._transform(features, text, return_attention)
        memory = out.memory[:, :count].transpose(1, 2).unflatten(-1, features.grid)  # [E * A, D, h', w']
        laterals = Laterals(features.stride8.flatten(0, 1), features.stride4.flatten(0, 1))
        masks = self.mask_head(out.states, self.spatial_decoder(memory, laterals))
        shape = (batch, frames)
        return MTTROutput(
            mask_logits=masks.unflatten(1, shape),
            reference_logits=self.reference_head(out.states).unflatten(1, shape),
            attention=_attention(out, shape, features.grid) if return_attention else None,
        )

    def _transform(self, features: VisualFeatures, text: TextFeatures, weights: bool) -> TransformerOutput:
        """One sequence per frame: its pixels, then the words of its sentence."""
        batch, frames, count, _ = features.pixels.shape
        words = self.text_projection(text.words)  # [E, L, D]
        length = words.shape[1]
        sequence = torch.cat([features.pixels, words[:, None].expand(-1, frames, -1, -1)], dim=2)
        positions = F.pad(features.positions.to(sequence.dtype), (0, 0, 0, length))
        padding = None
        if features.padding is not None or bool(text.padding.any()):
            pixels = text.padding.new_zeros(batch, count) if features.padding is None else features.padding
            padding = torch.cat([pixels, text.padding], dim=1).repeat_interleave(frames, dim=0)
        return self.transformer(
            sequence.flatten(0, 1),
            positions.repeat_interleave(frames, dim=0),
            self.queries.weight,
            padding,
            return_attention=weights,
        )


def _per_sentence(features: VisualFeatures, clips: Tensor | None, sentences: int) -> VisualFeatures:
    """Repeat the features of a clip for every sentence about it."""
    if clips is None and sentences == len(features.pixels):
        return features
    clips = clip_of_sentence(clips, len(features.pixels), sentences, features.pixels.device)
    return VisualFeatures(
        pixels=features.pixels[clips],
        positions=features.positions[clips],
        padding=None if features.padding is None else features.padding[clips],
        stride8=features.stride8[clips],
        stride4=features.stride4[clips],
        grid=features.grid,
    )


def _attention(out: TransformerOutput, shape: tuple[int, int], grid: tuple[int, int]) -> AttentionMaps:
    assert out.encoder_weights is not None and out.decoder_weights is not None
    return AttentionMaps(
        encoder=out.encoder_weights.unflatten(1, shape),
        decoder=out.decoder_weights.unflatten(1, shape),
        grid=grid,
    )
