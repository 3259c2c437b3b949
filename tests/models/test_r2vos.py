"""R2-VOS as a whole: shapes, sharing of clips, negatives, padding, components by name, saving, bad input."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rvos_edu.config import FrameEncoderConfig
from rvos_edu.errors import CheckpointError, DataError
from rvos_edu.models import MTTR, R2VOS, R2VOSCriterion, model_from_pretrained
from rvos_edu.postprocess import postprocess
from rvos_edu.structures import R2VOSOutput, Target
from tests.tiny import square_target, tiny_model, tiny_r2vos, tiny_r2vos_config

SENTENCES = ["the red circle", "a square moving left"]
TENSORS = (
    "mask_logits",
    "class_logits",
    "boxes",
    "sentence",
    "reconstructed",
    "alignment_logits",
    "mask_features",
)


@pytest.fixture(scope="module")
def frames() -> torch.Tensor:
    return torch.randn(2, 3, 3, 32, 48, generator=torch.Generator().manual_seed(1))


def assert_equal(one: R2VOSOutput, other: R2VOSOutput, *, tolerance: float = 1e-5) -> None:
    for name in TENSORS:
        torch.testing.assert_close(getattr(one, name), getattr(other, name), rtol=0, atol=tolerance, msg=name)


@pytest.mark.parametrize("name", ["convnext_atto", "resnet18"])
@torch.no_grad()
def test_frames_of_any_size_through_a_backbone_of_timm(name: str) -> None:
    """ConvNeXt cuts patches of 4x4, which do not fit here; masks cover the frame all the same."""
    model = tiny_r2vos(frame_encoder=FrameEncoderConfig(kind="timm", name=name))
    generator, size = torch.Generator().manual_seed(0), (90, 161)
    out = model(torch.randn(1, 1, 3, *size, generator=generator), SENTENCES[:1])
    assert out.mask_logits.shape == (2, 1, 1, 3, 23, 41) and out.mask_logits.isfinite().all()
    [masks] = postprocess(
        out.mask_logits[-1], padded_size=size, sizes=[size], original_sizes=[(180, 322)], stride=4
    )
    assert masks.shape == (1, 3, 180, 322)
    padding = torch.zeros(1, *size, dtype=torch.bool)
    padding[..., 100:] = True  # said by the user, in frames of the same odd size
    assert model(torch.zeros(1, 1, 3, *size), SENTENCES[:1], padding).mask_logits.shape[-2:] == (23, 41)


@torch.no_grad()
def test_shapes(frames: torch.Tensor) -> None:
    out = tiny_r2vos()(frames, SENTENCES, annotated=[0, 2])
    assert out.mask_logits.shape == (2, 2, 2, 3, 8, 12)  # [Z, B, A, N, h, w]
    assert out.class_logits.shape == (2, 2, 2, 3, 1)
    assert out.boxes.shape == (2, 2, 2, 3, 4) and out.boxes.min() > 0 and out.boxes.max() < 1
    assert out.sentence.shape == out.reconstructed.shape == (2, 32)
    assert out.alignment_logits.shape == (2,)
    assert out.mask_features.shape == (2, 2, 8, 8, 12)
    assert out.negatives is None and out.grounding is None


@torch.no_grad()
def test_reference_logits_have_the_class_as_their_probability(frames: torch.Tensor) -> None:
    out = tiny_r2vos()(frames, SENTENCES)
    assert out.reference_logits.shape == (2, 2, 3, 3, 2)
    torch.testing.assert_close(out.reference_logits.softmax(-1)[..., :1], out.class_logits.sigmoid())


@torch.no_grad()
def test_several_sentences_share_a_clip(frames: torch.Tensor) -> None:
    model = tiny_r2vos()
    out = model(frames, [*SENTENCES, "the circle"], clips=torch.tensor([0, 0, 1]))
    alone = model(frames[:1], SENTENCES[1:])
    torch.testing.assert_close(out.mask_logits[:, 1:2], alone.mask_logits, rtol=0, atol=1e-5)
    torch.testing.assert_close(out.reconstructed[1:2], alone.reconstructed, rtol=0, atol=1e-5)


@torch.no_grad()
def test_a_longer_sentence_in_the_batch_changes_nothing(frames: torch.Tensor) -> None:
    model = tiny_r2vos()
    long = "the red circle moving left a square moving right"
    together, alone = model(frames, ["the circle", long]), model(frames[:1], ["the circle"])
    torch.testing.assert_close(together.mask_logits[:, :1], alone.mask_logits, rtol=0, atol=1e-5)
    torch.testing.assert_close(together.alignment_logits[:1], alone.alignment_logits, rtol=0, atol=1e-5)


@torch.no_grad()
def test_negatives_are_what_a_plain_run_says_of_them_and_leave_the_rest_alone(frames: torch.Tensor) -> None:
    model = tiny_r2vos()
    plain = model(frames, SENTENCES)
    out = model(frames, SENTENCES, negatives=["the square", "a circle"], negative_clips=torch.tensor([1, 0]))
    assert_equal(out, plain)
    assert out.negatives is not None
    asked = model(frames.flip(0), ["the square", "a circle"])
    torch.testing.assert_close(out.negatives.sentence, asked.sentence, rtol=0, atol=1e-5)
    torch.testing.assert_close(out.negatives.reconstructed, asked.reconstructed, rtol=0, atol=1e-5)
    torch.testing.assert_close(out.negatives.alignment_logits, asked.alignment_logits, rtol=0, atol=1e-5)


@torch.no_grad()
def test_grounding_maps_on_request_are_distributions(frames: torch.Tensor) -> None:
    model = tiny_r2vos()
    out = model(frames, SENTENCES, return_attention=True)
    assert_equal(out, model(frames, SENTENCES))
    maps = out.grounding
    assert maps is not None
    words = len(model.text_encoder.tokenize(SENTENCES)["input_ids"][0])
    assert maps.before.shape == maps.after.shape == (2, 3, 32, 2, 3)
    assert maps.pixels_to_words.shape == (2, 4, 3 * 6, words)
    assert maps.words_to_pixels.shape == (2, 4, words, 3 * 6)
    assert maps.filters.shape == (2, 3, 32)
    torch.testing.assert_close(maps.words_to_pixels.sum(-1), torch.ones(2, 4, words))


@pytest.mark.parametrize(
    "parts",
    [
        {"grounding": "none"},
        {"filters": 1},
        {"filters": 4},
        {"decoder": "deformable", "mask_head": "conditional", "decoder_layers": 3},
        {"sentence": "pooler"},
        {"extra_levels": 0},
        {"extra_levels": 2},
        {"frame_encoder": FrameEncoderConfig(kind="timm", name="resnet18")},
    ],
    ids=str,
)
def test_every_named_part_learns(parts: dict[str, object], frames: torch.Tensor) -> None:
    model = tiny_r2vos(**parts).train()
    out = model(frames, SENTENCES, negatives=["the square"], negative_clips=torch.tensor([1]))
    targets = [square_target(3, 32, 48), square_target(3, 32, 48, referred=1)]
    R2VOSCriterion()(out, targets).total.backward()
    silent = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert not [n for n in silent if not n.startswith("sentence.")], silent
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


@torch.no_grad()
def test_from_features_is_the_second_half_of_forward(frames: torch.Tensor) -> None:
    model = tiny_r2vos()
    assert model.frame_encoder is not None
    assert_equal(model.from_features(model.frame_encoder(frames), SENTENCES), model(frames, SENTENCES))


def test_a_model_without_frame_encoder_takes_features_only(frames: torch.Tensor) -> None:
    encoder = FrameEncoderConfig(kind="none", channels=[4, 8, 16])
    model = tiny_r2vos(frame_encoder=encoder)
    maps = [torch.randn(1, 2, c, 16 // s, 24 // s) for c, s in ((4, 1), (8, 2), (16, 4))]
    with torch.no_grad():
        assert model.from_features(maps, SENTENCES[:1]).mask_logits.shape == (2, 1, 2, 3, 16, 24)
    with pytest.raises(ValueError, match="no frame encoder"):
        model(frames, SENTENCES)
    with pytest.raises(ValueError, match=r"features must be \[B, T, 4, h, w\]"):
        model.from_features(maps[:2], SENTENCES[:1])


@torch.no_grad()
def test_saved_and_loaded_by_name_of_architecture(tmp_path: Path, frames: torch.Tensor) -> None:
    model = tiny_r2vos()
    model.save_pretrained(tmp_path / "r2")
    again = model_from_pretrained(tmp_path / "r2")
    assert isinstance(again, R2VOS) and again.config == model.config
    assert_equal(again(frames, SENTENCES), model(frames, SENTENCES), tolerance=0)
    with pytest.raises(CheckpointError, match="architecture r2vos, not mttr"):
        MTTR.from_pretrained(tmp_path / "r2")
    tiny_model().save_pretrained(tmp_path / "mttr")
    assert isinstance(model_from_pretrained(tmp_path / "mttr"), MTTR)
    (tmp_path / "r2" / "config.json").write_text('{"architecture": "sam"}')
    with pytest.raises(CheckpointError, match="unknown|architecture 'sam'"):
        model_from_pretrained(tmp_path / "r2")


def test_bad_input(frames: torch.Tensor) -> None:
    model = tiny_r2vos()
    with pytest.raises(DataError, match="empty"):
        model(frames, ["the circle", " "])
    with pytest.raises(ValueError, match="2 clips"):
        model(frames, ["the circle"])
    with pytest.raises(ValueError, match="must be a list of sentences, got the string 'a red circle'"):
        model(frames, "a red circle")
    with pytest.raises(ValueError, match="must be a list of sentences, got 3 in it"):
        model(frames, ["a red circle", 3])
    with pytest.raises(ValueError, match="must be a list of sentences, got the string 'the circle'"):
        model(frames, SENTENCES, negatives="the circle", negative_clips=[0] * 10)
    with pytest.raises(ValueError, match="negative_clips"):
        model(frames, SENTENCES, negatives=["a square"])
    with pytest.raises(ValueError, match=r"T, H, W >= 1"):
        model(frames[:, :0], SENTENCES)


@pytest.mark.parametrize(
    ("padding", "sizes", "message"),
    [
        (torch.zeros(2, 32, 48, dtype=torch.bool), None, r"bool \[1, H, W\] with H/4, W/4 = 8, 12"),
        (torch.zeros(1, 7, 9, dtype=torch.bool), None, r"got torch.bool \[1, 7, 9\]"),
        (torch.zeros(32, 48, dtype=torch.bool), None, r"got torch.bool \[32, 48\]"),
        (torch.zeros(1, 32, 48), None, "got torch.float32"),
        (
            torch.zeros(1, 32, 48, dtype=torch.bool),
            torch.tensor([32, 48]),
            r"sizes must be \[1, 2\], got \[2\]",
        ),
    ],
)
def test_padding_of_own_features_must_fit(
    padding: torch.Tensor, sizes: torch.Tensor | None, message: str
) -> None:
    model = tiny_r2vos()
    maps = [torch.zeros(1, 2, c, 8 // 2**k, 12 // 2**k) for k, c in enumerate(model.channels)]
    with pytest.raises(ValueError, match=message):
        model.from_features(maps, SENTENCES[:1], padding, sizes)


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of"):
        R2VOS(tiny_r2vos_config(heads=5))


def test_the_whole_learns_to_find_one_square(frames: torch.Tensor) -> None:
    torch.manual_seed(0)
    model, criterion = tiny_r2vos().train(), R2VOSCriterion()
    target = Target(square_target(3, 32, 48).masks[:1], 0)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-3)
    totals = []
    for _ in range(30):
        losses = criterion(model(frames[:1], SENTENCES[:1]), [target])
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
        totals.append(float(losses.dice[-1].detach()))
    assert totals[-1] < 0.25 * totals[0]
