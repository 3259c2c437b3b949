"""Decoders of R2-VOS: the published one, frames on their own, padding, boxes by hand, where queries start."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from rvos_edu.nn.conditional_mask_head import ConditionalMaskHead
from rvos_edu.nn.deformable_decoder import DeformableInstanceDecoder
from rvos_edu.nn.instance_decoder import DecodedInstances, InstanceDecoder
from rvos_edu.nn.mlp import MLP
from tests.nn.test_r2vos_golden import below, fill, fill_attention, fill_feedforward, maps_of, padding_at
from tests.parity import read

SHAPES = ((4, 6), (2, 3))
Decoder = InstanceDecoder | DeformableInstanceDecoder


def standard() -> InstanceDecoder:
    torch.manual_seed(0)
    return InstanceDecoder(16, 4, layers=2, feedforward=32, dropout=0.1, queries=3).eval()


def deformable() -> DeformableInstanceDecoder:
    torch.manual_seed(0)
    decoder = DeformableInstanceDecoder(
        16, 4, layers=2, feedforward=32, dropout=0.1, queries=3, levels=2, points=2
    )
    for layer in decoder.layers:  # weights that start at zero would hide mistakes
        for linear in layer.modules():
            if isinstance(linear, nn.Linear):
                nn.init.normal_(linear.weight, std=0.2)
    for box in decoder.heads.boxes:
        nn.init.normal_(box[-1].weight, std=0.2)
    return decoder.eval()


both = pytest.mark.parametrize("make", [standard, deformable])


def frames(count: int) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    torch.manual_seed(1)
    maps = [torch.randn(count, 16, *shape) for shape in SHAPES]
    return torch.randn(count, 16), maps, [torch.randn(count, *shape, 16) for shape in SHAPES]


def largest_difference(one: DecodedInstances, other: DecodedInstances) -> float:
    return max(float((getattr(one, x) - getattr(other, x)).detach().abs().max()) for x in vars(one))


@both
def test_shapes_and_ranges(make: Callable[[], Decoder]) -> None:
    text, maps, positions = frames(5)
    out = make()(text, maps, positions)
    assert out.states.shape == (2, 5, 3, 16) and out.class_logits.shape == (2, 5, 3, 1)
    assert out.boxes.shape == (2, 5, 3, 4) and (out.boxes > 0).all() and (out.boxes < 1).all()
    assert out.references.equal(out.boxes[..., :2]) and not out.references.requires_grad
    assert (out.states[:, :, 0] - out.states[:, :, 1]).abs().max() > 1e-2  # slots differ


@both
def test_every_frame_on_its_own(make: Callable[[], Decoder]) -> None:
    decoder, (text, maps, positions) = make(), frames(3)
    whole = decoder(text, maps, positions)
    alone = decoder(text[1:2], [x[1:2] for x in maps], [x[1:2] for x in positions])
    picked = DecodedInstances(**{key: value[:, 1:2] for key, value in vars(whole).items()})
    assert largest_difference(picked, alone) < 1e-5


@both
def test_padding_is_never_read(make: Callable[[], Decoder]) -> None:
    """A column more of garbage, marked as padding, changes nothing."""
    decoder, (text, maps, positions) = make(), frames(2)
    plain = decoder(text, maps, positions)
    wide = [torch.cat([x, 9 * torch.randn(*x.shape[:3], x.shape[3])], dim=3) for x in maps]
    wide_positions = [torch.cat([x, torch.randn_like(x)], dim=2) for x in positions]
    padding = [torch.zeros(2, x.shape[2], x.shape[3], dtype=torch.bool) for x in wide]
    for mask in padding:
        mask[:, :, mask.shape[2] // 2 :] = True
    assert largest_difference(plain, decoder(text, wide, wide_positions, padding)) < 1e-5
    unmasked = decoder(text, wide, wide_positions)
    assert largest_difference(plain, unmasked) > 1e-2


@both
def test_every_layer_is_supervised(make: Callable[[], Decoder]) -> None:
    decoder, (text, maps, positions) = make(), frames(2)
    text.requires_grad_()
    for layer in range(2):
        out = decoder(text, maps, positions)
        (out.boxes[layer].sum() + out.class_logits[layer].sum() + out.states[layer].square().sum()).backward()
    assert text.grad is not None and text.grad.isfinite().all()
    lacking = [name for name, weight in decoder.named_parameters() if weight.grad is None]
    assert not lacking


def test_positions_tell_slots_apart_in_the_standard_decoder() -> None:
    """With equal positions of the queries, all N slots say the same."""
    decoder, (text, maps, positions) = standard(), frames(1)
    nn.init.ones_(decoder.queries.weight)
    states = decoder(text, maps, positions).states
    assert torch.allclose(states, states[:, :, :1].expand_as(states), atol=1e-6)
    moved = decoder(text, maps, [x.flip(1) for x in positions]).states
    assert (moved - states).abs().max() > 1e-3  # and where pixels lie counts


@both
def test_few_queries_are_referred_at_first(make: Callable[[], Decoder]) -> None:
    for head in (decoder := make()).heads.classes:
        nn.init.zeros_(head.weight)
    probability = decoder(*frames(1)).class_logits.sigmoid()
    assert torch.allclose(probability, torch.tensor(0.01), atol=1e-6)


def test_boxes_start_where_queries_look() -> None:
    torch.manual_seed(0)
    decoder = DeformableInstanceDecoder(
        16, 4, layers=2, feedforward=32, dropout=0.0, queries=3, levels=2, points=2
    )
    boxes = decoder(*frames(2)).boxes
    points = decoder.reference_points(decoder.queries.weight).sigmoid()
    assert torch.allclose(boxes[..., :2], points.expand(2, 2, -1, -1), atol=1e-5)
    assert torch.allclose(boxes[..., 2:], torch.tensor(-2.0).sigmoid(), atol=1e-5)


def test_boxes_are_refined_by_hand() -> None:
    """Layer 1 moves a point by a logit of 1, layer 2 moves and sizes the box by a logit of -0.5 more."""
    decoder = deformable()
    nn.init.zeros_(decoder.reference_points.weight)  # looks at the middle: logit 0
    changes = torch.tensor([[1.0, -1.0, 0.5, 0.25], [-0.5, 0.5, 1.0, -1.0]])
    for box, change in zip(decoder.heads.boxes, changes, strict=True):
        nn.init.zeros_(box[-1].weight)
        box[-1].bias.data = change
    boxes = decoder(*frames(1)).boxes[:, 0, 0]
    assert torch.allclose(boxes.logit(), changes.cumsum(0), atol=1e-4)


def test_finished_boxes_pass_no_gradient_back() -> None:
    decoder = deformable()
    text, maps, positions = frames(1)
    decoder(text, maps, positions).boxes[1].sum().backward()
    first, second = decoder.heads.boxes
    assert isinstance(first, MLP) and isinstance(second, MLP)
    assert first[-1].weight.grad.abs().sum() == 0 and second[-1].weight.grad.abs().sum() > 0


def published() -> DeformableInstanceDecoder:
    weights = read("r2vos_nano_weights")
    decoder = DeformableInstanceDecoder(
        64, 8, layers=2, feedforward=96, dropout=0.1, queries=4, levels=4, points=4
    )
    decoder.queries.weight.data = weights["query_embed.weight"]
    fill([(decoder.reference_points, "transformer.reference_points")], weights)
    for number, layer in enumerate(decoder.layers):
        own = below(weights, f"transformer.decoder.layers.{number}")
        fill_attention(layer.self_attention, below(own, "self_attn"))
        fill_feedforward(layer.feedforward, own, "linear1", "linear2")
        looks = layer.cross_attention
        published_names = ("sampling_offsets", "attention_weights", "value_proj", "output_proj")
        parts = zip((looks.offsets, looks.weights, looks.value, looks.out), published_names, strict=True)
        fill(parts, below(own, "cross_attn"))
        # The published layer counts its norms in another order than it runs them.
        fill([(layer.norm1, "norm2"), (layer.norm2, "norm1"), (layer.norm3, "norm3")], own)
        linear = [part for part in decoder.heads.boxes[number] if isinstance(part, nn.Linear)]
        fill(
            zip(linear, ("layers.0", "layers.1", "layers.2"), strict=True),
            below(weights, f"bbox_embed.{number}"),
        )
        fill([(decoder.heads.classes[number], f"class_embed.{number}")], weights)
    return decoder.eval()


@pytest.mark.parametrize("name", ["single", "batch"])
def test_equal_to_the_published_decoder(name: str) -> None:
    case, decoder = read(f"r2vos_nano_case_{name}"), published()
    maps, shape = maps_of(case), case["in.pad_mask"].shape[:2]
    padding = [padding_at(case, x.shape[-2:]).flatten(0, 1) for x in maps]
    with torch.no_grad():
        points = decoder.reference_points(decoder.queries.weight).sigmoid()
        out = decoder(case["mid.decoder.tgt"][:, 0], maps, [], padding)
    for ours, theirs in (
        (points.expand(len(maps[0]), -1, -1), case["mid.decoder.reference_points"]),
        (out.states, case["mid.decoder.hs"]),
        (out.boxes, case["mid.decoder.references"]),
        (out.boxes[1].unflatten(0, shape), case["out.pred_boxes"]),
        (out.boxes[0].unflatten(0, shape), case["out.aux0.pred_boxes"]),
        (out.references[0].unflatten(0, shape), case["out.reference_points"]),
        (out.class_logits[1].unflatten(0, shape), case["out.pred_logits"]),
        (out.class_logits[0].unflatten(0, shape), case["out.aux0.pred_logits"]),
    ):
        assert ours.shape == theirs.shape and (ours - theirs).abs().max() < 1e-5


@pytest.mark.parametrize("name", ["single", "batch"])
def test_equal_to_the_published_masks(name: str) -> None:
    """Each layer's masks are measured from the box that this layer has just refined."""
    case, weights = read(f"r2vos_nano_case_{name}"), read("r2vos_nano_weights")
    shape = case["in.pad_mask"].shape[:2]
    head = ConditionalMaskHead(64, 16)
    linear = [part for part in head.controller if isinstance(part, nn.Linear)]
    fill(((part, f"controller.layers.{i}") for i, part in enumerate(linear)), weights)
    references, features = case["mid.decoder.references"][..., :2], case["out.mask_features"].flatten(0, 1)
    sizes = case["in.sizes"].repeat_interleave(shape[1], 0)
    with torch.no_grad():
        parameters = head.controller(case["mid.decoder.hs"])
        masks = head(case["mid.decoder.hs"], features, references, sizes).unflatten(1, shape)
    assert (parameters - torch.stack([case["mid.controller"], case["mid.controller1"]])).abs().max() < 1e-5
    assert (masks[0] - case["out.aux0.pred_masks"]).abs().max() < 5e-4
    assert (masks[1] - case["out.pred_masks"]).abs().max() < 5e-4
