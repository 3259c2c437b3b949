"""Every golden value of the published MTTR, through the table that `python -m tests.parity` prints."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests import parity


@pytest.mark.parametrize(
    "rows",
    [
        parity.patch_rows,
        parity.position_rows,
        lambda: parity.model_rows("short"),
        lambda: parity.model_rows("long"),
        lambda: parity.criterion_rows("video"),
        lambda: parity.criterion_rows("image"),
        parity.postprocess_rows,
    ],
    ids=["patch", "positions", "short", "long", "video", "image", "postprocess"],
)
def test_equal_to_the_published_implementation(rows: Callable[[], list[parity.Row]]) -> None:
    wrong = [row for row in rows() if not row.error <= row.tolerance]
    assert not wrong, "\n".join(map(str, wrong))


def test_the_criterion_changes_nothing() -> None:
    _, _, out, targets = parity.criterion_inputs("video")
    before = out.mask_logits.detach().clone(), out.reference_logits.detach().clone()
    truths = [target.masks.clone() for target in targets]
    parity.MTTRCriterion(normalise="reference")(out, targets)
    assert before[0].equal(out.mask_logits.detach()) and before[1].equal(out.reference_logits.detach())
    assert all(truth.equal(target.masks) for truth, target in zip(truths, targets, strict=True))


def test_a_displaced_weight_would_show() -> None:
    """The comparison is not empty: one changed bias moves the masks far beyond the tolerance."""
    state = parity.read("mttr_nano_weights")
    state["backbone.layers.0.blocks.0.mlp.fc1.bias"] = state["backbone.layers.0.blocks.0.mlp.fc1.bias"] + 0.3
    whole = parity.published_model
    try:
        parity.published_model = lambda: parity.load_reference_mttr(state, heads=4, text_heads=4)  # type: ignore
        rows = {row.item: row for row in parity.model_rows("short")}
    finally:
        parity.published_model = whole
    assert rows["model short: stage 1"].error > 1e-2 and rows["model short: masks"].error > 1e-3
