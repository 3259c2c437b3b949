"""R2-VOS: grounded masks, the sentence said back, and whether it fits (R2-VOS; supplement C and D)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from rvos_edu.config import R2VOSConfig
from rvos_edu.expressions import Expressions, count_expressions
from rvos_edu.models.inputs import check_frames, check_indices, check_maps, clip_of_sentence
from rvos_edu.models.pretrained import PretrainedModel
from rvos_edu.models.r2vos_features import ClipFeatures, Grounded, clip_features
from rvos_edu.models.r2vos_parts import build_decoder, build_grounding, build_mask_head, build_sentence
from rvos_edu.nn.early_grounding import TextFusion
from rvos_edu.nn.frame_encoder import build_frame_encoder
from rvos_edu.nn.mask_pyramid import MaskPyramid
from rvos_edu.nn.position import centred_sine_positions, word_positions
from rvos_edu.nn.text_encoder import TextEncoder, TextProjection, load_tokenizer
from rvos_edu.nn.text_reconstruction import AlignmentClassifier, FusedText, TextReconstruction
from rvos_edu.nn.visual_encoder import FeaturePyramid, VisualEncoder
from rvos_edu.structures import NegativePairs, R2VOSOutput


class R2VOS(PretrainedModel):
    """Robust referring video object segmentation by relational cycle consistency.

    Args:
        config: sizes and parts; the defaults are those of the supplement.
        tokenizer: a tokenizer, or a folder or hub id of one; without it only token ids are understood.

    Raises:
        ValueError: if sizes do not fit together.
        CheckpointError: if there is no such tokenizer.
    """

    architecture = "r2vos"
    vision = "frame_encoder"
    config_class = R2VOSConfig
    config: R2VOSConfig

    def __init__(
        self, config: R2VOSConfig, *, tokenizer: PreTrainedTokenizerFast | str | Path | None = None
    ) -> None:
        super().__init__()
        words = load_tokenizer(tokenizer) if isinstance(tokenizer, str | Path) else tokenizer
        width, heads, rate = config.d_model, config.heads, config.dropout
        self.config = config
        encoder = None if config.frame_encoder.kind == "none" else build_frame_encoder(config.frame_encoder)
        self.frame_encoder = encoder
        channels = tuple(config.frame_encoder.channels) if encoder is None else encoder.channels
        levels = len(channels) - 1 + config.extra_levels
        self.pyramid = FeaturePyramid(channels[1:], width, config.extra_levels)
        self.text_encoder = TextEncoder(config.text_encoder, words)
        self.text_projection = TextProjection(config.text_encoder.hidden_size, width, rate)
        self.sentence = build_sentence(config)
        self.text_fusion = TextFusion(width, heads)
        self.visual_encoder = VisualEncoder(
            width,
            heads,
            levels=levels,
            points=config.points,
            layers=config.encoder_layers,
            feedforward=config.feedforward,
            dropout=rate,
        )
        self.grounding = build_grounding(config)
        self.reconstruction = TextReconstruction(
            width,
            heads,
            feedforward=config.reconstruction_feedforward,
            layers=config.reconstruction_layers,
            dropout=rate,
        )
        self.alignment = AlignmentClassifier(width)
        self.fused_text = FusedText(width)
        self.mask_pyramid = MaskPyramid(width, channels[0], len(channels) - 2, config.mask_dim)
        self.decoder = build_decoder(config, levels)
        self.mask_head = build_mask_head(config)
        self.channels = tuple(channels)
        self.top = len(channels) - 2  # index of the deepest map that the frame encoder gives

    @property
    def tokenizer(self) -> PreTrainedTokenizerFast | None:
        """Turns sentences into token ids."""
        return self.text_encoder.tokenizer

    def forward(
        self,
        frames: Tensor,
        expressions: Expressions,
        padding: Tensor | None = None,
        annotated: Tensor | Sequence[int] | None = None,
        *,
        clips: Tensor | None = None,
        negatives: Sequence[str] = (),
        negative_clips: Tensor | None = None,
        return_attention: bool = False,
    ) -> R2VOSOutput:
        """Masks, boxes and scores of every instance query, and whether each sentence fits.

        Padded words change nothing. Padded pixels do through the frame encoder alone: its windows and
        convolutions read them, as published; behind it see `from_features`.

        Args:
            frames: float [B, T, 3, H, W], normalised, zero where padded.
            expressions: E sentences, or {"input_ids": [E, L], "attention_mask": [E, L]}.
            padding: bool [B, H, W], True where padded; nothing by default.
            annotated: indices [A] of the frames that go on after the frame encoder; all by default.
            clips: int [E], the clip that each sentence is about; by default E = B, one each.
            negatives: P sentences that do not fit their clips, for training.
            negative_clips: int [P].
            return_attention: also return what the early grounding looked at.

        Returns:
            tensors whose axis B counts the E sentences.

        Raises:
            ValueError: if shapes or indices do not fit, or the model has no frame encoder.
            DataError: for an empty or too long sentence.
        """
        features = self.encode_frames(frames, padding, annotated)
        return self.ground(
            features,
            expressions,
            clips=clips,
            negatives=negatives,
            negative_clips=negative_clips,
            return_attention=return_attention,
        )

    def from_features(
        self,
        features: Sequence[Tensor],
        expressions: Expressions,
        padding: Tensor | None = None,
        sizes: Tensor | None = None,
        *,
        return_attention: bool = False,
    ) -> R2VOSOutput:
        """The same from feature maps of one's own.

        Padding to the right and below changes nothing but rounding, whatever stands there and however far
        it goes, if every map has the sides of the frames over its stride, rounded up; the results of maps
        of other sizes depend on it. Mask logits where padded have no meaning: `postprocess` with `stride=4`
        leaves them out.

        Args:
            features: maps [B, T, C, h, w] at strides 4, 8, 16, ..., channels as the model was built for.
            expressions: as in `forward`, one per clip.
            padding: bool [B, H, W] at the size of the frames; nothing by default.
            sizes: int [B, 2], height and width without padding; default: read from `padding`.
            return_attention: as in `forward`.

        Raises:
            ValueError: if shapes do not fit.
        """
        clips = self._project(features, padding, sizes)
        return self.ground(clips, expressions, return_attention=return_attention)

    def encode_frames(
        self, frames: Tensor, padding: Tensor | None = None, annotated: Tensor | Sequence[int] | None = None
    ) -> ClipFeatures:
        """Everything that does not depend on the sentence, once per clip; see `forward`."""
        check_frames(frames, padding)
        if self.frame_encoder is None:
            raise ValueError("this model has no frame encoder: call from_features with feature maps")
        maps = self.frame_encoder(frames)
        if annotated is not None:
            rows = torch.as_tensor(annotated, device=frames.device, dtype=torch.long)
            check_indices(rows, frames.shape[1], "annotated", "frames")
            maps = [x[:, rows] for x in maps]
        if padding is None:
            padding = frames.new_zeros((len(frames), *frames.shape[-2:]), dtype=torch.bool)
        return self._project(maps, padding, None)

    def _project(
        self, features: Sequence[Tensor], padding: Tensor | None, sizes: Tensor | None
    ) -> ClipFeatures:
        check_maps(features, self.channels)
        return clip_features(self.pyramid, features, padding, sizes)

    def ground(
        self,
        features: ClipFeatures,
        expressions: Expressions,
        *,
        clips: Tensor | None = None,
        negatives: Sequence[str] = (),
        negative_clips: Tensor | None = None,
        return_attention: bool = False,
    ) -> R2VOSOutput:
        """Find in encoded clips what sentences name. Arguments and errors as in `forward`."""
        count, known = count_expressions(expressions), len(features.stride4)
        rows = clip_of_sentence(clips, known, count, features.stride4.device)
        if len(negatives):
            if isinstance(expressions, Mapping) or negative_clips is None:
                raise ValueError("negatives need sentences, not token ids, and negative_clips")
            more = clip_of_sentence(negative_clips, known, count_expressions(negatives), rows.device)
            rows = torch.cat([rows, more])
            expressions = [*expressions, *negatives]
        pairs = features.of(rows)
        grounded = self._ground(pairs, expressions, return_attention)
        wrong = slice(count, None)
        return self._instances(
            pairs.of(slice(count)),
            grounded.first(count),
            NegativePairs(
                sentence=grounded.sentence[wrong],
                reconstructed=grounded.reconstructed[wrong],
                alignment_logits=grounded.alignment_logits[wrong],
            )
            if len(negatives)
            else None,
        )

    def _ground(self, pairs: ClipFeatures, expressions: Expressions, attention: bool) -> Grounded:
        """Fusion, visual encoder, early grounding and the sentence said back, for E pairs."""
        text = self.text_encoder(expressions)
        words = self.text_projection(text.words)  # [E, L, D]
        sentence = self.text_projection(self.sentence(text.words, text.padding))
        places = word_positions(text.padding, self.config.d_model)
        frames = pairs.stride4.shape[1]
        flat, positions, padding = [], [], []
        for pixels, padded in zip(pairs.maps, pairs.padding, strict=True):
            tokens = pixels.permute(0, 1, 3, 4, 2).flatten(1, 3)  # [E, A * h * w, D]
            fused = self.text_fusion(tokens, words, places, text.padding)
            flat.append(fused.unflatten(1, (frames, *pixels.shape[-2:])).flatten(0, 1).permute(0, 3, 1, 2))
            positions.append(centred_sine_positions(padded, self.config.d_model).repeat_interleave(frames, 0))
            padding.append(padded.repeat_interleave(frames, 0))
        memory = self.visual_encoder(flat, positions, padding)
        shape = (len(words), frames)
        top, place, padded = (
            x[self.top].unflatten(0, shape) for x in (memory, positions, padding)
        )  # [E, A, ...]
        grounding = self.grounding(
            top, place, padded, words, places, text.padding, return_attention=attention
        )
        reconstructed = self.reconstruction(grounding.features, place, padded)
        return Grounded(
            memory=[x.unflatten(0, shape) for x in memory],
            grounding=grounding,
            sentence=sentence,
            reconstructed=reconstructed,
            alignment_logits=self.alignment(sentence, reconstructed),
        )

    def _instances(
        self, pairs: ClipFeatures, grounded: Grounded, negatives: NegativePairs | None
    ) -> R2VOSOutput:
        """N queries made of one sentence; masks, boxes and scores of each (supplement D, figure B)."""
        shape = tuple(pairs.stride4.shape[:2])
        frames = shape[1]
        memory = [x.flatten(0, 1) for x in grounded.memory]
        padding = [x.repeat_interleave(frames, 0) for x in pairs.padding]
        positions = [centred_sine_positions(x, self.config.d_model) for x in padding]
        finest = None if pairs.padding4 is None else pairs.padding4.repeat_interleave(frames, 0)
        pixels = self.mask_pyramid(
            grounded.grounding.features.flatten(0, 1),
            memory[: self.top],
            pairs.stride4.flatten(0, 1),
            None if finest is None else [finest, *padding[: self.top]],
        )
        text = self.fused_text(grounded.sentence, grounded.reconstructed).repeat_interleave(frames, 0)
        found = self.decoder(text, memory, positions, padding)
        sizes = pairs.sizes.repeat_interleave(frames, 0)
        masks = self.mask_head(found.states, pixels, found.references, sizes)
        return R2VOSOutput(
            mask_logits=masks.unflatten(1, shape),
            class_logits=found.class_logits.unflatten(1, shape),
            boxes=found.boxes.unflatten(1, shape),
            sentence=grounded.sentence,
            reconstructed=grounded.reconstructed,
            alignment_logits=grounded.alignment_logits,
            mask_features=pixels.unflatten(0, shape),
            negatives=negatives,
            grounding=grounded.grounding.maps,
        )
