"""Text encoder: frozen, cleaned sentences, lengths, bad input."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rvos_edu.errors import CheckpointError, DataError
from rvos_edu.nn.text_encoder import TextEncoder, TextProjection, clean, load_tokenizer
from tests.tiny import tiny_config, tiny_tokenizer


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    torch.manual_seed(0)
    return TextEncoder(tiny_config().text_encoder, tiny_tokenizer())


def test_sentences_are_cleaned(encoder: TextEncoder) -> None:
    assert clean("  The RED\t circle\n") == "the red circle"
    tokens = encoder.tokenize(["  The RED\t circle\n", "a square"])
    assert tokens["input_ids"].tolist() == [[0, 4, 5, 6, 2], [0, 11, 7, 2, 1]]
    assert tokens["attention_mask"].tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]]


def test_strings_and_ids_agree(encoder: TextEncoder) -> None:
    sentences = ["the red circle", "a square"]
    by_words, by_ids = encoder(sentences), encoder(encoder.tokenize(sentences))
    assert by_words.words.equal(by_ids.words) and by_words.padding.sum() == 1
    assert by_words.words.shape == (2, 5, 16)


def test_frozen_and_without_dropout_even_in_training(encoder: TextEncoder) -> None:
    encoder.train()
    assert not any(module.training for module in encoder.modules())
    assert not any(p.requires_grad for p in encoder.parameters())
    first, second = encoder(["the red circle"]).words, encoder(["the red circle"]).words
    assert first.equal(second) and not first.requires_grad and not first.is_inference()


def test_unfrozen_it_learns_and_drops_in_training_only() -> None:
    own = TextEncoder(tiny_config().text_encoder, tiny_tokenizer()).requires_grad_(True).train()
    assert own.learns and all(module.training for module in own.modules())
    first, second = own(["the red circle"]).words, own(["the red circle"]).words
    assert not first.equal(second)
    first.sum().backward()
    assert all(p.grad is not None for p in own.parameters())
    own.eval()
    assert own(["a square"]).words.equal(own(["a square"]).words)


def test_padding_words_change_nothing(encoder: TextEncoder) -> None:
    alone = encoder(["a square"]).words[0]
    together = encoder(["a square", "the red circle moving left"]).words[0, : len(alone)]
    assert torch.allclose(alone, together, atol=1e-5)


def test_projection_is_trained() -> None:
    projection = TextProjection(16, 64, 0.1)
    out = projection(torch.randn(2, 3, 16))
    assert out.shape == (2, 3, 64) and projection.norm.eps == 1e-12 and out.requires_grad


@pytest.mark.parametrize("sentence", ["", "  \t"])
def test_empty_sentence(encoder: TextEncoder, sentence: str) -> None:
    with pytest.raises(DataError, match="expression 1 is empty"):
        encoder(["a square", sentence])


def test_a_thousand_words(encoder: TextEncoder) -> None:
    with pytest.raises(DataError, match=r"1000 words \(1002 tokens\).*at most 18 tokens"):
        encoder(["red " * 1000])


def test_longest_sentence_fits(encoder: TextEncoder) -> None:
    assert encoder(["red " * 16]).words.shape == (1, 18, 16)
    with pytest.raises(DataError, match="19 tokens.*at most 18"):
        encoder({"input_ids": torch.zeros(1, 19).long(), "attention_mask": torch.ones(1, 19).long()})


def test_bad_tokens(encoder: TextEncoder) -> None:
    ids = torch.tensor([[0, 4, 2]])
    with pytest.raises(ValueError, match="attention_mask"):
        encoder({"input_ids": ids})
    with pytest.raises(ValueError, match=r"\[B, L\]"):
        encoder({"input_ids": ids, "attention_mask": torch.ones(1, 2)})
    with pytest.raises(DataError, match="all zero"):
        encoder({"input_ids": ids, "attention_mask": torch.zeros(1, 3)})
    for token in (-1, 12):
        wrong = torch.tensor([[0, token, 2]])
        with pytest.raises(ValueError, match=rf"in 0\.\.11, the text encoder's vocabulary, got .*{token}"):
            encoder({"input_ids": wrong, "attention_mask": torch.ones(1, 3)})
    with pytest.raises(ValueError, match="list of sentences, got Tensor"):
        encoder(ids)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="list of sentences"):
        encoder("the red circle")


def test_sentences_need_a_tokenizer() -> None:
    with pytest.raises(ValueError, match="no tokenizer"):
        TextEncoder(tiny_config().text_encoder)(["the red circle"])


def test_no_tokenizer_there(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no tokenizer at"):
        load_tokenizer(tmp_path)
