"""Every golden value of the published R2-VOS, through the table of `python -m tests.parity_r2vos`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from tests import parity_r2vos, parity_r2vos_model
from tests.parity import Row, read
from tests.parity_r2vos_model import (
    features_of,
    output_pairs,
    padded_pixels_normed,
    published_model,
    tokens_of,
)


@pytest.mark.parametrize(
    "rows",
    [
        parity_r2vos.text_rows,
        parity_r2vos.deformable_rows,
        parity_r2vos.mask_head_rows,
        lambda: parity_r2vos_model.model_rows("single"),
        lambda: parity_r2vos_model.model_rows("batch"),
        parity_r2vos_model.clip_rows,
        parity_r2vos_model.negative_rows,
        parity_r2vos.cycle_rows,
        parity_r2vos.criterion_rows,
    ],
    ids=["text", "deformable", "masks", "single", "batch", "clips", "negative", "cycle", "criterion"],
)
def test_equal_to_the_published_implementation(rows: Callable[[], list[Row]]) -> None:
    wrong = [row for row in rows() if not row.error <= row.tolerance]
    assert not wrong, "\n".join(map(str, wrong))


def test_padded_words_count_in_the_published_code_only() -> None:
    """Unlike the published code, ours says the same of a clip whatever its sentence is padded to."""
    given, model = read("r2vos_nano_case_batch"), published_model()
    with padded_pixels_normed(), torch.no_grad():
        both = model.from_features(expressions=tokens_of(given), **features_of(given))
        assert not given["in.attention_mask"].all()
        for clip in range(2):
            one, length = slice(clip, clip + 1), int(given["in.attention_mask"][clip].sum())
            tokens = {key: value[:, :length] for key, value in tokens_of(given, clips=one).items()}
            alone = model.from_features(expressions=tokens, **features_of(given, one))
            assert (alone.mask_logits - both.mask_logits[:, one]).abs().max() < 5e-4
            assert (alone.reconstructed - both.reconstructed[one]).abs().max() < 1e-5
            assert (alone.boxes - both.boxes[:, one]).abs().max() < 1e-5
    padded = {key: (ours - theirs).abs().max() for key, ours, theirs in output_pairs(both, given)}
    assert padded["masks"] > 0.1 and padded["reconstructed sentence"] > 0.01


def test_padded_pixels_count_in_the_published_code_only() -> None:
    """80 x 112 pixels of 96 x 128: ours says the same of the maps without their padding."""
    given, model = read("r2vos_nano_case_single"), published_model()
    whole, tokens = features_of(given), tokens_of(given)
    sides = [(-(-80 // stride), -(-112 // stride)) for stride in (4, 8, 16, 32)]
    parts = [x[..., :h, :w] for x, (h, w) in zip(whole["features"], sides, strict=True)]
    with torch.no_grad():
        padded, alone = (
            model.from_features(maps, tokens, padding, whole["sizes"])
            for maps, padding in (
                (whole["features"], whole["padding"]),
                (parts, whole["padding"][:, :80, :112]),
            )
        )
    largest = alone.mask_logits.abs().max()
    assert (padded.mask_logits[..., :20, :28] - alone.mask_logits).abs().max() < 1e-4 * largest
    assert (padded.reconstructed - alone.reconstructed).abs().max() < 1e-5
    apart = {key: (ours - theirs).abs().max() for key, ours, theirs in output_pairs(padded, given)}
    assert apart["masks"] > 0.1 and apart["reconstructed sentence"] > 1e-3


def test_a_displaced_weight_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison is not empty: one changed bias moves the masks far beyond the tolerance."""
    state = read("r2vos_nano_weights")
    name = "pixel_decoder.cross_attn.linear_v2l_1.bias"
    state[name] = state[name] + 0.3
    model = parity_r2vos_model.load_reference_r2vos(state, heads=8, text_heads=4)
    monkeypatch.setattr(parity_r2vos_model, "published_model", lambda: model)
    rows = {row.item: row for row in parity_r2vos_model.model_rows("single")}
    assert rows["model single: memory"].error < 1e-5
    assert rows["model single: grounded words"].error > 1e-2 and rows["model single: masks"].error > 1e-2
