"""R2-VOS says the same of a clip however far it is padded to the right and below."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rvos_edu.config import FrameEncoderConfig
from rvos_edu.models import R2VOS
from rvos_edu.models.inputs import padding_of_maps, shrink_padding, sizes_of
from rvos_edu.nn.conv_norm import ConvNorm, MaskedGroupNorm
from rvos_edu.structures import R2VOSOutput
from tests.tiny import tiny_r2vos

SENTENCES = ["the red circle", "a square moving left"]
CHANNELS = [4, 8, 16, 24]
PUBLISHED = {"decoder": "deformable", "mask_head": "conditional"}
Size = tuple[int, int]


def lively(**parts: object) -> R2VOS:
    """Every weight moved: offsets, biases and norms that start at zero or one would hide mistakes."""
    model = tiny_r2vos(frame_encoder=FrameEncoderConfig(kind="none", channels=CHANNELS), **parts)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.1 * torch.randn_like(weight)
    return model


def features(size: Size, seed: int = 0) -> list[Tensor]:
    """Maps of one clip of two frames at strides 4 to 32, sides rounded up."""
    generator = torch.Generator().manual_seed(seed)
    sides = [(-(-size[0] // stride), -(-size[1] // stride)) for stride in (4, 8, 16, 32)]
    return [torch.randn(1, 2, c, *s, generator=generator) for c, s in zip(CHANNELS, sides, strict=True)]


def padded(size: Size, to: Size, seed: int = 0, value: float = 9.0) -> tuple[list[Tensor], Tensor]:
    """The same maps in the corner of larger ones that are full of `value`, and their padding."""
    maps = [torch.full_like(x, value) for x in features(to)]
    for large, x in zip(maps, features(size, seed), strict=True):
        large[..., : x.shape[-2], : x.shape[-1]] = x
    return maps, hidden(size, to)


def hidden(size: Size, to: Size) -> Tensor:
    padding = torch.ones(1, *to, dtype=torch.bool)
    padding[:, : size[0], : size[1]] = False
    return padding


def assert_same(ours: R2VOSOutput, alone: R2VOSOutput, clip: int = 0) -> None:
    """On real pixels, up to 1e-4 of the largest number."""
    for name in ("mask_logits", "class_logits", "boxes", "sentence", "reconstructed", "alignment_logits"):
        axis = 1 if name in ("mask_logits", "class_logits", "boxes") else 0
        expected = getattr(alone, name)
        found = getattr(ours, name).narrow(axis, clip, 1)
        if name == "mask_logits":
            found = found[..., : expected.shape[-2], : expected.shape[-1]]
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-4 * float(expected.abs().max()), msg=name)


@pytest.mark.parametrize(
    "parts",
    [{}, PUBLISHED, {"grounding": "none"}, {"extra_levels": 0}, {"extra_levels": 2, **PUBLISHED}],
    ids=str,
)
@pytest.mark.parametrize(
    ("size", "to"),
    [
        ((64, 96), (64, 112)),
        ((64, 96), (96, 96)),
        ((64, 96), (176, 208)),
        ((80, 112), (96, 128)),
        ((52, 75), (67, 94)),
        ((13, 7), (101, 66)),
    ],
    ids=str,
)
@torch.no_grad()
def test_padding_changes_nothing(size: Size, to: Size, parts: dict[str, object]) -> None:
    model = lively(**parts)
    maps, padding = padded(size, to)
    alone = model.from_features(features(size), SENTENCES[:1], hidden(size, size))
    assert_same(model.from_features(maps, SENTENCES[:1], padding), alone)
    assert alone.mask_logits.std() > 1e-3


@pytest.mark.parametrize("parts", [{}, PUBLISHED], ids=str)
@torch.no_grad()
def test_clips_of_two_sizes_in_one_batch(parts: dict[str, object]) -> None:
    model, sizes, to = lively(**parts), [(64, 112), (90, 60)], (90, 112)
    both = [padded(size, to, seed) for seed, size in enumerate(sizes)]
    maps = [torch.cat(level) for level in zip(*(maps for maps, _ in both), strict=True)]
    ours = model.from_features(maps, SENTENCES, torch.cat([padding for _, padding in both]))
    for clip, size in enumerate(sizes):
        alone = model.from_features(features(size, clip), SENTENCES[clip : clip + 1], hidden(size, size))
        assert_same(ours, alone, clip)


@torch.no_grad()
def test_what_stands_in_the_padding_is_not_read() -> None:
    model = lively()
    one, other = (
        model.from_features(maps, SENTENCES[:1], padding)
        for maps, padding in (padded((64, 96), (96, 128), value=value) for value in (0.0, float("nan")))
    )
    assert one.mask_logits[..., :16, :24].equal(other.mask_logits[..., :16, :24])
    assert one.alignment_logits.equal(other.alignment_logits) and one.boxes.equal(other.boxes)


@torch.no_grad()
def test_without_padding_the_norms_are_those_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bit for bit, and no mask is made for the pyramids; with padding every norm gets one."""
    seen: dict[str, set[bool]] = {"grounding": set(), "pyramids": set()}
    model = lively()
    for name, part in model.named_modules():
        if isinstance(part, MaskedGroupNorm):
            key = "grounding" if name.startswith("grounding") else "pyramids"
            part.register_forward_pre_hook(lambda _part, given, key=key: seen[key].add(given[1] is not None))
    plain = model.from_features(features((64, 96)), SENTENCES[:1])
    asked = model.from_features(features((64, 96)), SENTENCES[:1], hidden((64, 96), (64, 96)))
    assert plain.mask_logits.equal(asked.mask_logits) and seen["pyramids"] == {False}
    maps, padding = padded((64, 96), (64, 128))
    model.from_features(maps, SENTENCES[:1], padding)
    assert seen == {"grounding": {True}, "pyramids": {False, True}}


@torch.no_grad()
def test_frames_are_seen_by_their_encoder_with_their_padding() -> None:
    """`forward`: what the frame encoder has made of padded frames is all that padding changes."""
    model = tiny_r2vos()
    assert model.frame_encoder is not None
    frames = torch.zeros(1, 2, 3, 64, 96)
    frames[..., :48, :64] = torch.randn(1, 2, 3, 48, 64, generator=torch.Generator().manual_seed(0))
    ours = model(frames, SENTENCES[:1], hidden((48, 64), (64, 96)))
    maps = [
        x[..., : -(-48 // stride), : -(-64 // stride)]
        for x, stride in zip(model.frame_encoder(frames), (4, 8, 16, 32), strict=False)
    ]
    assert_same(ours, model.from_features(maps, SENTENCES[:1]))
    alone = model(frames[..., :48, :64], SENTENCES[:1])
    assert (alone.mask_logits - ours.mask_logits[..., :12, :16]).abs().max() > 1e-3


def test_padding_of_maps_by_hand() -> None:
    """9 of 20 columns: 3, 2 and 1 steps at strides 4, 8 and 16; a map of another width, the nearest pixel."""
    padding = hidden((4, 9), (4, 20))
    maps = [torch.zeros(1, 1, 1, 1, w) for w in (5, 3, 2)]
    found = padding_of_maps(padding, maps, extra=1)
    assert [(~x).sum().item() for x in found] == [3, 2, 1, 1]
    assert [tuple(x.shape) for x in found] == [(1, 1, 5), (1, 1, 3), (1, 1, 2), (1, 1, 1)]
    other = [maps[0], torch.zeros(1, 1, 1, 1, 2)]  # rounded down
    assert padding_of_maps(padding, other, extra=0)[1].equal(shrink_padding(padding, (1, 2)))
    assert sizes_of(torch.cat([padding, ~padding & False])).tolist() == [[4, 9], [4, 20]]


def test_padded_norms_learn() -> None:
    model = lively().train()
    maps, padding = padded((64, 96), (96, 128))
    out = model.from_features(maps, SENTENCES[:1], padding)
    out.mask_logits[..., :16, :24].square().mean().backward()
    parts = [p for p in model.modules() if isinstance(p, ConvNorm)]
    assert parts and all(
        p.conv.weight.grad is not None and p.conv.weight.grad.isfinite().all() for p in parts
    )
