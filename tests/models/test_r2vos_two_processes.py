"""R2-VOS's criterion in two processes: the means are the losses and gradients of the whole batch."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from rvos_edu.models.r2vos_criterion import R2VOSCriterion
from rvos_edu.structures import R2VOSOutput
from tests.models.r2vos_toys import random_output, random_targets

LEARNING = ("mask_logits", "class_logits", "boxes", "reconstructed", "alignment_logits")
SHARES = (slice(0, 1), slice(1, 5))  # sentences of two processes
RELATION = ("relational", "point-wise")


def share(out: R2VOSOutput, rank: int) -> R2VOSOutput:
    """The first process holds one sentence and no negatives."""
    part = SHARES[rank]
    layered = {name: getattr(out, name).detach()[:, part].requires_grad_() for name in LEARNING[:3]}
    flat = {name: getattr(out, name).detach()[part].requires_grad_() for name in LEARNING[3:]}
    negatives = None if rank == 0 else out.negatives
    return replace(out, **layered, **flat, sentence=out.sentence.detach()[part], negatives=negatives)


def work(rank: int, folder: str) -> None:
    """One of two processes."""
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2, timeout=timedelta(seconds=600)
    )
    found = {}
    for relation in RELATION:
        out = share(random_output(5, 3), rank)
        losses = R2VOSCriterion(relation=relation)(out, random_targets(5)[SHARES[rank]])
        losses.total.backward()
        found[relation] = {
            "terms": {name: value.detach() for name, value in vars(losses).items()},
            "gradients": {name: getattr(out, name).grad for name in LEARNING},
            "negatives": None if out.negatives is None else out.negatives.alignment_logits.grad,
        }
    torch.save(found, f"{folder}/rank{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_give_the_losses_and_gradients_of_one(tmp_path: Path) -> None:
    """Although they hold 1 and 4 sentences, 0 and 3 negatives."""
    mp.spawn(work, args=(str(tmp_path),), nprocs=2)
    both = [torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in (0, 1)]
    for relation in RELATION:
        out = random_output(5, 3)
        alone = R2VOSCriterion(relation=relation)(out, random_targets(5))
        alone.total.backward()
        assert (alone.angle > 0) == (relation == "relational") and alone.align > 0
        for name, value in vars(alone).items():
            mean = sum(found[relation]["terms"][name] for found in both) / 2
            torch.testing.assert_close(mean, value.detach(), rtol=1e-5, atol=1e-7)
        for name in LEARNING:
            parts = [found[relation]["gradients"][name] / 2 for found in both]
            joined = torch.cat(parts, 1 if name in LEARNING[:3] else 0)
            torch.testing.assert_close(joined, getattr(out, name).grad, rtol=1e-4, atol=1e-7)
        assert out.negatives is not None and both[0][relation]["negatives"] is None
        half = both[1][relation]["negatives"] / 2
        torch.testing.assert_close(half, out.negatives.alignment_logits.grad, rtol=1e-5, atol=1e-7)
