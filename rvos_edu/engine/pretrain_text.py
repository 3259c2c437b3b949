"""Train the nano RoBERTa by masked language modelling on the sentences of Moving Shapes, with its tokenizer.

The model sees pairs of sentences that say the same thing in other words: a masked colour can only be told
from the other sentence. On single sentences all colours are as good as each other, and their features fall
together: then no transformer on top of them learns to tell red from blue.

python -m rvos_edu.engine.pretrain_text --out runs/nano-roberta
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from torch import Tensor
from tqdm.auto import tqdm
from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaForMaskedLM

from rvos_edu.data.moving_shapes.language import (
    EXTREME_WORDS,
    MOTION_WORDS,
    SIDE_WORDS,
    SIZE_WORDS,
    Predicate,
    say,
)
from rvos_edu.data.moving_shapes.scene import COLOURS, SHAPES

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")


@dataclass(frozen=True)
class Settings:
    """A pretraining run; the defaults made the shipped weights."""

    sentences: int = 40_000
    vocab_size: int = 400
    max_tokens: int = 64
    hidden_size: int = 64
    layers: int = 2
    heads: int = 4
    feedforward: int = 128
    steps: int = 2500
    batch_size: int = 64
    lr: float = 2e-3
    masked: float = 0.25
    seed: int = 7100


def random_pairs(count: int, rng: np.random.Generator) -> list[tuple[str, str]]:
    """Pairs of sentences of the grammar, each pair with one random meaning."""
    options: dict[str, tuple[str, ...]] = {
        "colour": tuple(COLOURS),
        "shape": SHAPES,
        "size": tuple(SIZE_WORDS),
        "side": tuple(SIDE_WORDS),
        "extreme": tuple(EXTREME_WORDS),
        "motion": tuple(MOTION_WORDS),
        "late": ("yes",),
    }
    shares = {"colour": 0.55, "shape": 0.6, "size": 0.25}
    pairs = []
    for _ in range(count):
        meaning: list[Predicate] = []
        for name, share in shares.items():
            if rng.random() < share:
                meaning.append((name, str(rng.choice(options[name]))))
        name = str(rng.choice(["none", "side", "extreme", "motion", "late"]))
        if name != "none":
            meaning.append((name, str(rng.choice(options[name]))))
        pairs.append((say(tuple(meaning), rng), say(tuple(meaning), rng)))
    return pairs


def train_tokenizer(sentences: list[str], settings: Settings) -> PreTrainedTokenizerFast:
    """Byte-level BPE with RoBERTa's special tokens; any text can be written with it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=settings.vocab_size,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(sentences, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=True)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        cls_token="<s>",
        eos_token="</s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
        model_max_length=settings.max_tokens,
    )


def mask_tokens(ids: Tensor, settings: Settings, rng: torch.Generator, vocab: int) -> tuple[Tensor, Tensor]:
    """Inputs and labels, int [B, L]; of the chosen tokens 60 % become <mask>, 10 % another one, 30 % stay."""
    chosen = (torch.rand(ids.shape, generator=rng) < settings.masked) & (ids > 2)
    kind = torch.rand(ids.shape, generator=rng)
    changed = torch.where(chosen & (kind < 0.6), SPECIAL.index("<mask>"), ids)
    other = torch.randint(len(SPECIAL), vocab, ids.shape, generator=rng)
    changed = torch.where(chosen & (kind >= 0.6) & (kind < 0.7), other, changed)
    return changed, torch.where(chosen, ids, -100)


def pretrain(settings: Settings, out: Path) -> Path:
    """Train tokenizer and model; write both, and `log.jsonl`, into the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(settings.seed)
    rng = torch.Generator().manual_seed(settings.seed)
    pairs = random_pairs(settings.sentences, np.random.default_rng(settings.seed))
    tokenizer = train_tokenizer([sentence for sentence, _ in pairs], settings)
    first, second = zip(*pairs, strict=True)
    ids = tokenizer(list(first), list(second), padding=True, return_tensors="pt")["input_ids"]
    config = RobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.hidden_size,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        intermediate_size=settings.feedforward,
        max_position_embeddings=settings.max_tokens + 2,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
    )
    model = RobertaForMaskedLM(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.lr, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.lr, total_steps=settings.steps)
    started = time.time()
    with (out / "log.jsonl").open("w") as log:
        print(json.dumps({"settings": asdict(settings), "vocab": len(tokenizer)}), file=log)
        for step in tqdm(range(1, settings.steps + 1), desc="nano RoBERTa"):
            batch = ids[torch.randint(len(ids), (settings.batch_size,), generator=rng)]
            changed, labels = mask_tokens(batch, settings, rng, len(tokenizer))
            logits = model(input_ids=changed, attention_mask=(batch != 1).long()).logits
            loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            if step % 100 == 0:
                known = labels >= 0
                right = float((logits.argmax(-1) == labels)[known].float().mean())
                record = {"step": step, "loss": round(loss.item(), 4), "accuracy": round(right, 4)}
                print(
                    json.dumps({**record, "seconds": round(time.time() - started, 1)}), file=log, flush=True
                )
    model.half().save_pretrained(out)
    tokenizer.save_pretrained(out)
    return out


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/nano-roberta"))
    parser.add_argument("--steps", type=int, default=Settings.steps)
    arguments = parser.parse_args()
    print(pretrain(Settings(steps=arguments.steps), arguments.out))


if __name__ == "__main__":
    main()
