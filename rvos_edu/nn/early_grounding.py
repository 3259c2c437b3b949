"""Early grounding: words and pixels meet before any object is decoded (R2-VOS, supplement A.2 and B)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from rvos_edu.nn.attention import Attention, FeedForward
from rvos_edu.nn.conv_norm import ConvNorm, ConvNormReLU
from rvos_edu.nn.dynamic_filters import DynamicFilters
from rvos_edu.structures import GroundingMaps


@dataclass(frozen=True)
class TwoWayOutput:
    """Pixels that have read words, and words that have read pixels.

    Args:
        pixels: [B, S, D].
        words: [B, L, D].
        pixels_to_words: [B, heads, S, L] if asked for.
        words_to_pixels: [B, heads, L, S] if asked for.
    """

    pixels: Tensor
    words: Tensor
    pixels_to_words: Tensor | None = None
    words_to_pixels: Tensor | None = None


@dataclass(frozen=True)
class GroundingOutput:
    """What the early grounding returns.

    Args:
        features: [B, T, D, h, w], f_early; zero where padded.
        words: [B, L, D], the words after they have read the pixels.
        maps: what can be drawn, if asked for.
    """

    features: Tensor
    words: Tensor
    maps: GroundingMaps | None = None


class TextFusion(nn.Module):
    """Every pixel multiplied by what it reads from the words: no residual, no norm (R2-VOS, published code).

    Args:
        d_model: D.
        heads: attention heads.
    """

    def __init__(self, d_model: int, heads: int) -> None:
        super().__init__()
        self.attention = Attention(d_model, heads, 0.0)

    def forward(
        self, pixels: Tensor, words: Tensor, word_positions: Tensor, word_padding: Tensor | None = None
    ) -> Tensor:
        """v * Attention(query v, key words + positions, value words).

        Args:
            pixels: [B, S, D], of any number of frames.
            words, word_positions: [B, L, D].
            word_padding: bool [B, L], True where padded; each sentence has a real word.

        Returns:
            [B, S, D].
        """
        read, _ = self.attention(pixels, words + word_positions, words, _keep(word_padding))
        return pixels * read


class TwoWayAttention(nn.Module):
    """Pixels attend to each other, then pixels to words and words to pixels at once (post-norm).

    Both directions start from the same states; each ends with its own feed-forward block.

    Args:
        d_model: D.
        heads: attention heads.
        feedforward: hidden width.
        dropout: rate.
    """

    def __init__(self, d_model: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.self_attention = Attention(d_model, heads, dropout)
        self.pixels_to_words = Attention(d_model, heads, dropout)
        self.words_to_pixels = Attention(d_model, heads, dropout)
        self.word_query = nn.Linear(d_model, d_model)
        self.pixel_key_value = nn.Linear(d_model, 2 * d_model)
        self.pixel_feedforward = FeedForward(d_model, feedforward, dropout)
        self.word_feedforward = FeedForward(d_model, feedforward, dropout)
        self.self_norm = nn.LayerNorm(d_model)
        self.pixel_norms = nn.ModuleList(nn.LayerNorm(d_model) for _ in range(2))
        self.word_norms = nn.ModuleList(nn.LayerNorm(d_model) for _ in range(2))
        self.dropout = nn.Dropout(dropout)
        for part in (self.word_query, self.pixel_key_value):
            nn.init.xavier_uniform_(part.weight)
            nn.init.zeros_(part.bias)

    def forward(
        self,
        pixels: Tensor,
        words: Tensor,
        *,
        positions: Tensor,
        word_positions: Tensor,
        padding: Tensor | None = None,
        word_padding: Tensor | None = None,
        return_attention: bool = False,
    ) -> TwoWayOutput:
        """Both sides read the other; padded tokens are never read.

        Args:
            pixels, positions: [B, S, D].
            words, word_positions: [B, L, D].
            padding, word_padding: bool [B, S] and [B, L], True where padded; one real token per row at least.
            return_attention: also return both weights (slower, explicit form).
        """
        real, real_words = _keep(padding), _keep(word_padding)
        query = pixels + positions
        mixed, _ = self.self_attention(query, query, pixels, real)
        pixels = self.self_norm(pixels + self.dropout(mixed))
        key, value = self.pixel_key_value(pixels).chunk(2, dim=-1)
        from_words, to_words = self.pixels_to_words(
            pixels + positions, words + word_positions, words, real_words, return_weights=return_attention
        )
        from_pixels, to_pixels = self.words_to_pixels(
            self.word_query(words) + word_positions,
            key + positions,
            value,
            real,
            return_weights=return_attention,
        )
        return TwoWayOutput(
            pixels=self._finish(pixels, from_words, self.pixel_norms, self.pixel_feedforward),
            words=self._finish(words, from_pixels, self.word_norms, self.word_feedforward),
            pixels_to_words=to_words,
            words_to_pixels=to_pixels,
        )

    def _finish(self, x: Tensor, mixed: Tensor, norms: nn.ModuleList, feedforward: FeedForward) -> Tensor:
        x = norms[0](x + self.dropout(mixed))
        return norms[1](x + self.dropout(feedforward(x)))


class EarlyGrounding(nn.Module):
    """Deepest map of the visual encoder and words -> f_early, the pixels that the sentence speaks of.

    Lateral convolution, two-way attention over the pixels of all frames together, dynamic filters with a
    residual, 3x3 convolution. Neither padded words nor padded pixels change a real one.

    Args:
        d_model: D, a multiple of 8.
        heads: attention heads.
        feedforward: hidden width.
        filters: K.
        dropout: rate.
    """

    def __init__(self, d_model: int, heads: int, *, feedforward: int, filters: int, dropout: float) -> None:
        super().__init__()
        self.lateral = ConvNorm(d_model, d_model, 1)
        self.attention = TwoWayAttention(d_model, heads, feedforward, dropout)
        self.filters = DynamicFilters(d_model, filters)
        self.out = ConvNormReLU(d_model, d_model, 3)

    def forward(
        self,
        memory: Tensor,
        positions: Tensor,
        padding: Tensor | None,
        words: Tensor,
        word_positions: Tensor,
        word_padding: Tensor | None = None,
        *,
        return_attention: bool = False,
    ) -> GroundingOutput:
        """Ground one sentence per clip.

        Args:
            memory: [B, T, D, h, w], deepest map of the visual encoder.
            positions: [B, T, h, w, D].
            padding: bool [B, T, h, w], True where padded.
            words, word_positions: [B, L, D].
            word_padding: bool [B, L], True where padded.
            return_attention: also return what can be drawn (slower, explicit form of the attention).
        """
        batch, frames, _, height, width = memory.shape
        padded = None if padding is None else padding.flatten(0, 1)  # [M, h, w]
        x = self.lateral(memory.flatten(0, 1), padded).unflatten(0, (batch, frames))
        met = self.attention(
            x.movedim(2, -1).flatten(1, 3),  # [B, T h w, D]
            words,
            positions=positions.flatten(1, 3),
            word_positions=word_positions,
            padding=None if padding is None else padding.flatten(1),
            word_padding=word_padding,
            return_attention=return_attention,
        )
        pixels = met.pixels.unflatten(1, (frames, height, width)).movedim(-1, 2).flatten(0, 1)
        filters = self.filters.filters_of(met.words, word_padding)
        features = self.out(pixels + self.filters(pixels, filters, padded), padded)
        features = features.unflatten(0, (batch, frames))
        maps = None
        if met.pixels_to_words is not None and met.words_to_pixels is not None:
            maps = GroundingMaps(memory, features, met.pixels_to_words, met.words_to_pixels, filters)
        return GroundingOutput(features, met.words, maps)


class PlainTop(nn.Module):
    """The two convolutions of `EarlyGrounding` and nothing between them: words are not looked at (ablation).

    Args:
        d_model: D, a multiple of 8.
    """

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.lateral = ConvNorm(d_model, d_model, 1)
        self.out = ConvNormReLU(d_model, d_model, 3)

    def forward(
        self,
        memory: Tensor,
        positions: Tensor,
        padding: Tensor | None,
        words: Tensor,
        word_positions: Tensor,
        word_padding: Tensor | None = None,
        *,
        return_attention: bool = False,
    ) -> GroundingOutput:
        """As `EarlyGrounding`; the words come back as they were, and there is no attention to draw."""
        padded = None if padding is None else padding.flatten(0, 1)
        features = self.out(self.lateral(memory.flatten(0, 1), padded), padded)
        return GroundingOutput(features.unflatten(0, memory.shape[:2]), words)


def _keep(padding: Tensor | None) -> Tensor | None:
    return None if padding is None else ~padding
