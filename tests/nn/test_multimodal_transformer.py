"""Attention and transformer: against torch's own layers, weights, padding."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from rvos_edu.nn.attention import Attention
from rvos_edu.nn.multimodal_transformer import MultimodalTransformer


def transformer() -> MultimodalTransformer:
    torch.manual_seed(0)
    return MultimodalTransformer(
        16, 4, feedforward=32, encoder_layers=2, decoder_layers=2, dropout=0.1
    ).eval()


def test_attention_equals_torch() -> None:
    torch.manual_seed(0)
    ours, theirs = Attention(16, 4, 0.0), nn.MultiheadAttention(16, 4, batch_first=True)
    parts = (ours.query, ours.key, ours.value)
    theirs.in_proj_weight.data = torch.cat([p.weight.data for p in parts])
    theirs.in_proj_bias.data = torch.randn(48)
    for part, bias in zip(parts, theirs.in_proj_bias.data.chunk(3), strict=True):
        part.bias.data = bias
    theirs.out_proj.load_state_dict(ours.out.state_dict())
    query, key, value = torch.randn(2, 5, 16), torch.randn(2, 7, 16), torch.randn(2, 7, 16)
    keep = torch.ones(2, 7, dtype=torch.bool)
    keep[1, 4:] = False
    expected, weights = theirs(query, key, value, key_padding_mask=~keep, average_attn_weights=False)
    for explicit in (False, True):
        mixed, mine = ours(query, key, value, keep, return_weights=explicit)
        assert torch.allclose(mixed, expected, atol=1e-5)
    assert mine is not None and torch.allclose(mine, weights, atol=1e-5)


def test_weights_on_request_change_nothing() -> None:
    model = transformer()
    sequence, positions = torch.randn(3, 9, 16), torch.randn(3, 9, 16)
    queries, padding = torch.randn(5, 16), torch.zeros(3, 9, dtype=torch.bool)
    padding[1, 6:] = True
    plain = model(sequence, positions, queries, padding)
    shown = model(sequence, positions, queries, padding, return_attention=True)
    assert torch.allclose(plain.states, shown.states, atol=1e-5)
    assert torch.allclose(plain.memory, shown.memory, atol=1e-5)
    assert shown.encoder_weights.shape == (2, 3, 4, 9, 9) and shown.decoder_weights.shape == (2, 3, 4, 5, 9)
    for weights in (shown.encoder_weights, shown.decoder_weights):
        assert torch.allclose(weights.sum(-1), torch.ones(()), atol=1e-5)
        assert (weights[:, 1, ..., 6:] == 0).all()


def test_padded_tokens_are_never_read() -> None:
    model = transformer()
    sequence, positions, queries = torch.randn(1, 9, 16), torch.randn(1, 9, 16), torch.randn(5, 16)
    padding = torch.zeros(1, 9, dtype=torch.bool)
    padding[:, 5:] = True
    short = model(sequence[:, :5], positions[:, :5], queries)
    long = model(sequence, positions, queries, padding)
    assert torch.allclose(short.states, long.states, atol=1e-5)


def test_heads_must_divide() -> None:
    with pytest.raises(ValueError, match="64 is not a multiple of 5 heads"):
        Attention(64, 5, 0.0)
