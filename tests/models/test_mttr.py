"""The whole model on tiny sizes: sharing of clips, padding, attention, odd input, precision, bad input."""

from __future__ import annotations

import pytest
import torch

from rvos_edu.config import MTTRConfig
from rvos_edu.errors import DataError
from rvos_edu.models import MTTR, MTTRCriterion
from tests.tiny import square_target, tiny_model

SENTENCES = ["the red circle", "a square moving left"]


@pytest.fixture(scope="module")
def model() -> MTTR:
    return tiny_model()


@pytest.fixture(scope="module")
def frames() -> torch.Tensor:
    return torch.randn(2, 3, 3, 32, 48, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_shapes(model: MTTR, frames: torch.Tensor) -> None:
    out = model(frames, SENTENCES)
    assert out.mask_logits.shape == (2, 2, 3, 5, 8, 12) and out.reference_logits.shape == (2, 2, 3, 5, 2)
    assert out.attention is None


@torch.no_grad()
def test_annotated_frames_are_chosen_after_the_temporal_encoder(model: MTTR, frames: torch.Tensor) -> None:
    whole = model(frames, SENTENCES)
    some = model(frames, SENTENCES, annotated=[2, 0])
    assert torch.allclose(some.mask_logits, whole.mask_logits[:, :, [2, 0]], atol=1e-5)


@torch.no_grad()
def test_sentences_share_a_clip(model: MTTR, frames: torch.Tensor) -> None:
    calls = []
    hook = model.temporal_encoder.register_forward_hook(lambda _m, inputs, _o: calls.append(len(inputs[0])))
    shared = model(frames, [SENTENCES[0], SENTENCES[1], SENTENCES[0]], clips=torch.tensor([1, 0, 0]))
    hook.remove()
    assert calls == [2]
    alone = model(frames[[1, 0, 0]], [SENTENCES[0], SENTENCES[1], SENTENCES[0]])
    assert torch.allclose(shared.mask_logits, alone.mask_logits, atol=1e-5)
    assert torch.allclose(shared.reference_logits, alone.reference_logits, atol=1e-5)


@torch.no_grad()
def test_attention_on_request(model: MTTR, frames: torch.Tensor) -> None:
    plain, shown = model(frames, SENTENCES), model(frames, SENTENCES, return_attention=True)
    assert torch.allclose(plain.mask_logits, shown.mask_logits, atol=1e-5)
    maps = shown.attention
    assert maps is not None and maps.grid == (2, 3)
    assert maps.encoder.shape == (1, 2, 3, 4, 12, 12)  # 6 pixels and 6 tokens of the longer sentence
    assert maps.decoder.shape == (2, 2, 3, 4, 5, 12)
    assert (maps.decoder[:, 0, ..., -1] == 0).all()  # the first sentence has 5 tokens


@torch.no_grad()
def test_a_clip_that_is_all_padding_at_stride_16(model: MTTR, frames: torch.Tensor) -> None:
    padding = torch.ones(2, 32, 48, dtype=torch.bool)
    padding[0] = False
    for weights in (False, True):
        out = model(frames, SENTENCES, padding, return_attention=weights)
        assert out.mask_logits.isfinite().all() and out.reference_logits.isfinite().all()
    alone = model(frames[:1], SENTENCES[:1])
    assert torch.allclose(out.mask_logits[:, :1], alone.mask_logits, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize(("length", "height", "width"), [(1, 1, 1), (1, 33, 57), (5, 4, 70)])
def test_odd_but_valid(model: MTTR, length: int, height: int, width: int) -> None:
    out = model(torch.randn(1, length, 3, height, width), ["a"])
    assert out.mask_logits.shape == (2, 1, length, 5, -(-height // 4), -(-width // 4))
    assert out.mask_logits.isfinite().all()


def test_everything_but_the_text_encoder_learns(frames: torch.Tensor) -> None:
    model = tiny_model().train()
    out = model(frames[:, :2], SENTENCES)
    MTTRCriterion()(out, [square_target(height=32, width=48)] * 2).total.backward()
    # With a single key, one token or a zero query some weights get a zero gradient, but never none.
    for name, parameter in model.named_parameters():
        assert (parameter.grad is None) == name.startswith("text_encoder."), name


def test_bfloat16_autocast(frames: torch.Tensor) -> None:
    model = tiny_model().train()
    targets = [square_target(height=32, width=48)] * 2
    with torch.autocast("cpu", torch.bfloat16):
        out = model(frames[:, :2], SENTENCES, torch.zeros(2, 32, 48, dtype=torch.bool))
        losses = MTTRCriterion()(out, targets)
    losses.total.backward()
    assert losses.total.isfinite() and losses.total.dtype == torch.float32
    model.eval()
    with torch.no_grad():
        full = model(frames, SENTENCES).mask_logits
        with torch.autocast("cpu", torch.bfloat16):
            half = model(frames, SENTENCES).mask_logits
    assert (half - full).abs().max() < 0.1 * full.abs().max()


def test_bad_input(model: MTTR, frames: torch.Tensor) -> None:
    for wrong in (frames[0], frames[:, :0], frames[:, :, :1]):
        with pytest.raises(ValueError, match=r"frames must be \[B, T, 3, H, W\]"):
            model(wrong, SENTENCES)
    with pytest.raises(ValueError, match="normalised floats, got torch.uint8"):
        model(frames.byte(), SENTENCES)
    with pytest.raises(ValueError, match=r"padding must be bool \[B, H, W\] = \[2, 32, 48\]"):
        model(frames, SENTENCES, torch.zeros(2, 8, 12))
    with pytest.raises(ValueError, match="annotated must be indices of the 3 frames"):
        model(frames, SENTENCES, annotated=[3])
    with pytest.raises(ValueError, match="must be a list of sentences, got the string 'a red circle'"):
        model(frames, "a red circle")
    with pytest.raises(ValueError, match="must be a list of sentences, got 3 in it"):
        model(frames, ["a red circle", 3])
    with pytest.raises(ValueError, match="1 expressions for 2 clips"):
        model(frames, ["a"])
    with pytest.raises(ValueError, match="clips must be indices of the 2 clips"):
        model(frames, SENTENCES, clips=torch.tensor([0, 2]))
    with pytest.raises(ValueError, match="for each of 2 expressions, got 1"):
        model(frames, SENTENCES, clips=torch.tensor([0]))
    with pytest.raises(DataError, match="empty"):
        model(frames, ["a", " "])


def test_sizes_of_the_paper() -> None:
    """Counts of section C.4 and of the published model: 22.4 M trainable parameters."""
    with torch.device("meta"):
        model = MTTR(MTTRConfig())
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert trainable == pytest.approx(22.4e6, rel=0.01)
    assert sum(p.numel() for p in model.temporal_encoder.parameters()) == pytest.approx(12.4e6, rel=0.01)
    assert model.queries.weight.shape == (50, 256)
