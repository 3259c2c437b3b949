"""Post-processing: by hand, both orders, odd sizes, bad input; golden values are in test_parity_table."""

from __future__ import annotations

import pytest
import torch

from rvos_edu.postprocess import mask_probabilities, postprocess


def test_crops_the_padding_and_enlarges() -> None:
    logits = torch.full((1, 1, 4, 4), -10.0)
    logits[..., :2, :] = 10.0  # upper half of the padded 16x16 frame
    for order in ("threshold-first", "resize-first"):
        [masks] = postprocess(
            logits, padded_size=(16, 16), sizes=[(16, 8)], original_sizes=[(32, 16)], order=order
        )
        assert masks.dtype == torch.bool and masks.shape == (1, 32, 16)
        assert masks[0, :15].all() and not masks[0, 17:].any()


def test_axes_between_and_different_sizes() -> None:
    out = postprocess(
        torch.randn(2, 3, 5, 4, 6),
        padded_size=(16, 24),
        sizes=[(16, 24), (9, 11)],
        original_sizes=[(33, 57), (1, 1)],
    )
    assert [tuple(m.shape) for m in out] == [(3, 5, 33, 57), (3, 5, 1, 1)]


@pytest.mark.parametrize("order", ["threshold-first", "resize-first"])
def test_probabilities_are_what_is_cut_at_one_half(order: str) -> None:
    logits = 3 * torch.randn(2, 3, 4, 6, generator=torch.Generator().manual_seed(0))
    sizes = {"padded_size": (16, 24), "sizes": [(16, 24), (9, 11)], "original_sizes": [(33, 57), (5, 7)]}
    soft = mask_probabilities(logits, order=order, **sizes)  # type: ignore[arg-type]
    hard = postprocess(logits, order=order, **sizes)  # type: ignore[arg-type]
    assert [tuple(p.shape) for p in soft] == [(3, 33, 57), (3, 5, 7)]
    assert all(torch.equal(p > 0.5, m) for p, m in zip(soft, hard, strict=True))
    assert all(p.min() >= 0 and p.max() <= 1 for p in soft)


def test_bfloat16_logits() -> None:
    [masks] = postprocess(
        torch.ones(1, 2, 2).bfloat16(), padded_size=(8, 8), sizes=[(8, 8)], original_sizes=[(8, 8)]
    )
    assert masks.all()


@pytest.mark.parametrize("order", ["threshold-first", "resize-first"])
def test_padded_steps_are_left_out_with_a_stride(order: str) -> None:
    """A clip in a larger batch is the clip alone, bit for bit, whatever stands in the padding."""
    large = torch.full((1, 2, 16, 23), 50.0)
    alone = 3 * torch.randn(1, 2, 12, 13, generator=torch.Generator().manual_seed(0))
    large[..., :12, :13] = alone
    sizes = {"sizes": [(46, 50)], "original_sizes": [(92, 101)], "order": order}
    for function in (postprocess, mask_probabilities):
        [expected] = function(alone, padded_size=(46, 50), **sizes)  # type: ignore[arg-type]
        [ours] = function(large, padded_size=(64, 90), stride=4, **sizes)  # type: ignore[arg-type]
        [unpadded] = function(alone, padded_size=(46, 50), stride=4, **sizes)  # type: ignore[arg-type]
        assert torch.equal(ours, expected) and torch.equal(unpadded, expected)


def test_how_many_pixels_the_padding_turned() -> None:
    logits = torch.full((1, 1, 16, 16), 50.0)
    logits[..., :12, :12] = -5
    sizes = {"padded_size": (64, 64), "sizes": [(48, 48)], "original_sizes": [(48, 48)]}
    [published], [ours] = (postprocess(logits, stride=stride, **sizes) for stride in (None, 4))  # type: ignore[arg-type]
    assert (published.sum(), ours.sum()) == (188, 0)


def test_bad_input() -> None:
    logits = torch.zeros(1, 4, 4)
    with pytest.raises(ValueError, match="order must be one of"):
        postprocess(logits, padded_size=(8, 8), sizes=[(8, 8)], original_sizes=[(8, 8)], order="first")
    with pytest.raises(ValueError, match="1 clips need as many sizes"):
        postprocess(logits, padded_size=(8, 8), sizes=[], original_sizes=[(8, 8)])
    with pytest.raises(ValueError, match=r"\(9, 8\) is larger than the padded size \(8, 8\)"):
        postprocess(logits, padded_size=(8, 8), sizes=[(9, 8)], original_sizes=[(8, 8)])
    for stride in (0, 3):
        with pytest.raises(
            ValueError, match=rf"\[4, 4\] steps do not cover .* \(16, 16\) at stride {stride}"
        ):
            postprocess(logits, padded_size=(16, 16), sizes=[(8, 8)], original_sizes=[(8, 8)], stride=stride)
