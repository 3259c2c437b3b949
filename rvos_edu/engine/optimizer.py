"""AdamW with its learning rates, and their schedule as a plain function of the step (MTTR, section C.4)."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

from torch import nn
from torch.optim import AdamW, Optimizer

from rvos_edu.config import OptimizerConfig

VISION = ("temporal_encoder.", "frame_encoder.")  # the part that sees frames, of MTTR and of R2-VOS
TEXT = "text_encoder."


def build_optimizer(model: nn.Module, config: OptimizerConfig) -> AdamW:
    """AdamW with a group for the part that sees frames, one for the text encoder, one for everything else.

    What is frozen, mostly the text encoder, is in no group. Call this before the part that sees frames is
    frozen for the first steps. Each group keeps its own `base_lr`.

    Source: MTTR, section C.4.
    """
    groups: dict[str, list[nn.Parameter]] = {"rest": [], "vision": [], "text": []}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            part = "vision" if name.startswith(VISION) else "text" if name.startswith(TEXT) else "rest"
            groups[part].append(parameter)
    rates = {"rest": config.lr, "vision": config.lr_temporal_encoder, "text": config.lr_text_encoder}
    parameters = [
        {"params": groups[name], "base_lr": rate, "lr": rate} for name, rate in rates.items() if groups[name]
    ]
    return AdamW(parameters, weight_decay=config.weight_decay, fused=True)


@dataclass(frozen=True)
class Schedule:
    """Factor on every learning rate as a function of the number of finished steps.

    A function instead of a counting object: nothing to save, nothing to get out of step on resume.

    Args:
        config: kind (`step`: times `factor` at each milestone; `cosine`: down to zero), warm-up.
        steps_per_epoch: milestones are epochs.
        total_steps: where the cosine ends.
    """

    config: OptimizerConfig
    steps_per_epoch: int
    total_steps: int

    def factor(self, step: int) -> float:
        """The factor for the update that follows `step` finished ones; linear during the warm-up."""
        warmup = self.config.warmup_steps
        if step < warmup:
            return (step + 1) / warmup
        if self.config.schedule == "step":
            passed = bisect_right(sorted(self.config.milestones), step // self.steps_per_epoch)
            return self.config.factor**passed
        done = (step - warmup) / max(1, self.total_steps - warmup)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    def apply(self, optimizer: Optimizer, step: int) -> float:
        """Set every group's rate for the update after `step` finished ones; returns the first group's."""
        factor = self.factor(step)
        for group in optimizer.param_groups:
            group["lr"] = group["base_lr"] * factor
        return float(optimizer.param_groups[0]["lr"])
