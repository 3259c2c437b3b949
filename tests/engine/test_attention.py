"""Attention of queries, words and pixels, ready to be drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rvos_edu.config import ExperimentConfig
from rvos_edu.data import collate, eval_transform
from rvos_edu.engine.attention import AttentionRecord, attention_record, query_attention
from rvos_edu.models import MTTR
from tests.engine.oracle import samples

[SAMPLE] = samples("clip", [[0, 1, 2], [5, 5, 5]], [("the red square", 0, None, None)])


@pytest.fixture
def model(tiny: ExperimentConfig, text_encoder: Path) -> MTTR:
    torch.manual_seed(0)
    return MTTR(tiny.model, tokenizer=text_encoder).eval()


def numbered_record() -> AttentionRecord:
    """2 layers, 2 frames, 2 heads, a 1x2 map, 2 words, 3 queries; every weight another number."""
    encoder = np.arange(2 * 2 * 2 * 4 * 4, dtype=np.float32).reshape(2, 2, 2, 4, 4)
    decoder = np.arange(2 * 2 * 2 * 3 * 4, dtype=np.float32).reshape(2, 2, 2, 3, 4)
    frames = np.zeros((2, 16, 32, 3), np.uint8)
    probabilities = np.array([[0.2, 0.9], [0.6, 0.6], [0.1, 0.1]], np.float32)
    return AttentionRecord(frames, "a b", ["a", "b"], (1, 2), encoder, decoder, probabilities)


def test_pixels_and_words_share_the_attention(model: MTTR, tiny: ExperimentConfig) -> None:
    found = query_attention(model, SAMPLE, 2, config=tiny)
    assert found.tokens == ["<s>", "the", "red", "square", "</s>"]
    assert found.words.shape == (3, 5)
    assert found.pixels.shape == (3, 2, 3)  # 16x32 pixels become 24x48, or one cell for 16x16
    np.testing.assert_allclose(found.pixels.sum((1, 2)) + found.words.sum(1), 1.0, atol=1e-5)
    other = query_attention(model, SAMPLE, 3, config=tiny)
    assert not np.allclose(other.words, found.words)


def test_no_such_query(model: MTTR, tiny: ExperimentConfig) -> None:
    with pytest.raises(ValueError, match=r"query must be in 0\.\.4, got 5"):
        query_attention(model, SAMPLE, 5, config=tiny)


def test_the_record_holds_what_the_model_returns(model: MTTR, tiny: ExperimentConfig) -> None:
    record = attention_record(model, SAMPLE, config=tiny)
    assert record.encoder.shape == (1, 3, 2, 11, 11) and record.decoder.shape == (2, 3, 2, 5, 11)
    batch = collate([eval_transform(tiny.data)(replace(SAMPLE, target=None))])
    with torch.inference_mode():
        out = model(batch.frames, batch.expressions, return_attention=True)
    np.testing.assert_allclose(record.encoder, out.attention.encoder[:, 0], atol=1e-6)
    np.testing.assert_allclose(record.decoder, out.attention.decoder[:, 0], atol=1e-6)
    probabilities = out.reference_logits[-1, 0].softmax(-1)[..., 0].T
    np.testing.assert_allclose(record.probabilities, probabilities, atol=1e-6)
    np.testing.assert_array_equal(record.frames, SAMPLE.frames.permute(0, 2, 3, 1))
    assert record.expression == "the red square" and record.grid == (2, 3)
    found = query_attention(model, SAMPLE, 2, config=tiny)
    np.testing.assert_array_equal(found.words, record.query(2).words)


def test_every_reader_finds_its_own_weights() -> None:
    record = numbered_record()
    assert record.voted == 1
    e, d = record.encoder, record.decoder
    found = record.query(2, layer=0, head=1)
    np.testing.assert_array_equal(found.pixels[:, 0], d[0, :, 1, 2, :2])
    np.testing.assert_array_equal(found.words, d[0, :, 1, 2, 2:])
    np.testing.assert_array_equal(record.query(0).words, d[1, :, :, 0, 2:].mean(1))
    np.testing.assert_array_equal(record.word(1, layer=0, head=0).pixels[:, 0], e[0, :, 0, 3, :2])
    np.testing.assert_array_equal(record.pixel(0, 1, head=0).words, e[1, :, 0, 1, 2:])
    read = record.readers(0, layer=-2, head=1)
    np.testing.assert_array_equal(read.pixels[:, 0], e[0, :, 1, :2, 2])
    np.testing.assert_array_equal(read.words, e[0, :, 1, 2:, 2])


def test_what_does_not_exist_is_refused() -> None:
    record = numbered_record()
    with pytest.raises(ValueError, match=r"layer must be in -2\.\.1, got 2"):
        record.query(0, layer=2)
    with pytest.raises(ValueError, match=r"head must be in 0\.\.1, got 2"):
        record.word(0, head=2)
    with pytest.raises(ValueError, match=r"query must be in 0\.\.2, got -1"):
        record.query(-1)
    for look in (record.word, record.readers):
        with pytest.raises(ValueError, match=r"word must be in 0\.\.1, got 2"):
            look(2)
    with pytest.raises(ValueError, match=r"row and column must be in 0\.\.0 and 0\.\.1, got 0, 2"):
        record.pixel(0, 2)
