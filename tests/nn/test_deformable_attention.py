"""Deformable attention: golden values, bilinear reading by hand, dense form, padding, gradients."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from rvos_edu.nn.deformable_attention import DeformableAttention, Samples, sample_maps
from tests.parity import read

NAMES = {
    "offsets": "sampling_offsets",
    "weights": "attention_weights",
    "value": "value_proj",
    "out": "output_proj",
}


def fill_deformable(module: DeformableAttention, weights: dict[str, Tensor], prefix: str) -> None:
    """The published names."""
    for ours, theirs in NAMES.items():
        part = {key: weights[f"{prefix}.{theirs}.{key}"] for key in ("weight", "bias")}
        getattr(module, ours).load_state_dict(part)


def lively(d_model: int, heads: int, levels: int, points: int) -> DeformableAttention:
    """Weights that start at zero would hide mistakes."""
    torch.manual_seed(0)
    module = DeformableAttention(d_model, heads, levels, points).eval()
    nn.init.normal_(module.offsets.weight, std=0.3)
    nn.init.normal_(module.weights.weight, std=0.3)
    return module


def read_densely(values: Tensor, places: Samples, shapes: list[tuple[int, int]]) -> Tensor:
    """The same written as weights over all pixels: a pixel counts max(0, 1 - |dx|) max(0, 1 - |dy|)."""
    tables = []
    for level, (h, w) in enumerate(shapes):
        x, y = places.locations[:, :, :, level].unbind(-1)  # [B, Q, heads, points]
        near_x = (1 - (x[..., None] * w - 0.5 - torch.arange(w)).abs()).clamp(min=0)
        near_y = (1 - (y[..., None] * h - 0.5 - torch.arange(h)).abs()).clamp(min=0)
        counts = places.weights[:, :, :, level]
        tables.append(torch.einsum("bqnp,bqnpy,bqnpx->bqnyx", counts, near_y, near_x).flatten(3))
    return torch.einsum("bqns,bsnc->bqnc", torch.cat(tables, -1), values).flatten(2)


@pytest.mark.parametrize("kind", ["2", "4"])
@torch.no_grad()
def test_published_values(kind: str) -> None:
    given = read("r2vos_deformable_attention")
    module = DeformableAttention(32, int(given["in.heads"]), 3, int(given["in.points"]))
    fill_deformable(module, given, "weights")
    shapes = [(int(h), int(w)) for h, w in given["in.spatial_shapes"]]
    query, references = given["in.query"], given[f"in.reference_points{kind}"]
    ours = module(query, references, given["in.value"], shapes, given["in.pad_mask"])
    places = module.samples(query, references, shapes)
    torch.testing.assert_close(ours, given[f"out{kind}"], atol=1e-5, rtol=0)
    torch.testing.assert_close(places.locations, given[f"out{kind}.locations"], atol=1e-6, rtol=0)
    torch.testing.assert_close(places.weights, given[f"out{kind}.weights"], atol=1e-6, rtol=0)


def test_a_sample_by_hand() -> None:
    """A 2x2 map of 10, 20, 30, 40: the middle is their mean, a corner pixel itself, the outside zero."""
    values = torch.tensor([10.0, 20, 30, 40]).view(1, 4, 1, 1)
    points = torch.tensor([[0.5, 0.5], [0.25, 0.25], [0.5, 0.25], [0.0, 0.25], [-0.5, 0.5]])
    places = Samples(points.view(1, 5, 1, 1, 1, 2), torch.ones(1, 5, 1, 1, 1))
    out = sample_maps(values, places, [(2, 2)])
    assert out.flatten().tolist() == pytest.approx([25, 10, 15, 5, 0])
    half = Samples(places.locations, places.weights * 0.5)
    assert torch.equal(sample_maps(values, half, [(2, 2)]), out / 2)


@settings(max_examples=20, deadline=None)
@given(
    st.integers(1, 3),
    st.sampled_from([1, 2, 4]),
    st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=3),
    st.integers(1, 3),
    st.integers(0, 99),
)
def test_equal_to_the_dense_form(
    batch: int, heads: int, shapes: list[tuple[int, int]], points: int, seed: int
) -> None:
    """Also outside the maps, for any number of rows per step, values and all three gradients."""
    torch.manual_seed(seed)
    tokens, levels = sum(h * w for h, w in shapes), len(shapes)
    values = torch.randn(batch, tokens, heads, 3, dtype=torch.float64, requires_grad=True)
    where = torch.rand(batch, 4, heads, levels, points, 2, dtype=torch.float64) * 1.6 - 0.3
    counts = torch.rand(batch, 4, heads, levels, points, dtype=torch.float64, requires_grad=True)
    where.requires_grad_()
    given = (values, where, counts)
    ours = sample_maps(values, Samples(where, counts), shapes)
    theirs = read_densely(values, Samples(where, counts), shapes)
    torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=0)
    direction = torch.randn_like(ours)
    for one, other in zip(
        torch.autograd.grad((ours * direction).sum(), given),
        torch.autograd.grad((theirs * direction).sum(), given),
        strict=True,
    ):
        torch.testing.assert_close(one, other, atol=1e-8, rtol=0)


def test_starts_on_a_ring_with_equal_weights() -> None:
    """Before training head 0 of 4 looks right, head 1 down, ...; point p goes p + 1 pixels of each map."""
    module = DeformableAttention(8, 4, 2, 2)
    references = torch.full((1, 1, 2, 2), 0.5)
    places = module.samples(torch.randn(1, 1, 8), references, [(10, 10), (5, 5)])
    steps = (places.locations - 0.5)[0, 0]  # [heads, levels, points, 2]
    assert torch.allclose(places.weights, torch.tensor(0.25))
    right = [[[0.1, 0], [0.2, 0]], [[0.2, 0], [0.4, 0]]]
    assert torch.allclose(steps[0], torch.tensor(right), atol=1e-6)
    assert torch.allclose(steps[1], torch.tensor(right).flip(-1), atol=1e-6)
    corner = DeformableAttention(8, 8, 1, 1).offsets.bias.view(8, 2)[1]
    assert corner.tolist() == pytest.approx([1, 1])  # a square, not a circle


def test_boxes_count_in_half_boxes() -> None:
    module = DeformableAttention(8, 4, 1, 2)
    box = torch.tensor([0.5, 0.5, 0.2, 0.4]).view(1, 1, 1, 4)
    steps = (module.samples(torch.zeros(1, 1, 8), box, [(3, 3)]).locations - 0.5)[0, 0, :, 0]
    assert torch.allclose(steps[0], torch.tensor([[0.05, 0], [0.1, 0]]), atol=1e-6)  # right, up to the edge
    assert torch.allclose(steps[1], torch.tensor([[0, 0.1], [0, 0.2]]), atol=1e-6)  # down


@torch.no_grad()
def test_padded_tokens_count_nothing() -> None:
    module = lively(16, 4, 2, 3)
    query, values = torch.randn(2, 5, 16), torch.randn(2, 16, 16)
    references, padding = torch.rand(2, 5, 2, 2), torch.rand(2, 16) > 0.5
    shapes = [(3, 4), (2, 2)]
    other = torch.where(padding[..., None], torch.tensor(1e3), values)
    before, after = (module(query, references, x, shapes, padding) for x in (values, other))
    assert torch.equal(before, after)
    assert (before - module(query, references, values, shapes)).abs().max() > 1e-2
    none = torch.zeros(2, 16, dtype=torch.bool)
    assert torch.equal(
        module(query, references, values, shapes, none), module(query, references, values, shapes)
    )


@torch.no_grad()
def test_each_row_on_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row alone gives what it gives among others, whatever is worked on at once."""
    module = lively(16, 4, 1, 2)
    query, references, values = torch.randn(5, 7, 16), torch.rand(5, 7, 1, 2), torch.randn(5, 12, 16)
    whole = module(query, references, values, [(3, 4)])
    alone = torch.cat(
        [
            module(*row, [(3, 4)])
            for row in zip(*(x.split(1) for x in (query, references, values)), strict=True)
        ]
    )
    torch.testing.assert_close(whole, alone, atol=1e-6, rtol=0)
    for cached in (1, 300, 10**6):
        monkeypatch.setattr("rvos_edu.nn.deformable_attention.CACHED", cached)
        torch.testing.assert_close(module(query, references, values, [(3, 4)]), whole, atol=1e-6, rtol=0)


def test_everything_learns_also_in_bfloat16() -> None:
    module = lively(16, 4, 2, 2)
    query, references, values = torch.randn(2, 3, 16), torch.rand(2, 3, 2, 2), torch.randn(2, 16, 16)
    exact = module(query, references, values, [(3, 4), (2, 2)])
    with torch.autocast("cpu", torch.bfloat16):
        rough = module(query, references, values, [(3, 4), (2, 2)])
    assert rough.dtype == torch.bfloat16
    assert (rough - exact).abs().max() < 0.05 * exact.abs().max()
    exact.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in module.parameters())


def test_bad_sizes_are_errors() -> None:
    with pytest.raises(ValueError, match="d_model 10 is not a multiple of 4 heads"):
        DeformableAttention(10, 4, 1, 1)
    module = DeformableAttention(8, 2, 2, 1)
    query, values = torch.zeros(1, 3, 8), torch.zeros(1, 5, 8)
    with pytest.raises(ValueError, match=r"have 6 tokens, got 5"):
        module(query, torch.zeros(1, 3, 2, 2), values, [(2, 2), (1, 2)])
    with pytest.raises(ValueError, match=r"expected references \[B, Q, 2, 2 or 4\]"):
        module(query, torch.zeros(1, 3, 2, 3), values, [(2, 2), (1, 1)])
