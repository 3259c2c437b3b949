"""Visual encoder: published values with the published weights, pyramid, padding, frames on their own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from rvos_edu.models.inputs import shrink_padding
from rvos_edu.nn.early_grounding import TextFusion
from rvos_edu.nn.position import centred_sine_positions
from rvos_edu.nn.visual_encoder import (
    FeaturePyramid,
    VisualEncoder,
    flatten_maps,
    pixel_centres,
    unflatten_maps,
    valid_ratios,
)
from tests.nn.test_deformable_attention import fill_deformable
from tests.nn.test_r2vos_golden import below, fill, fill_attention, fill_feedforward
from tests.parity import read

SHAPES = [(4, 6), (2, 3)]


def published() -> tuple[FeaturePyramid, TextFusion, VisualEncoder]:
    weights = read("r2vos_nano_weights")
    pyramid, fusion = FeaturePyramid([24, 32, 40], 64, 1), TextFusion(64, 8).eval()
    for number, part in enumerate([*pyramid.projections, *pyramid.extra]):
        part.load_state_dict(below(weights, f"input_proj.{number}"))
    fill_attention(fusion.attention, below(weights, "fusion_module.multihead_attn"))
    encoder = VisualEncoder(64, 8, levels=4, points=4, layers=1, feedforward=96, dropout=0.1).eval()
    encoder.level_embedding.data = weights["transformer.level_embed"]
    own, layer = below(weights, "transformer.encoder.layers.0"), encoder.layers[0]
    fill_deformable(layer.attention, own, "self_attn")
    fill_feedforward(layer.feedforward, own, "linear1", "linear2")
    fill(((layer.norm1, "norm1"), (layer.norm2, "norm2")), own)
    return pyramid, fusion, encoder


def lively(layers: int = 2) -> VisualEncoder:
    """Offsets and weights that start at zero would hide mistakes."""
    torch.manual_seed(0)
    encoder = VisualEncoder(32, 4, levels=2, points=2, layers=layers, feedforward=48, dropout=0.1)
    for layer in encoder.layers:
        nn.init.normal_(layer.attention.offsets.weight, std=0.3)
        nn.init.normal_(layer.attention.weights.weight, std=0.3)
    return encoder.eval()


def frames(count: int, shapes: list[tuple[int, int]] = SHAPES) -> tuple[list[Tensor], list[Tensor]]:
    torch.manual_seed(1)
    maps = [torch.randn(count, 32, *shape) for shape in shapes]
    return maps, [torch.randn(count, *shape, 32) for shape in shapes]


@pytest.mark.parametrize("name", ["single", "batch"])
@torch.no_grad()
def test_published_memory(name: str) -> None:
    """From feature maps to encoder memory; the fused maps on the way agree too."""
    case = read(f"r2vos_nano_case_{name}")
    pyramid, fusion, encoder = published()
    clips, length = case["in.pad_mask"].shape[:2]
    words, places = case["mid.resizer"], case["mid.text_pos"].transpose(1, 2)
    maps, positions, padding = [], [], []
    for level, x in enumerate(pyramid([case[f"in.feature{i}"] for i in (1, 2, 3)])):
        pixels = x.unflatten(0, (clips, length)).permute(0, 1, 3, 4, 2)  # [B, T, h, w, D]
        fused = fusion(pixels.flatten(1, 3), words, places, case["in.attention_mask"] == 0)
        theirs = case[f"mid.early_fusion{level or ''}"].transpose(0, 1)
        torch.testing.assert_close(fused, theirs, atol=1e-5, rtol=0)
        maps.append(fused.view(pixels.shape).flatten(0, 1).permute(0, 3, 1, 2))
        padding.append(shrink_padding(case["in.pad_mask"].flatten(0, 1), tuple(x.shape[-2:])))
        positions.append(centred_sine_positions(padding[-1], 64))
    memory, _ = flatten_maps(encoder(maps, positions, padding))
    torch.testing.assert_close(memory, case["mid.encoder_memory"], atol=1e-5, rtol=0)


@pytest.mark.parametrize(("extra", "sizes"), [(0, []), (1, [(2, 3)]), (3, [(2, 3), (1, 2), (1, 1)])])
def test_pyramid_sizes(extra: int, sizes: list[tuple[int, int]]) -> None:
    """The first extra map comes from the last input, the next from the one before; 1x1 maps are fine."""
    pyramid = FeaturePyramid([8, 16], 32, extra)
    levels = pyramid([torch.randn(2, 8, 6, 9), torch.randn(2, 16, 3, 5)])
    assert [tuple(x.shape) for x in levels] == [(2, 32, h, w) for h, w in [(6, 9), (3, 5), *sizes]]
    assert [part[0].in_channels for part in pyramid.extra] == [16, 32, 32][:extra]
    with pytest.raises(ValueError, match=f"padding of {2 + extra} maps, got 1"):
        pyramid(levels, [torch.zeros(2, 6, 9, dtype=torch.bool)])
    with pytest.raises(ValueError, match="multiple of 32"):
        FeaturePyramid([8], 48)


def test_pixel_centres_by_hand() -> None:
    """A 1x2 map of which all is real and a 1x4 map of which half is."""
    ratios = torch.tensor([[[1.0, 1.0], [0.5, 1.0]]])
    centres = pixel_centres([(1, 2), (1, 4)], ratios)[0]  # [6, levels, 2]
    assert centres[:, 0, 0].tolist() == pytest.approx([0.25, 0.75, 0.25, 0.75, 1.25, 1.75])
    assert centres[:, 1, 0].tolist() == pytest.approx([0.125, 0.375, 0.125, 0.375, 0.625, 0.875])
    assert (centres[..., 1] == 0.5).all()


def test_ratios_and_tokens() -> None:
    padding = torch.ones(2, 4, 6, dtype=torch.bool)
    padding[0, :3, :3] = False
    padding[1, :1] = False
    ratios = valid_ratios([padding, padding[:, ::2, ::2]])
    assert ratios[0].tolist() == [[0.5, 0.75], [pytest.approx(2 / 3), 1.0]]  # x, y
    assert ratios[1].tolist() == [[1.0, 0.25], [1.0, 0.5]]
    assert valid_ratios([torch.ones(1, 2, 2, dtype=torch.bool)]).tolist() == [[[0.5, 0.5]]]
    maps, _ = frames(2)
    tokens, shapes = flatten_maps(maps)
    assert shapes == SHAPES and torch.equal(tokens[1, 24 + 4], maps[1][1, :, 1, 1])
    assert all(torch.equal(x, y) for x, y in zip(unflatten_maps(tokens, shapes), maps, strict=True))


@torch.no_grad()
def test_steps_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is worked on at once."""
    encoder, given = lively(), frames(3)
    whole = encoder(*given)
    for cached in (1, 2000):
        monkeypatch.setattr("rvos_edu.nn.deformable_attention.CACHED", cached)
        for x, y in zip(encoder(*given), whole, strict=True):
            torch.testing.assert_close(x, y, atol=1e-5, rtol=0)


@torch.no_grad()
def test_frames_do_not_see_each_other_and_maps_do() -> None:
    encoder, (maps, positions) = lively(), frames(3)
    whole = encoder(maps, positions)
    alone = encoder([x[1:2] for x in maps], [x[1:2] for x in positions])
    for x, y in zip(whole, alone, strict=True):
        torch.testing.assert_close(x[1:2], y, atol=1e-5, rtol=0)
    coarse = encoder([maps[0], torch.zeros_like(maps[1])], positions)
    assert (coarse[0] - whole[0]).abs().max() > 1e-2


@torch.no_grad()
def test_padding_changes_nothing() -> None:
    """A padded frame gives on its real pixels what it gives alone, whatever stands in the padding."""
    encoder, (maps, positions) = lively(), frames(2)
    large = [torch.full((2, 32, 2 * h, 2 * w), 7.0) for h, w in SHAPES]
    large_positions = [torch.randn(2, 2 * h, 2 * w, 32) for h, w in SHAPES]
    padding = [torch.ones(2, 2 * h, 2 * w, dtype=torch.bool) for h, w in SHAPES]
    for i, (h, w) in enumerate(SHAPES):
        large[i][..., :h, :w], large_positions[i][:, :h, :w], padding[i][:, :h, :w] = maps[i], positions[i], 0
    padded = encoder(large, large_positions, padding)
    for x, y, (h, w) in zip(padded, encoder(maps, positions), SHAPES, strict=True):
        assert x.isfinite().all()
        torch.testing.assert_close(x[..., :h, :w], y, atol=1e-4, rtol=0)
    nothing = [torch.zeros(2, h, w, dtype=torch.bool) for h, w in SHAPES]
    for x, y in zip(encoder(maps, positions, nothing), encoder(maps, positions), strict=True):
        assert torch.equal(x, y)


def test_everything_learns() -> None:
    encoder, (maps, positions) = lively().train(), frames(2)
    sum(x.square().mean() for x in encoder([x.requires_grad_() for x in maps], positions)).backward()  # type: ignore[union-attr]
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.parameters())
    assert all(x.grad is not None and x.grad.abs().sum() > 0 for x in maps)


def test_wrong_number_of_maps() -> None:
    maps, positions = frames(1)
    with pytest.raises(ValueError, match="expected 2 maps and positions, got 1 and 2"):
        lively()(maps[:1], positions)
