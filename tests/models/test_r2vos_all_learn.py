"""Every parameter takes part in every step, also where an ablation leaves it without a loss.

DistributedDataParallel waits for the gradients of all of them, see `engine/test_two_processes_r2vos.py`.
"""

from __future__ import annotations

import pytest
import torch

from rvos_edu.models import R2VOSCriterion
from tests.tiny import square_target, tiny_r2vos

SENTENCES = ["the red circle", "a square moving"]


def gradients(changes: dict[str, object], losses: dict[str, object], *, negatives: bool) -> dict[str, float]:
    """Largest entry of the gradient by parameter; -1 where there is none."""
    model = tiny_r2vos(**changes).train()
    wrong = {"negatives": ["a red square"], "negative_clips": torch.tensor([1])} if negatives else {}
    targets = [square_target(2, 32, 48, referred) for referred in (0, 1)]
    out = model(torch.randn(2, 2, 3, 32, 48), SENTENCES, **wrong)
    R2VOSCriterion(**losses)(out, targets).total.backward()  # type: ignore[arg-type]
    learning = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    return {name: -1.0 if p.grad is None else float(p.grad.abs().max()) for name, p in learning}


@pytest.mark.parametrize("negatives", [True, False])
@pytest.mark.parametrize(
    ("changes", "losses"),
    [
        ({}, {}),
        ({"grounding": "none"}, {"relation": "none", "align": 0.0}),
        ({"filters": 1}, {"relation": "point-wise"}),
        ({"decoder": "deformable", "mask_head": "conditional", "sentence": "pooler"}, {"text": 0.0}),
    ],
)
def test_no_parameter_is_left_out(
    changes: dict[str, object], losses: dict[str, object], negatives: bool
) -> None:
    found = gradients(changes, losses, negatives=negatives)
    assert [name for name, size in found.items() if size < 0] == []
    classifier = [size for name, size in found.items() if name.startswith("alignment.")]
    learns = negatives and losses.get("align") != 0.0
    assert all((size > 0) == learns for size in classifier)
    assert all(found[name] > 0 for name in found if name.startswith("frame_encoder.features.0.0.mlp."))
