"""Mask heads of R2-VOS: the published dynamic convolutions, numbers by hand, precision, what moves what."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from rvos_edu.nn.conditional_mask_head import ConditionalMaskHead
from rvos_edu.nn.instance_masks import LinearMaskHead
from rvos_edu.nn.mask_head import MaskHead
from rvos_edu.nn.mlp import MLP
from tests import parity


def with_parameters(head: ConditionalMaskHead, parameters: Tensor) -> ConditionalMaskHead:
    """A head whose controller repeats its input: states of width P are the parameters [..., P]."""
    count = parameters.shape[-1]
    head.controller = MLP(count, count)
    nn.init.eye_(head.controller[0].weight)
    nn.init.zeros_(head.controller[0].bias)
    return head


def golden() -> tuple[ConditionalMaskHead, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Head, states [1, M, N, P], features, references, sizes of every frame, expected [M, N, h, w]."""
    given = parity.read("r2vos_dynamic_mask")
    frames = given["in.mask_features"].shape[1]

    def per_frame(x: Tensor) -> Tensor:
        return x.unflatten(1, (frames, -1)).flatten(0, 1)

    features = given["in.mask_features"].flatten(0, 1)
    states = per_frame(given["in.parameters"])
    head = ConditionalMaskHead(8, features.shape[1], int(given["in.dynamic_mask_channels"]))
    return (
        with_parameters(head, states),
        states[None],
        features,
        per_frame(given["in.reference_points"])[None],
        given["in.sizes"].repeat_interleave(frames, dim=0),
        per_frame(given["out.masks"]),
    )


def test_equal_to_the_published_dynamic_convolutions() -> None:
    head, states, features, references, sizes, expected = golden()
    given = parity.read("r2vos_dynamic_mask")
    shapes = [(weight.shape[-2:].numel(), bias.shape[-1]) for weight, bias in head.kernels(states)]
    assert [list(x) for x in zip(*shapes, strict=True)] == [
        given["in.weight_counts"].tolist(),
        given["in.bias_counts"].tolist(),
    ]
    with torch.no_grad():
        logits = head(states, features, references, sizes)
    assert logits.shape == (1, *expected.shape)
    assert (logits[0] - expected).abs().max() < 5e-5


def test_masks_by_hand() -> None:
    """One feature, one channel: relu(2 f + x) * 3 + 1 where x is the pixels from here to the reference."""
    head = with_parameters(ConditionalMaskHead(4, 1, channels=1), torch.empty(8))
    # w1: feature, x, y; w2; w3; three biases
    parameters = torch.tensor([2.0, 1.0, 0.0, 3.0, 1.0, 0.0, 1.0, 0.0])
    features = torch.tensor([[[[10.0, 10.0], [20.0, 20.0]]]])  # [1, 1, 2, 2], middles at x = 2 and 6
    references = torch.tensor([[[[0.5, 0.25]]]])  # of a frame of 8x12: x = 6, y = 2
    sizes = torch.tensor([[8, 12]])
    logits = head(parameters[None, None, None], features, references, sizes)
    # x: 4, 0; first 24, 20 / 44, 40; second 3 * first + 1
    assert logits.tolist() == [[[[[73.0, 61.0], [133.0, 121.0]]]]]
    below = torch.tensor([2.0, 0.0, 1.0, 3.0, 1.0, 0.0, 1.0, 0.0])
    # y: 0 in the first row, -4 in the second; first 20, 20 / 36, 36
    logits = head(below[None, None, None], features, references, sizes)
    assert logits.tolist() == [[[[[61.0, 61.0], [109.0, 109.0]]]]]


@settings(max_examples=15, deadline=None)
@given(dx=st.integers(-3, 3), dy=st.integers(-2, 2))
def test_moving_everything_moves_the_mask(dx: int, dy: int) -> None:
    """Where the features are constant, only the way to the reference counts."""
    torch.manual_seed(0)
    head = ConditionalMaskHead(8, 4)
    states, features = torch.randn(1, 1, 1, 8), torch.randn(1, 4, 1, 1).expand(1, 4, 10, 12)
    sizes = torch.tensor([[40, 48]])
    here = torch.tensor([[[[24 / 48, 20 / 40]]]])
    there = here + torch.tensor([4 * dx / 48, 4 * dy / 40])
    with torch.no_grad():
        before, after = (head(states, features, x, sizes)[0, 0, 0] for x in (here, there))
    inner = before[3:7, 4:8]
    assert torch.allclose(after[3 + dy : 7 + dy, 4 + dx : 8 + dx], inner, atol=1e-4)


def test_every_frame_and_query_for_itself() -> None:
    head, states, features, references, sizes, _ = golden()
    with torch.no_grad():
        whole = head(states.repeat(2, 1, 1, 1), features, references.repeat(2, 1, 1, 1), sizes)
        one = head(states[:, 2:3, 1:2], features[2:3], references[:, 2:3, 1:2], sizes[2:3])
    assert torch.allclose(whole[1, 2, 1], one[0, 0, 0], atol=1e-4)


def test_coordinates_keep_their_precision_under_autocast() -> None:
    """bfloat16 cannot tell 701 from 703 pixels; logits must not jump by that."""
    head, states, features, references, sizes, expected = golden()
    sizes = sizes * 16
    with torch.no_grad():
        exact = head(states, features, references, sizes)
        head.controller = nn.Identity()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = head(states, features, references, sizes)
    assert logits.dtype == torch.float32
    assert torch.allclose(logits, exact, atol=1e-2)


def test_gradients_reach_states_and_features() -> None:
    torch.manual_seed(0)
    head = ConditionalMaskHead(8, 4)
    states, features = (
        torch.randn(2, 3, 5, 8, requires_grad=True),
        torch.randn(3, 4, 6, 7, requires_grad=True),
    )
    logits = head(states, features, torch.rand(2, 3, 5, 2), torch.tensor([[24, 28]] * 3))
    assert logits.shape == (2, 3, 5, 6, 7)
    logits.square().mean().backward()
    for x in (states, features):
        assert x.grad is not None and x.grad.isfinite().all() and x.grad.abs().sum() > 0


def test_linear_masks_ignore_places() -> None:
    torch.manual_seed(0)
    head = LinearMaskHead(8, 4)
    assert isinstance(head.combine, MaskHead)
    states, features = torch.randn(2, 3, 5, 8), torch.randn(3, 4, 6, 7)
    sizes = torch.tensor([[24, 28]] * 3)
    one, other = (head(states, features, torch.rand(2, 3, 5, 2), sizes) for _ in range(2))
    assert one.shape == (2, 3, 5, 6, 7) and one.equal(other)
    kernel = head.combine.kernels(states)[1, 2, 3]
    assert torch.allclose(one[1, 2, 3], (kernel[:, None, None] * features[2]).sum(0), atol=1e-5)


def test_mlp_widths() -> None:
    assert [type(part).__name__ for part in MLP(3, 5, 5, 2)] == ["Linear", "ReLU", "Linear", "ReLU", "Linear"]
    assert MLP(3, 5, 2)(torch.zeros(4, 7, 3)).shape == (4, 7, 2)
    with pytest.raises(ValueError, match=r"input and output, got \[3\]"):
        MLP(3)
