"""Attention of one query, ready to be drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from rvos_edu.config import ExperimentConfig
from rvos_edu.engine.attention import query_attention
from rvos_edu.models import MTTR
from tests.engine.oracle import samples

[SAMPLE] = samples("clip", [[0, 1, 2], [5, 5, 5]], [("the red square", 0, None, None)])


def test_pixels_and_words_share_the_attention(tiny: ExperimentConfig, text_encoder: Path) -> None:
    torch.manual_seed(0)
    model = MTTR(tiny.model, tokenizer=text_encoder).eval()
    found = query_attention(model, SAMPLE, 2, config=tiny)
    assert found.tokens == ["<s>", "the", "red", "square", "</s>"]
    assert found.words.shape == (3, 5)
    assert found.pixels.shape == (3, 2, 3)  # 16x32 pixels become 24x48, or one cell for 16x16
    np.testing.assert_allclose(found.pixels.sum((1, 2)) + found.words.sum(1), 1.0, atol=1e-5)
    other = query_attention(model, SAMPLE, 3, config=tiny)
    assert not np.allclose(other.words, found.words)


def test_no_such_query(tiny: ExperimentConfig, text_encoder: Path) -> None:
    model = MTTR(tiny.model, tokenizer=text_encoder).eval()
    with pytest.raises(ValueError, match=r"query must be in 0\.\.4, got 5"):
        query_attention(model, SAMPLE, 5, config=tiny)
