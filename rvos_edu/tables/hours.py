"""How many GPU hours a full-size training would take, scaled from those that the papers state."""

from __future__ import annotations

from dataclasses import dataclass

from rvos_edu.config import AnyExperiment


@dataclass(frozen=True)
class StatedRun:
    """A training whose length a paper states: hours on so many GPUs of a kind."""

    hours: float
    gpus: int
    gpu: str
    epochs: int
    window: int


STATED = {  # MTTR, supplement, section C.4
    ("mttr", "a2d-sentences"): StatedRun(hours=31, gpus=3, gpu="RTX 3090", epochs=70, window=8),
    ("mttr", "refer-youtube-vos"): StatedRun(hours=45, gpus=4, gpu="A6000", epochs=30, window=12),
}
R2VOS = "unknown: of R2-VOS only the pre-training is stated, 1 to 2 days on 8 V100 (192 to 384 GPU hours)"


@dataclass(frozen=True)
class Estimate:
    """GPU hours of a training; None where nothing is known to scale from.

    Args:
        hours: one GPU's.
        how: in words.
    """

    hours: float | None
    how: str

    def __str__(self) -> str:
        return self.how if self.hours is None else f"about {self.hours:.0f} GPU hours ({self.how})"


def estimate(config: AnyExperiment) -> Estimate:
    """GPU hours of a training: those stated for its model and data, times epochs and frames of its windows.

    Work grows with the number of frames that are seen, not with how they are put into batches; other sizes of
    the model (object queries) are not reckoned with.
    """
    stated = STATED.get((config.architecture, config.data.name))
    if stated is None:
        return Estimate(None, R2VOS if config.architecture == "r2vos" else "unknown")
    epochs, window = config.train.epochs / stated.epochs, config.data.window / stated.window
    how = (
        f"{stated.hours:g} h x {stated.gpus} {stated.gpu} stated for {stated.epochs} epochs, "
        f"window {stated.window}"
    )
    return Estimate(stated.hours * stated.gpus * epochs * window, how)
