"""Sentences as models take them: strings, or token ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

Expressions = Sequence[str] | Mapping[str, Tensor]


def count_expressions(expressions: Expressions) -> int:
    """Number of sentences, of strings or of token ids.

    Raises:
        ValueError: for anything else, such as a single string.
    """
    if isinstance(expressions, Mapping):
        if missing := {"input_ids", "attention_mask"} - set(expressions):
            raise ValueError(
                f"token ids need the keys input_ids and attention_mask, {' and '.join(sorted(missing))} "
                f"missing, got {sorted(expressions)}"
            )
        return len(expressions["input_ids"])
    if isinstance(expressions, str) or not isinstance(expressions, Sequence):
        kind = "the string" if isinstance(expressions, str) else type(expressions).__name__
        raise ValueError(f"expressions must be a list of sentences, got {kind} {expressions!r}")
    if wrong := [sentence for sentence in expressions if not isinstance(sentence, str)]:
        raise ValueError(f"expressions must be a list of sentences, got {wrong[0]!r} in it")
    return len(expressions)
