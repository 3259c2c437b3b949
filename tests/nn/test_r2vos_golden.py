"""Grounding, reconstruction and mask features of R2-VOS against the published code, weights by hand."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rvos_edu.nn.attention import Attention, FeedForward
from rvos_edu.nn.conv_norm import ConvNorm
from rvos_edu.nn.early_grounding import DynamicFilters, EarlyGrounding, TextFusion, TwoWayAttention
from rvos_edu.nn.mask_pyramid import MaskPyramid
from rvos_edu.nn.position import centred_sine_positions, word_positions
from rvos_edu.nn.text_encoder import TextProjection
from rvos_edu.nn.text_reconstruction import AlignmentClassifier, FirstToken, FusedText, TextReconstruction
from tests.parity import read

TOLERANCE = 1e-5
CASES = ("single", "batch")
Weights = dict[str, Tensor]


def below(weights: Weights, prefix: str) -> Weights:
    """The weights whose names start with `prefix.`, without it."""
    return {k.removeprefix(f"{prefix}."): v for k, v in weights.items() if k.startswith(f"{prefix}.")}


def fill_attention(module: Attention, weights: Weights) -> None:
    """One packed matrix of queries, keys and values as three."""
    parts = (module.query, module.key, module.value)
    packed = zip(parts, weights["in_proj_weight"].chunk(3), weights["in_proj_bias"].chunk(3), strict=True)
    for part, weight, bias in packed:
        part.load_state_dict({"weight": weight, "bias": bias})
    module.out.load_state_dict(below(weights, "out_proj"))


def fill_feedforward(module: FeedForward, weights: Weights, first: str, second: str) -> None:
    module.expand.load_state_dict(below(weights, first))
    module.contract.load_state_dict(below(weights, second))


def fill_conv(module: ConvNorm, weights: Weights) -> None:
    module.conv.load_state_dict({"weight": weights["weight"]})
    module.norm.load_state_dict(below(weights, "norm"))


def fill_two_way(module: TwoWayAttention, weights: Weights) -> None:
    fill_attention(module.self_attention, below(weights, "v2v_attn"))
    fill_attention(module.pixels_to_words, below(weights, "l2v_attn"))
    fill_attention(module.words_to_pixels, below(weights, "v2l_attn"))
    fill_feedforward(module.pixel_feedforward, weights, "linear1", "linear2")
    fill_feedforward(module.word_feedforward, weights, "linear_v2l_1", "linear_v2l_2")
    norms = [module.self_norm, *module.pixel_norms, *module.word_norms]
    names = ("norm1", "norm2", "norm3", "norm_v2l_1", "norm_v2l_2")
    fill(zip(norms, names, strict=True), weights)
    fill(((module.word_query, "proj_l_q"), (module.pixel_key_value, "proj_v_kv")), weights)


def fill(pairs: Iterable[tuple[nn.Module, str]], weights: Weights) -> None:
    for module, name in pairs:
        module.load_state_dict(below(weights, name))


def grounding(weights: Weights) -> EarlyGrounding:
    module = EarlyGrounding(64, 8, feedforward=96, filters=3, dropout=0.1).eval()
    own = below(weights, "pixel_decoder")
    fill_two_way(module.attention, below(own, "cross_attn"))
    fill_conv(module.lateral, below(own, "adapter_4"))
    fill_conv(module.filters.before, below(own, "dyn_conv"))
    fill_conv(module.filters.after, below(own, "pool_conv"))
    fill_conv(module.out, below(own, "layer_4"))
    fill(((module.filters.make, "dyn_filter"),), own)
    return module


def reconstruction(weights: Weights) -> TextReconstruction:
    module = TextReconstruction(64, 8, feedforward=80, layers=3, dropout=0.1).eval()
    own = below(weights, "pixel_decoder")
    module.query.data = own["text_query.weight"]
    fill(((module.norm, "text_decoder.norm"),), own)
    for number, layer in enumerate(module.layers):
        part = below(own, f"text_decoder.layers.{number}")
        fill_attention(layer.self_attention, below(part, "self_attn"))
        fill_attention(layer.cross_attention, below(part, "multihead_attn"))
        fill_feedforward(layer.feedforward, part, "linear1", "linear2")
        fill(((layer.norm1, "norm1"), (layer.norm2, "norm2"), (layer.norm3, "norm3")), part)
    return module


def pyramid(weights: Weights) -> MaskPyramid:
    module = MaskPyramid(64, 16, levels=2, mask_dim=16).eval()
    own = below(weights, "pixel_decoder")
    for number, (lateral, block) in enumerate(zip(module.laterals, module.blocks, strict=True), 1):
        fill_conv(lateral, below(own, f"adapter_{number}"))
        fill_conv(block, below(own, f"layer_{number}"))
    fill(((module.out, "mask_features"),), own)
    return module


def classifier(weights: Weights) -> AlignmentClassifier:
    module = AlignmentClassifier(64).eval()
    linear = [part for part in module.layers if isinstance(part, nn.Linear)]
    fill(((part, f"neg_classifier.layers.{i}") for i, part in enumerate(linear)), weights)
    return module


def maps_of(case: Weights) -> list[Tensor]:
    """Memory of the visual encoder [M, S, D] as one map [M, D, h, w] per level; strides 8, 16, 32 and 64."""
    sizes = [tuple(case[f"in.feature{level}"].shape[-2:]) for level in (1, 2, 3)]
    sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    parts = case["mid.encoder_memory"].split([h * w for h, w in sizes], dim=1)
    return [p.transpose(1, 2).unflatten(2, size) for p, size in zip(parts, sizes, strict=True)]


def padding_at(case: Weights, size: tuple[int, ...]) -> Tensor:
    return F.interpolate(case["in.pad_mask"].float(), size=size, mode="nearest").bool()


def assert_close(ours: Tensor, theirs: Tensor) -> None:
    assert ours.shape == theirs.shape
    error = float((ours - theirs).abs().max())
    print(f"max abs error {error:.1e}")
    assert error <= TOLERANCE


def test_positions() -> None:
    given = read("r2vos_position_encoding")
    words = word_positions(given["text.in.pad_mask"], 64)
    assert_close(words.transpose(1, 2), given["text.out"])
    pixels = centred_sine_positions(given["image.in.pad_mask"], 64)
    assert_close(pixels.permute(0, 3, 1, 2), given["image.out"])


def test_text_fusion() -> None:
    given = read("r2vos_early_fusion")
    module = TextFusion(64, int(given["in.heads"])).eval()
    fill_attention(module.attention, below(given, "weights.multihead_attn"))
    pixels, words, positions = (given[f"in.{k}"].transpose(0, 1) for k in ("vision", "text", "text_pos"))
    with torch.no_grad():
        ours = module(pixels, words, positions, given["in.text_pad_mask"])
    assert_close(ours, given["out.vision"].transpose(0, 1))


@pytest.mark.parametrize("return_attention", [False, True])
def test_two_way_attention(return_attention: bool) -> None:
    given = read("r2vos_dual_block")
    module = TwoWayAttention(64, int(given["in.heads"]), 96, 0.1).eval()
    fill_two_way(module, below(given, "weights"))
    pixels, words, positions, word_places = (
        given[f"in.{k}"].transpose(0, 1) for k in ("vision", "text", "vision_pos", "text_pos")
    )
    with torch.no_grad():
        ours = module(
            pixels,
            words,
            positions=positions,
            word_positions=word_places,
            padding=given["in.vision_pad_mask"],
            word_padding=given["in.text_pad_mask"],
            return_attention=return_attention,
        )
    assert_close(ours.pixels, given["out.vision"].transpose(0, 1))
    assert_close(ours.words, given["out.text"].transpose(0, 1))


@pytest.mark.parametrize("name", CASES)
def test_text_fusion_of_the_model(name: str) -> None:
    """Levels 8 to 64; the inputs of the published module are made by its own 1x1 convolution."""
    case, weights = read(f"r2vos_nano_case_{name}"), read("r2vos_nano_weights")
    module = TextFusion(64, 8).eval()
    fill_attention(module.attention, below(weights, "fusion_module.multihead_attn"))
    own = below(weights, "input_proj.0")
    with torch.no_grad():
        x = F.conv2d(case["in.feature1"], own["0.weight"], own["0.bias"])
        x = F.group_norm(x, 32, own["1.weight"], own["1.bias"])
        frames = case["in.pad_mask"].shape[1]
        pixels = x.unflatten(0, (-1, frames)).movedim(2, -1).flatten(1, 3)
        places = word_positions(case["in.attention_mask"] == 0, 64)
        ours = module(pixels, case["mid.resizer"], places, case["in.attention_mask"] == 0)
    assert_close(ours.transpose(0, 1), case["mid.early_fusion"])


@pytest.mark.parametrize("name", CASES)
def test_early_grounding(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """*batch*: the published code pools padded words too; here only, ours does so as well."""
    case, module = read(f"r2vos_nano_case_{name}"), grounding(read("r2vos_nano_weights"))
    if name == "batch":
        monkeypatch.setattr(DynamicFilters, "pool_words", pool_padded_words_too)
    memory, padding = maps_of(case)[2], case["in.pad_mask"]
    batch, frames = padding.shape[:2]
    padding = padding_at(case, memory.shape[-2:])
    positions = centred_sine_positions(padding.flatten(0, 1), 64).unflatten(0, (batch, frames))
    word_padding = case["in.attention_mask"] == 0
    places = word_positions(word_padding, 64)
    caught: dict[str, Tensor] = {}
    hooks = [
        part.register_forward_hook(lambda _m, _i, out, key=key: caught.__setitem__(key, out))
        for key, part in (
            ("filter", module.filters.make),
            ("dyn_conv", module.filters.before),
            ("pool_conv", module.filters.after),
        )
    ]
    hooks.append(module.filters.after.register_forward_pre_hook(lambda _m, i: caught.update(modulated=i[0])))
    hooks.append(module.out.register_forward_pre_hook(lambda _m, i: caught.update(sum=i[0])))
    with torch.no_grad():
        memory = memory.unflatten(0, (batch, frames))
        out = module(
            memory, positions, padding, case["mid.resizer"], places, word_padding, return_attention=True
        )
    for hook in hooks:
        hook.remove()
    assert_close(places.transpose(1, 2), case["mid.text_pos"])
    assert out.maps is not None
    caught["filter"] = caught["filter"].repeat_interleave(frames, 0)
    for key, value in caught.items():
        assert_close(value, case[f"mid.ground.{key}"])
    assert_close(out.words.transpose(0, 1)[:, :], case["mid.ground.text"])
    assert_close(out.features.flatten(0, 1), case["mid.ground.out"])


def pool_padded_words_too(module: DynamicFilters, words: Tensor, padding: Tensor | None = None) -> Tensor:
    return F.adaptive_avg_pool1d(words.transpose(1, 2), module.count).transpose(1, 2)


@pytest.mark.parametrize("name", CASES)
def test_text_reconstruction(name: str) -> None:
    case, module = read(f"r2vos_nano_case_{name}"), reconstruction(read("r2vos_nano_weights"))
    top = case["mid.ground.out"]
    batch, frames = case["in.pad_mask"].shape[:2]
    padding = padding_at(case, top.shape[-2:])
    positions = centred_sine_positions(padding.flatten(0, 1), 64).unflatten(0, (batch, frames))
    features = top.unflatten(0, (batch, frames))
    memory = (features.movedim(2, -1) + positions).flatten(1, 3)
    assert_close(memory.transpose(0, 1), case["mid.sentence.memory"])
    assert_close(module.query.data.expand(batch, 1, -1).transpose(0, 1), case["mid.sentence.query"])
    with torch.no_grad():
        ours = module(features, positions, padding)
    assert_close(ours[None], case["mid.sentence.out"])
    assert_close(ours[None], case["out.pseudo_sentence_feature"])


@pytest.mark.parametrize("name", CASES)
def test_sentence_embedding_and_fused_text(name: str) -> None:
    case, weights = read(f"r2vos_nano_case_{name}"), read("r2vos_nano_weights")
    pooler, resizer, fused = FirstToken(48), TextProjection(48, 64, 0.1).eval(), FusedText(64).eval()
    fill(((pooler.dense, "text_encoder.pooler.dense"),), weights)
    for projection, prefix in ((resizer, "resizer"), (fused.mix, "transformer.query_mixer")):
        fill(((projection.linear, f"{prefix}.fc"), (projection.norm, f"{prefix}.layer_norm")), weights)
    with torch.no_grad():
        pooled = pooler(case["mid.text_last_hidden_state"], case["in.attention_mask"] == 0)
        sentence = resizer(pooled)
        given, reconstructed = case["out.sentence_feature"], case["out.pseudo_sentence_feature"][0]
        ours = fused(given, reconstructed)
    assert_close(pooled, case["mid.text_pooler_output"])
    assert_close(sentence, case["mid.resizer1"])
    frames, queries = case["in.pad_mask"].shape[1], case["mid.decoder.tgt"].shape[1]
    repeated = (x.repeat_interleave(frames, 0)[:, None].expand(-1, queries, -1) for x in (ours, ours - given))
    for value, key in zip(repeated, ("decoder.tgt", "mixer.out"), strict=True):
        assert_close(value, case[f"mid.{key}"])


def test_alignment_classifier() -> None:
    case, module = read("r2vos_nano_case_single"), classifier(read("r2vos_nano_weights"))
    sentence = torch.cat([case["out.sentence_feature"], case["out.neg_sentence_feature"]])
    reconstructed = torch.cat(
        [case["out.pseudo_sentence_feature"][0], case["out.neg_pseudo_sentence_feature"][0]]
    )
    with torch.no_grad():
        ours = module(sentence, reconstructed)
    assert_close(ours[:, None], case["out.pair_logits"])
    assert_close(ours[:1, None].sigmoid(), case["out.eval_pair_probability"])


@pytest.mark.parametrize("name", CASES)
def test_mask_pyramid(name: str) -> None:
    case, module = read(f"r2vos_nano_case_{name}"), pyramid(read("r2vos_nano_weights"))
    with torch.no_grad():
        ours = module(case["mid.ground.out"], maps_of(case)[:2], case["in.feature0"])
    assert_close(ours.unflatten(0, case["in.pad_mask"].shape[:2]), case["out.mask_features"])
