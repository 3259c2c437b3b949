"""Text reconstruction and sentence embeddings: toy numbers, padding; golden values: test_r2vos_golden."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rvos_edu.nn.position import centred_sine_positions
from rvos_edu.nn.text_reconstruction import (
    AlignmentClassifier,
    FirstToken,
    FusedText,
    MeanOfWords,
    TextReconstruction,
)

WIDTH = 16


def reconstruction() -> TextReconstruction:
    torch.manual_seed(0)
    return TextReconstruction(WIDTH, 4, feedforward=24, layers=2, dropout=0.1).eval()


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 99))
def test_padded_pixels_never_count(height: int, width: int, seed: int) -> None:
    """Two clips of different size padded together: each gives what it gives alone."""
    module = reconstruction()
    torch.manual_seed(seed)
    features, padding = 1000 * torch.randn(2, 3, WIDTH, 4, 5), torch.ones(2, 3, 4, 5, dtype=torch.bool)
    expected = []
    for row, (h, w) in enumerate(((height, width), (4, 5))):
        small = torch.randn(1, 3, WIDTH, h, w)
        places = centred_sine_positions(torch.zeros(3, h, w, dtype=torch.bool), WIDTH)[None]
        with torch.no_grad():
            expected.append(module(small, places))
        features[row, ..., :h, :w] = small[0]
        padding[row, :, :h, :w] = False
    places = centred_sine_positions(padding.flatten(0, 1), WIDTH).unflatten(0, (2, 3))
    with torch.no_grad():
        ours = module(features, places, padding)
    assert torch.allclose(ours, torch.cat(expected), atol=1e-5)


def test_frames_are_a_set() -> None:
    """There is no code of time: the order of the frames does not matter, the places of the pixels do."""
    module = reconstruction()
    features = torch.randn(2, 3, WIDTH, 4, 5)
    places = centred_sine_positions(torch.zeros(6, 4, 5, dtype=torch.bool), WIDTH).unflatten(0, (2, 3))
    with torch.no_grad():
        forwards, backwards = module(features, places), module(features.flip(1), places)
        mirrored = module(features.flip(-1), places)
    assert torch.allclose(forwards, backwards, atol=1e-5)
    assert (forwards - mirrored).abs().max() > 1e-3


def test_mean_of_words_by_hand() -> None:
    words = torch.tensor([[[1.0], [3.0], [100.0]], [[100.0], [5.0], [100.0]]])
    padding = torch.tensor([[False, False, True], [True, False, True]])
    assert MeanOfWords()(words, padding).tolist() == [[2.0], [5.0]]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=9).filter(lambda p: not all(p)))
def test_padding_anywhere_does_not_change_a_sentence(padded: list[bool]) -> None:
    torch.manual_seed(len(padded))
    words, padding = torch.randn(1, len(padded), 6), torch.tensor([padded])
    real = words[~padding][None]
    nothing = torch.zeros(real.shape[:2], dtype=torch.bool)
    for module in (MeanOfWords(), FirstToken(6)):
        assert torch.allclose(module(words, padding), module(real, nothing), atol=1e-6)


def test_first_token_is_the_pooler() -> None:
    module = FirstToken(2)
    module.dense.load_state_dict({"weight": torch.eye(2), "bias": torch.tensor([0.5, 0.0])})
    words = torch.tensor([[[0.5, -2.0], [9.0, 9.0]]])
    ours = module(words, torch.zeros(1, 2, dtype=torch.bool))
    assert torch.allclose(ours, torch.tensor([[1.0, -2.0]]).tanh())


def test_fused_text_is_a_residual() -> None:
    """A mix that says nothing leaves e; [e; e'] is in that order."""
    module, sentence, reconstructed = FusedText(4), torch.randn(2, 4), torch.randn(2, 4)
    torch.nn.init.zeros_(module.mix.norm.weight)
    assert torch.equal(module(sentence, reconstructed), sentence)
    torch.nn.init.ones_(module.mix.norm.weight)
    module.mix.linear.load_state_dict({"weight": torch.eye(4, 8), "bias": torch.zeros(4)})
    normed = torch.nn.functional.layer_norm(sentence, (4,), eps=1e-12)
    assert torch.allclose(module(sentence, reconstructed), sentence + normed, atol=1e-6)


def test_alignment_by_hand() -> None:
    """Layers that pass on the first value of e and of e' and add them: 2 + 3; a negative value is lost."""
    module = AlignmentClassifier(2)
    weights = [torch.zeros(2, 4), torch.eye(2), torch.ones(1, 2)]
    weights[0][0, 0] = weights[0][1, 2] = 1.0
    linear = [part for part in module.layers if isinstance(part, torch.nn.Linear)]
    for part, weight in zip(linear, weights, strict=True):
        part.load_state_dict({"weight": weight, "bias": torch.zeros(len(weight))})
    sentence, reconstructed = torch.tensor([[2.0, 9.0], [-2.0, 9.0]]), torch.tensor([[3.0, 9.0], [3.0, 9.0]])
    assert module(sentence, reconstructed).tolist() == [5.0, 3.0]
