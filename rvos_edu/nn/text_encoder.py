"""Text encoder: RoBERTa, mostly frozen, then a trained projection (MTTR, sections 3.2 and C.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from transformers import AutoTokenizer, PreTrainedTokenizerFast, RobertaConfig, RobertaModel

from rvos_edu.config import TextEncoderConfig
from rvos_edu.errors import CheckpointError, DataError
from rvos_edu.expressions import Expressions, count_expressions

RESERVED_POSITIONS = 2  # RoBERTa counts positions from padding index + 1 = 2
RESIZER_EPS = 1e-12


@dataclass(frozen=True)
class TextFeatures:
    """Word features and their padding.

    Args:
        words: [B, L, C], start and end tokens included.
        padding: bool [B, L], True where padded.
    """

    words: Tensor
    padding: Tensor


def clean(expression: str) -> str:
    """Lower case, single spaces, no space at the ends."""
    return " ".join(expression.lower().split())


def load_tokenizer(source: str | Path) -> Any:
    """Tokenizer of a folder (needs no network) or of a hub id.

    Raises:
        CheckpointError: if there is none.
    """
    try:
        if (Path(source) / "tokenizer.json").is_file():
            return PreTrainedTokenizerFast.from_pretrained(str(source))
        return AutoTokenizer.from_pretrained(str(source))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"no tokenizer at {str(source)!r}: expected a folder with tokenizer.json or a hub id"
        ) from error


class TextEncoder(nn.Module):
    """RoBERTa without pooler; frozen, without gradients and without dropout, until something unfreezes it.

    `requires_grad_(True)` does: R2-VOS lets it learn in the pre-training on images (supplement, section C).

    Args:
        config: sizes.
        tokenizer: turns sentences into token ids; without one, only token ids are understood.
    """

    def __init__(self, config: TextEncoderConfig, tokenizer: PreTrainedTokenizerFast | None = None) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = tokenizer
        sizes = RobertaConfig(
            vocab_size=config.vocab_size,
            hidden_size=config.hidden_size,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            intermediate_size=config.feedforward,
            max_position_embeddings=config.max_positions,
            layer_norm_eps=config.layer_norm_eps,
            type_vocab_size=1,
            pad_token_id=1,
            bos_token_id=0,
            eos_token_id=2,
        )
        self.roberta = RobertaModel(sizes, add_pooling_layer=False)
        self.requires_grad_(False)
        self.eval()

    @property
    def max_tokens(self) -> int:
        """Longest sentence in tokens, start and end tokens included."""
        return self.config.max_positions - RESERVED_POSITIONS

    @property
    def learns(self) -> bool:
        """Whether it is not frozen."""
        return any(parameter.requires_grad for parameter in self.parameters())

    def train(self, mode: bool = True) -> TextEncoder:
        """Frozen, it stays in evaluation mode: the same features for the same words."""
        return super().train(mode and self.learns)

    def forward(self, expressions: Expressions) -> TextFeatures:
        """Last hidden states of all tokens.

        Args:
            expressions: B sentences, or {"input_ids": [B, L], "attention_mask": [B, L]}.

        Raises:
            DataError: for an empty sentence or one that is too long.
            CheckpointError: for strings without a tokenizer.
            ValueError: for malformed token ids.
        """
        if not isinstance(expressions, Mapping):
            expressions = self.tokenize(expressions)
        device = self.roberta.embeddings.word_embeddings.weight.device
        ids, mask = (
            t.to(device) for t in _check_tokens(expressions, self.max_tokens, self.config.vocab_size)
        )
        words = self.roberta(input_ids=ids, attention_mask=mask).last_hidden_state
        return TextFeatures(words=words, padding=mask == 0)

    def tokenize(self, expressions: Sequence[str]) -> dict[str, Tensor]:
        """Token ids and attention mask [B, L] of sentences, padded to the longest.

        Raises:
            DataError: for an empty sentence or one that is too long.
            CheckpointError: without a tokenizer.
            ValueError: for anything but a list of strings.
        """
        count_expressions(expressions)
        sentences = [clean(sentence) for sentence in expressions]
        if self.tokenizer is None:
            raise CheckpointError(
                "this model has no tokenizer and understands no sentences: build it with tokenizer=... "
                "(`rvos-edu export ... --tokenizer` for a published one), "
                "or pass {'input_ids': ..., 'attention_mask': ...}"
            )
        for number, sentence in enumerate(sentences):
            if not sentence:
                raise DataError(f"expression {number} is empty: expected at least one word")
        encoded: Any = self.tokenizer(sentences, padding=False, truncation=False, verbose=False)
        for sentence, ids in zip(sentences, encoded["input_ids"], strict=True):
            if len(ids) > self.max_tokens:
                raise DataError(
                    f"expression '{sentence[:32]}...' has {len(sentence.split())} words ({len(ids)} tokens), "
                    f"the text encoder takes at most {self.max_tokens} tokens"
                )
        padded: Any = self.tokenizer.pad({"input_ids": encoded["input_ids"]}, return_tensors="pt")
        return {"input_ids": padded["input_ids"], "attention_mask": padded["attention_mask"]}


class TextProjection(nn.Module):
    """Word features to the width of the transformer: linear, layer norm, dropout.

    Args:
        channels: width of the text encoder.
        d_model: D.
        dropout: rate.
    """

    def __init__(self, channels: int, d_model: int, dropout: float) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, d_model)
        self.norm = nn.LayerNorm(d_model, eps=RESIZER_EPS)
        self.dropout = nn.Dropout(dropout)

    def forward(self, words: Tensor) -> Tensor:
        """[B, L, C] -> [B, L, D]."""
        return self.dropout(self.norm(self.linear(words)))


def _check_tokens(tokens: Mapping[str, Tensor], longest: int, vocabulary: int) -> tuple[Tensor, Tensor]:
    count_expressions(tokens)
    ids, mask = tokens["input_ids"], tokens["attention_mask"]
    if ids.ndim != 2 or ids.shape != mask.shape:
        raise ValueError(
            f"input_ids and attention_mask must be [B, L], got {tuple(ids.shape)} and {tuple(mask.shape)}"
        )
    if ids.shape[1] > longest:
        raise DataError(f"{ids.shape[1]} tokens per sentence, the text encoder takes at most {longest}")
    if ids.numel() and (int(ids.min()) < 0 or int(ids.max()) >= vocabulary):
        raise ValueError(
            f"token ids must be in 0..{vocabulary - 1}, the text encoder's vocabulary, "
            f"got {int(ids.min())}..{int(ids.max())}"
        )
    if not bool((mask != 0).any(dim=1).all()):
        raise DataError("a sentence has no token (its attention_mask is all zero): expected at least one")
    return ids, mask
