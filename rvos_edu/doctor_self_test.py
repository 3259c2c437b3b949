"""The doctor's ten-second self-test: a training step, a segmentation, a judgement; no files, no network."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from rvos_edu.config import MTTRConfig, TemporalEncoderConfig, TextEncoderConfig
from rvos_edu.data.moving_shapes import generate_video
from rvos_edu.data.moving_shapes.scene import COLOURS
from rvos_edu.engine.inference import load_model
from rvos_edu.engine.segment import segment
from rvos_edu.models import MTTR, MTTRCriterion
from rvos_edu.structures import Target

MODEL, JUDGE = "nano-mttr", "nano-r2vos"


@dataclass(frozen=True)
class Judgement:
    """What R2-VOS says of a sentence that fits a clip and of one that does not.

    Args:
        true, false: the sentences.
        overlap: IoU of the masks of the true one with the truth.
        mismatches: probability that they do not fit.
        right: whether the true one was kept and the false one rejected.
    """

    true: str
    false: str
    overlap: float
    mismatches: tuple[float, float]
    right: bool

    def __str__(self) -> str:
        low, high = self.mismatches
        return (
            f"'{self.true}': IoU with the truth {self.overlap:.2f}, p(does not match) {low:.2f}; "
            f"'{self.false}': {high:.2f}"
        )


def tiny_config() -> MTTRConfig:
    """An MTTR of a few thousand parameters."""
    return MTTRConfig(
        temporal_encoder=TemporalEncoderConfig(
            embed_dim=8, depths=[1, 1, 1], heads=[1, 2, 2], window=[2, 2, 2], drop_path=0.0
        ),
        text_encoder=TextEncoderConfig(
            hidden_size=8, layers=1, heads=1, feedforward=8, vocab_size=20, max_positions=12
        ),
        d_model=64,
        heads=2,
        feedforward=16,
        encoder_layers=1,
        decoder_layers=1,
        queries=4,
        dropout=0.0,
    )


def train_one_step() -> float:
    """Forward, loss, backward and update of a tiny MTTR with random weights; returns the loss.

    Raises:
        RuntimeError: if the loss is not finite, or the update changed nothing.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = MTTR(tiny_config()).train()
        frames = torch.rand(1, 2, 3, 33, 57)
    masks = torch.zeros(1, 2, 33, 57, dtype=torch.bool)
    masks[..., 5:20, 10:30] = True
    words = {"input_ids": torch.tensor([[0, 5, 6, 2]]), "attention_mask": torch.ones(1, 4, dtype=torch.int64)}
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    before = [parameter.detach().clone() for parameter in learning]
    optimizer = torch.optim.AdamW(learning, lr=1e-3)
    loss = MTTRCriterion()(model(frames, words), [Target(masks, 0)]).total
    loss.backward()
    optimizer.step()
    changed = any(not torch.equal(old, new) for old, new in zip(before, learning, strict=True))
    if not math.isfinite(loss.item()) or not changed:
        raise RuntimeError(f"a training step gave the loss {loss.item()} and changed weights: {changed}")
    return loss.item()


def segment_one_clip() -> tuple[str, float]:
    """Segment a generated clip with the shipped model; returns the sentence and the IoU with the truth."""
    video = generate_video("1", 0, "test", 0)
    expression = video.expressions[0]
    masks = segment(MODEL, video.frames, expression.text).masks
    truth = video.ids == expression.identity
    return expression.text, float((masks & truth).sum() / (masks | truth).sum())


def judge_two_sentences() -> Judgement:
    """Ask the shipped R2-VOS for an object of a generated clip, and for one of a colour that is not there."""
    video = generate_video("1", 0, "test", 0)
    expression = video.expressions[0]
    colour = next(c for c in COLOURS if c not in {body.colour for body in video.scene.bodies})
    model, settings = load_model(JUDGE)
    asked = expression.text, f"the {colour} thing"
    kept, rejected = (segment(model, video.frames, text, config=settings) for text in asked)
    truth = video.ids == expression.identity
    assert kept.mismatch is not None and rejected.mismatch is not None
    return Judgement(
        *asked,
        overlap=float((kept.masks & truth).sum() / (kept.masks | truth).sum()),
        mismatches=(kept.mismatch, rejected.mismatch),
        right=not kept.rejected and rejected.rejected,
    )
