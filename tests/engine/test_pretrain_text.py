"""Pretraining of the nano RoBERTa: pairs that say the same, masking, the tokenizer, a tiny run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerFast, RobertaModel

from rvos_edu.engine.pretrain_text import (
    SPECIAL,
    Settings,
    mask_tokens,
    pretrain,
    random_pairs,
    train_tokenizer,
)
from rvos_edu.models.pretrained import ASSETS
from tests.data.moving_shapes.meaning import objects_that_fit

MASK = SPECIAL.index("<mask>")
TINY = Settings(
    sentences=60, vocab_size=300, hidden_size=16, layers=1, heads=2, feedforward=16, steps=2, batch_size=4
)


@pytest.fixture(scope="module")
def pairs() -> list[tuple[str, str]]:
    return random_pairs(200, np.random.default_rng(0))


@pytest.fixture(scope="module")
def tokenizer(pairs: list[tuple[str, str]]) -> PreTrainedTokenizerFast:
    return train_tokenizer([first for first, _ in pairs], TINY)


def some_objects() -> list[dict]:
    """Facts of many random objects: two sentences that name the same ones mean the same."""
    rng = np.random.default_rng(1)

    def pick(*options: str) -> str:
        return str(rng.choice(options))

    return [
        {
            "identity": i,
            "colour": pick("red", "green", "blue", "yellow", "purple", "orange"),
            "shape": pick("circle", "square", "triangle", "star", "cross"),
            "size": pick("small", "large"),
            "direction": pick("left", "right", "up", "down", "still"),
            "place": rng.random(2).tolist(),
            "visible": [bool(rng.random() < 0.7), True],
        }
        for i in range(3000)
    ]


def test_both_sentences_of_a_pair_say_the_same(pairs: list[tuple[str, str]]) -> None:
    objects = some_objects()
    for first, second in pairs:
        assert objects_that_fit(first, objects) == objects_that_fit(second, objects), (first, second)
    assert sum(first != second for first, second in pairs) > len(pairs) / 4


def test_special_tokens_have_the_ids_of_roberta(tokenizer: PreTrainedTokenizerFast) -> None:
    assert tokenizer.convert_tokens_to_ids(list(SPECIAL)) == [0, 1, 2, 3, 4]
    assert (tokenizer.bos_token_id, tokenizer.pad_token_id, tokenizer.eos_token_id) == (0, 1, 2)
    ids = tokenizer(["the red circle", "a star"], padding=True)["input_ids"]
    assert [row[0] for row in ids] == [0, 0] and ids[0][-1] == 2 and ids[1][-1] == 1
    assert tokenizer("a", "b")["input_ids"].count(2) == 3  # <s> a </s> </s> b </s>


@pytest.mark.parametrize("text", ["the red circle moving left", "an étoile, 3 times & more", "日本"])
def test_the_tokenizer_gives_any_text_back(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    shipped = PreTrainedTokenizerFast.from_pretrained(str(ASSETS / "nano-roberta"))
    for each in (tokenizer, shipped):
        ids = each(text)["input_ids"]
        assert each.decode(ids, skip_special_tokens=True).strip() == text
        assert each.unk_token_id not in ids and each(text.upper())["input_ids"] == each(text)["input_ids"]


def test_shares_of_masked_tokens() -> None:
    rng = torch.Generator().manual_seed(0)
    ids = torch.randint(5, 300, (200, 500), generator=rng)
    ids[:, 0], ids[:, -2], ids[:, -1] = 0, 2, 1
    changed, labels = mask_tokens(ids, Settings(), rng, 300)
    chosen = labels != -100
    assert not chosen[:, [0, -2, -1]].any() and labels[chosen].equal(ids[chosen])
    assert changed[~chosen].equal(ids[~chosen])
    assert chosen[:, 1:-2].float().mean().item() == pytest.approx(0.25, abs=0.01)
    masked = (changed == MASK)[chosen].float().mean().item()
    kept = (changed == ids)[chosen].float().mean().item()
    assert masked == pytest.approx(0.6, abs=0.01) and kept == pytest.approx(0.3 + 0.1 / 295, abs=0.01)
    assert int(changed[chosen].min()) == MASK and int(changed.max()) < 300


def test_a_tiny_run_writes_a_model_and_its_tokenizer(tmp_path: Path) -> None:
    folder = pretrain(TINY, tmp_path / "run")
    assert (folder / "log.jsonl").read_text().startswith('{"settings"')
    model = RobertaModel.from_pretrained(folder, add_pooling_layer=False)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(str(folder))
    assert (model.config.hidden_size, model.config.vocab_size) == (16, len(tokenizer))
    words = model.float()(**tokenizer(["the red circle"], return_tensors="pt")).last_hidden_state
    assert words.isfinite().all() and words.shape[-1] == 16
