"""How many GPU hours a full-size training would take, scaled from those that the papers state."""

from __future__ import annotations

from dataclasses import dataclass

from rvos_edu.config import AnyExperiment, R2VOSExperimentConfig
from rvos_edu.data import layout_of


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


@dataclass(frozen=True)
class StatedPretraining:
    """What R2-VOS states of its pre-training (supplement, section C); images: by name."""

    days: tuple[int, int] = (1, 2)
    gpus: int = 8
    gpu: str = "V100"
    epochs: int = 12
    images: tuple[str, ...] = ("refcoco", "refcoco+", "refcocog")


PRETRAINING = StatedPretraining()
FRAMES = {"refer-youtube-vos": 27}  # of a video, on average
IMAGE_ASPECT, VIDEO_ASPECT = 4 / 3, 16 / 9  # widths for one height, which is that of both trainings


@dataclass(frozen=True)
class Estimate:
    """GPU hours of a training; None where nothing is known to scale from.

    Args:
        low, high: one GPU's; equal where one figure is stated.
        how: in words.
    """

    low: float | None
    high: float | None
    how: str

    def __str__(self) -> str:
        return self.how if self.low is None else f"about {self.span} GPU hours ({self.how})"

    @property
    def span(self) -> str:
        """Low and high in whole hours; one figure where they are equal."""
        if self.low is None or self.high is None:
            return "unknown"
        return f"{self.low:.0f}" if self.low == self.high else f"{self.low:.0f}-{self.high:.0f}"


def estimate(config: AnyExperiment) -> Estimate:
    """GPU hours of a training: those stated for its model and data, times epochs and frames of its windows.

    Work grows with the number of frames that are seen, not with how they are put into batches; other sizes of
    the model (object queries, backbones) are not reckoned with. Of R2-VOS only the pre-training is stated,
    the training on videos is reckoned from that.
    """
    if isinstance(config, R2VOSExperimentConfig):
        return _estimate_r2vos(config)
    stated = STATED.get((config.architecture, config.data.name))
    if stated is None:
        return Estimate(None, None, "unknown")
    epochs, window = config.train.epochs / stated.epochs, config.data.window / stated.window
    how = (
        f"{stated.hours:g} h x {stated.gpus} {stated.gpu} stated for {stated.epochs} epochs, "
        f"window {stated.window}"
    )
    hours = stated.hours * stated.gpus * epochs * window
    return Estimate(hours, hours, how)


def _estimate_r2vos(config: R2VOSExperimentConfig) -> Estimate:
    """Windows follow each other without a gap: an epoch shows every frame once per sentence of its video."""
    expected = layout_of(config.data.name).expected.get(config.data.train_split)
    if expected is None or config.data.name not in FRAMES:
        return Estimate(None, None, "unknown")
    stated = PRETRAINING
    images = sum(layout_of(name).expected["train"]["expressions"] for name in stated.images)
    frames = expected["expressions"] * FRAMES[config.data.name]
    ratio = frames * config.train.epochs * VIDEO_ASPECT / (images * stated.epochs * IMAGE_ASPECT)
    share = config.pretrain.epochs / stated.epochs
    low, high = (24.0 * days * stated.gpus for days in stated.days)
    how = (
        f"rough estimate: pre-training {low * share:.0f}-{high * share:.0f}, stated as "
        f"{stated.days[0]} to {stated.days[1]} days on {stated.gpus} {stated.gpu}; training on videos "
        f"{low * ratio:.0f}-{high * ratio:.0f}, scaled from that by frames seen, their size and epochs"
    )
    return Estimate(low * (share + ratio), high * (share + ratio), how)
