"""A tiny Refer-YouTube-VOS and a tiny RoBERTa on disk, and the settings of a tiny MTTR."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaModel

from rvos_edu.config import (
    DataConfig,
    ExperimentConfig,
    FrameEncoderConfig,
    InitConfig,
    MTTRConfig,
    OptimizerConfig,
    R2VOSConfig,
    R2VOSDataConfig,
    R2VOSExperimentConfig,
    R2VOSInitConfig,
    TemporalEncoderConfig,
    TextEncoderConfig,
    TrainConfig,
)

COLOURS = {"red": (220, 40, 40), "green": (40, 200, 60), "blue": (50, 70, 230)}
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
FRAMES, HEIGHT, WIDTH = 4, 32, 48


def write_tree(root: Path, videos: dict[str, int], *, most: int = 3) -> Path:
    """Refer-YouTube-VOS with `videos[split]` videos per split, with in turn two and `most` moving squares."""
    for split, count in videos.items():
        rng = np.random.default_rng(len(split))
        records = {
            f"{split}{v:03d}": _write_video(root / split, f"{split}{v:03d}", (2, most)[v % 2], rng)
            for v in range(count)
        }
        path = root / "meta_expressions" / split / "meta_expressions.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"videos": records}))
    return root


def _write_video(folder: Path, name: str, objects: int, rng: np.random.Generator) -> dict[str, object]:
    words = list(COLOURS)[:objects]
    starts = rng.integers(0, 12, (len(words), 2))
    frames = [f"{5 * t:05d}" for t in range(FRAMES)]
    for kind in ("JPEGImages", "Annotations"):
        (folder / kind / name).mkdir(parents=True)
    for t, frame in enumerate(frames):
        image = rng.integers(90, 120, (HEIGHT, WIDTH, 3)).astype(np.uint8)
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        for i, word in enumerate(words):
            y, x = starts[i] + (2 * t, 12 * i + t)
            image[y : y + 10, x : x + 10] = COLOURS[word]
            mask[y : y + 10, x : x + 10] = i + 1
        Image.fromarray(image).save(folder / "JPEGImages" / name / f"{frame}.jpg")
        palette = Image.fromarray(mask, mode="P")
        palette.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
        palette.save(folder / "Annotations" / name / f"{frame}.png")
    expressions = {
        str(i): {"exp": f"the {word} square", "obj_id": str(i + 1)} for i, word in enumerate(words)
    }
    return {"expressions": expressions, "frames": frames}


def write_text_encoder(folder: Path) -> Path:
    """A RoBERTa of width 32 with a tokenizer that knows a dozen words."""
    words = [*SPECIAL, "the", "square", *COLOURS, "left", "right", "moving"]
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        mask_token="<mask>",
    ).save_pretrained(folder)
    torch.manual_seed(0)
    sizes = RobertaConfig(
        vocab_size=20,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=20,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
    )
    RobertaModel(sizes, add_pooling_layer=False).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tree(tmp_path_factory.mktemp("ytvos"), {"train": 7, "valid": 2})


@pytest.fixture(scope="session")
def text_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_text_encoder(tmp_path_factory.mktemp("roberta"))


@pytest.fixture
def tiny(tree: Path, text_encoder: Path) -> ExperimentConfig:
    """A run of seconds: 7 clips of 4 frames of 32x48, batches of 2, with dropout."""
    return ExperimentConfig(
        name="tiny",
        model=MTTRConfig(
            temporal_encoder=TemporalEncoderConfig(
                embed_dim=8, depths=[1, 1, 1], heads=[1, 2, 2], window=[4, 2, 3], drop_path=0.0
            ),
            text_encoder=TextEncoderConfig(
                source=str(text_encoder),
                hidden_size=32,
                layers=1,
                heads=2,
                feedforward=32,
                vocab_size=20,
                max_positions=20,
            ),
            d_model=64,
            heads=2,
            feedforward=32,
            encoder_layers=1,
            decoder_layers=2,
            queries=5,
            dropout=0.1,
        ),
        init=InitConfig(text_encoder=str(text_encoder)),
        data=DataConfig(
            root=str(tree),
            window=4,
            annotated_frames=3,
            expressions_per_clip=2,
            every_expression=False,
            short_side=32,
            max_side=48,
        ),
        optimizer=OptimizerConfig(schedule="cosine", warmup_steps=2, lr=1e-3, lr_temporal_encoder=5e-4),
        train=TrainConfig(steps=6, batch_size=2, workers=0, log_every=1, checkpoint_every=2),
    )


@pytest.fixture
def tiny_r2vos(tiny: ExperimentConfig, text_encoder: Path) -> R2VOSExperimentConfig:
    """The same run of a tiny R2-VOS; each clip is also asked false sentences of the next one."""
    return R2VOSExperimentConfig(
        name="tiny",
        model=R2VOSConfig(
            frame_encoder=FrameEncoderConfig(kind="video-swin", video_swin=tiny.model.temporal_encoder),
            text_encoder=tiny.model.text_encoder,
            d_model=32,
            heads=2,
            feedforward=32,
            encoder_layers=1,
            points=2,
            filters=2,
            reconstruction_layers=1,
            reconstruction_feedforward=32,
            decoder_layers=2,
            queries=3,
            mask_dim=8,
            dropout=0.1,
        ),
        init=R2VOSInitConfig(text_encoder=str(text_encoder)),
        data=R2VOSDataConfig(**vars(tiny.data)),
        optimizer=tiny.optimizer,
        train=tiny.train,
    )
