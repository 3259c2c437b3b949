"""Early grounding: toy numbers, padding that never counts, K = 1..4, weights on request, bad input."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rvos_edu.nn.conv_norm import ConvNormReLU, MaskedGroupNorm
from rvos_edu.nn.dynamic_filters import DynamicFilters
from rvos_edu.nn.early_grounding import EarlyGrounding, GroundingOutput, PlainTop, TextFusion
from rvos_edu.nn.position import centred_sine_positions, word_positions

WIDTH, FRAMES = 16, 2


@dataclass
class Clip:
    """One clip and its sentence on a canvas; what is padded is filled with large random numbers."""

    memory: Tensor
    padding: Tensor
    words: Tensor
    word_padding: Tensor

    def ground(self, module: EarlyGrounding | PlainTop, *, return_attention: bool = False) -> GroundingOutput:
        positions = centred_sine_positions(self.padding.flatten(0, 1), WIDTH).unflatten(0, (-1, FRAMES))
        places = word_positions(self.word_padding, WIDTH)
        with torch.no_grad():
            return module(
                self.memory,
                positions.to(self.memory.dtype),
                self.padding,
                self.words,
                places.to(self.memory.dtype),
                self.word_padding,
                return_attention=return_attention,
            )


def clip(height: int, width: int, words: int) -> Clip:
    """Real pixels and real words only, float64."""
    return Clip(
        memory=torch.randn(1, FRAMES, WIDTH, height, width, dtype=torch.float64),
        padding=torch.zeros(1, FRAMES, height, width, dtype=torch.bool),
        words=torch.randn(1, words, WIDTH, dtype=torch.float64),
        word_padding=torch.zeros(1, words, dtype=torch.bool),
    )


def on_canvas(small: Clip, height: int, width: int, slots: list[int], length: int) -> Clip:
    """The same clip at the top left of a larger map, its words at `slots` of a longer sentence."""
    h, w = small.memory.shape[-2:]
    large = clip(height, width, length)
    large.memory *= 1000
    large.memory[..., :h, :w] = small.memory
    large.padding[:] = True
    large.padding[..., :h, :w] = False
    large.words *= 1000
    large.words[:, slots] = small.words
    large.word_padding[:] = True
    large.word_padding[:, slots] = False
    return large


def grounding(filters: int = 3) -> EarlyGrounding:
    torch.manual_seed(filters)
    return EarlyGrounding(WIDTH, 4, feedforward=24, filters=filters, dropout=0.1).double().eval()


@settings(max_examples=12, deadline=None)
@given(st.data(), st.integers(1, 4), st.integers(0, 99))
def test_padding_never_counts(data: st.DataObject, filters: int, seed: int) -> None:
    """Any K; two clips padded together, each sentence's padding anywhere: the same as each clip alone."""
    module, canvas, length = grounding(filters), (4, 5), 7
    torch.manual_seed(seed)
    alone, padded = [], []
    for _ in range(2):
        slots = sorted(data.draw(st.sets(st.integers(0, length - 1), min_size=1)))
        small = clip(data.draw(st.integers(1, 4)), data.draw(st.integers(1, 5)), len(slots))
        alone.append(small)
        padded.append(on_canvas(small, *canvas, slots, length))
    parts = (torch.cat([getattr(p, name) for p in padded]) for name in vars(padded[0]))
    batch = Clip(*parts)
    out = batch.ground(module)
    for row, small in enumerate(alone):
        expected = small.ground(module)
        h, w = small.memory.shape[-2:]
        assert torch.allclose(out.features[row, ..., :h, :w], expected.features[0], atol=1e-6)
        assert torch.allclose(out.words[row, ~batch.word_padding[row]], expected.words[0], atol=1e-6)
    assert (out.features.movedim(2, -1)[batch.padding] == 0).all()


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 4), st.integers(1, 5))
def test_plain_top_does_not_see_padding(height: int, width: int) -> None:
    torch.manual_seed(height)
    module, small = PlainTop(WIDTH).double().eval(), clip(height, width, 3)
    out = on_canvas(small, 4, 5, [0, 1, 2], 5).ground(module)
    expected = small.ground(module).features
    assert torch.allclose(out.features[..., :height, :width], expected, atol=1e-6)
    assert out.words.shape == (1, 5, WIDTH) and out.maps is None


def test_no_padding_is_padding_of_nothing() -> None:
    module, given_clip = grounding().float(), clip(3, 4, 5)
    memory, words = given_clip.memory.float(), given_clip.words.float()
    positions, places = torch.randn(1, FRAMES, 3, 4, WIDTH), torch.randn(1, 5, WIDTH)
    with torch.no_grad():
        plain = module(memory, positions, None, words, places)
        masked = module(memory, positions, given_clip.padding, words, places, given_clip.word_padding)
    assert torch.allclose(plain.features, masked.features, atol=1e-5)
    assert torch.allclose(plain.words, masked.words, atol=1e-5)


def test_attention_on_request_changes_nothing() -> None:
    module = grounding()
    torch.manual_seed(0)
    padded = on_canvas(clip(2, 3, 4), 3, 4, [0, 1, 3, 4], 6)
    plain, shown = padded.ground(module), padded.ground(module, return_attention=True)
    assert plain.maps is None and shown.maps is not None
    assert torch.allclose(plain.features, shown.features, atol=1e-5)
    assert torch.allclose(plain.words, shown.words, atol=1e-5)
    maps, pixels = shown.maps, FRAMES * 3 * 4
    assert maps.pixels_to_words.shape == (1, 4, pixels, 6) and maps.words_to_pixels.shape == (1, 4, 6, pixels)
    assert maps.filters.shape == (1, 3, WIDTH)
    assert torch.equal(maps.before, padded.memory) and torch.equal(maps.after, shown.features)
    for weights in (maps.pixels_to_words, maps.words_to_pixels):
        assert torch.allclose(weights.sum(-1), torch.ones((), dtype=weights.dtype), atol=1e-5)
    assert (maps.pixels_to_words[..., padded.word_padding[0]] == 0).all()
    assert (maps.words_to_pixels[..., padded.padding.flatten()] == 0).all()


def test_explicit_attention_in_single_precision() -> None:
    module, small = grounding().float(), clip(4, 5, 6)
    small.memory, small.words = small.memory.float(), small.words.float()
    plain, shown = small.ground(module), small.ground(module, return_attention=True)
    assert torch.allclose(plain.features, shown.features, atol=1e-5)


def test_frames_of_a_clip_meet_and_clips_do_not() -> None:
    """Another second frame changes the first one of the same clip; without grounding it does not."""
    torch.manual_seed(0)
    first = clip(3, 3, 4)
    other = Clip(first.memory.clone(), first.padding, first.words, first.word_padding)
    other.memory[:, 1] = torch.randn_like(other.memory[:, 1])
    module, plain = grounding(), PlainTop(WIDTH).double()
    moved = first.ground(module).features[:, 0] - other.ground(module).features[:, 0]
    assert moved.abs().max() > 1e-3
    assert torch.equal(first.ground(plain).features[:, 0], other.ground(plain).features[:, 0])


def test_other_words_give_other_features() -> None:
    torch.manual_seed(0)
    first = clip(3, 3, 4)
    other = Clip(first.memory, first.padding, torch.randn_like(first.words), first.word_padding)
    module = grounding()
    assert (first.ground(module).features - other.ground(module).features).abs().max() > 1e-2


def test_gradients_reach_every_parameter() -> None:
    torch.manual_seed(0)
    module, small = grounding().float().train(), clip(3, 4, 5)
    memory, words = small.memory.float(), small.words.float()
    out = module(memory, torch.randn(1, FRAMES, 3, 4, WIDTH), None, words, torch.randn(1, 5, WIDTH))
    out.features.square().sum().backward()
    without = [n for n, p in module.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    # A bias that all keys share moves no softmax; only rounding reaches it.
    assert [name for name in without if not name.endswith("key.bias")] == []


def test_fusion_by_hand() -> None:
    """With one real word every pixel reads the same vector and is multiplied by it."""
    torch.manual_seed(0)
    module = TextFusion(8, 2)
    pixels, words, places = torch.randn(1, 5, 8), torch.randn(1, 3, 8), torch.randn(1, 3, 8)
    padding = torch.tensor([[True, False, True]])
    with torch.no_grad():
        ours = module(pixels, words, places, padding)
        read = module.attention.out(module.attention.value(words[:, 1]))
    assert torch.allclose(ours, pixels * read[:, None], atol=1e-6)


def test_fusion_does_not_read_padded_words() -> None:
    torch.manual_seed(0)
    module = TextFusion(8, 2)
    pixels, words, places = torch.randn(2, 5, 8), torch.randn(2, 3, 8), torch.randn(2, 3, 8)
    padding = torch.tensor([[False, False, True], [False, False, True]])
    with torch.no_grad():
        padded = module(pixels, words, places, padding)
        short = module(pixels, words[:, :2], places[:, :2])
    assert torch.allclose(padded, short, atol=1e-6)


def test_pooled_words_by_hand() -> None:
    """Four words in three runs: 1-2, 2-3, 3-4; two words: 1, 1-2, 2; one word: itself three times."""
    filters = DynamicFilters(8, 3)
    words = torch.tensor([1.0, 2.0, 4.0, 8.0]).expand(3, 4)[..., None]
    padding = torch.tensor([[False] * 4, [False, True, False, True], [True, True, False, True]])
    assert filters.pool_words(words, padding)[..., 0].tolist() == [
        [1.5, 3.0, 6.0],
        [1.0, 2.5, 4.0],
        [4.0, 4.0, 4.0],
    ]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=12).filter(lambda p: not all(p)), st.integers(1, 4))
def test_pooling_is_adaptive_pooling_of_the_real_words(padded: list[bool], count: int) -> None:
    words, padding = torch.randn(1, len(padded), 8), torch.tensor([padded])
    expected = F.adaptive_avg_pool1d(words[~padding].T[None], count).transpose(1, 2)
    assert torch.allclose(DynamicFilters(8, count).pool_words(words, padding), expected, atol=1e-6)


def test_filters_gate_channels() -> None:
    """Filters of zero let nothing through; one filter that is twice another doubles what is gated."""
    torch.manual_seed(0)
    module, pixels = DynamicFilters(8, 1), torch.randn(2, 8, 3, 3)
    assert (module(pixels, torch.zeros(1, 1, 8)) == 0).all()
    caught: list[Tensor] = []
    module.after.register_forward_pre_hook(lambda _m, inputs: caught.append(inputs[0]))
    filters = torch.randn(2, 1, 8)
    module(pixels, filters)
    module(pixels, 2 * filters)
    assert torch.allclose(caught[1], 2 * caught[0])
    assert torch.allclose(caught[0], module.before(pixels) * filters[:, 0, :, None, None])


def test_masked_norm_is_the_norm_of_the_real_part() -> None:
    torch.manual_seed(0)
    norm, x = MaskedGroupNorm(8, 16), torch.randn(2, 16, 4, 5)
    norm.weight.data, norm.bias.data = torch.randn(16), torch.randn(16)
    padding = torch.ones(2, 4, 5, dtype=torch.bool)
    padding[:, :3, :2] = False
    ours = norm(x, padding)
    assert torch.allclose(ours[..., :3, :2], norm(x[..., :3, :2]), atol=1e-5)
    assert (ours[..., 3:, :] == 0).all() and (ours[..., 2:] == 0).all()


def test_frame_of_padding_alone_is_finite() -> None:
    block, x = ConvNormReLU(8, 8, 3), torch.randn(2, 8, 3, 3)
    padding = torch.zeros(2, 3, 3, dtype=torch.bool)
    padding[1] = True
    out = block(x, padding)
    out.sum().backward()
    assert (out[1] == 0).all() and block.conv.weight.grad.isfinite().all()


def test_half_precision() -> None:
    """Statistics are float32 under autocast; a model that is bfloat16 throughout stays so."""
    torch.manual_seed(0)
    block, x, padding = ConvNormReLU(8, 8, 3), torch.randn(1, 8, 3, 3), torch.zeros(1, 3, 3, dtype=torch.bool)
    expected = block(x)
    with torch.autocast("cpu", torch.bfloat16):
        ours = block(x, padding)
    assert ours.dtype == torch.float32 and torch.allclose(ours, expected, atol=0.05)
    assert block.bfloat16()(x.bfloat16(), padding).dtype == torch.bfloat16


def test_sizes_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="at least 1, got 0"):
        DynamicFilters(16, 0)
    with pytest.raises(ValueError, match="multiple of 8 .*got 12"):
        PlainTop(12)
