"""What a run trains, in order: images first if the configuration says so (R2-VOS, supplement C)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from rvos_edu.config import AnyExperiment, ExperimentConfig, PretrainConfig, R2VOSExperimentConfig
from rvos_edu.data import ClipDataset, GroupedClips
from rvos_edu.data.registry import IMAGES
from rvos_edu.engine.batches import BatchPlan
from rvos_edu.engine.checkpoint import complete_checkpoints, newest_checkpoint
from rvos_edu.engine.initialise import training_clips, validation_videos
from rvos_edu.errors import ConfigError

PRETRAIN = "pretrain"  # folder within a run


@dataclass(frozen=True)
class Phase:
    """One training of a run.

    Args:
        config: what it trains; that of the pre-training is an experiment of its own.
        out: its folder.
        start: the model that it starts from; None: as `config.init` says.
        checkpoint: where it goes on; None: from its first step.
    """

    config: AnyExperiment
    out: Path
    start: Path | None = None
    checkpoint: Path | None = None


@dataclass(frozen=True)
class PhaseData:
    """The data of a phase: its clips, the order of its batches, and the valid split if that is looked at."""

    clips: GroupedClips
    plan: BatchPlan
    valid: ClipDataset | None

    @property
    def skipped(self) -> dict[str, float]:
        """Faulty entries that were left out, by "skipped_<split>"; empty if none were."""
        used = [self.clips.dataset, *([] if self.valid is None else [self.valid])]
        return {f"skipped_{data.split}": data.skipped for data in used if data.skipped}


def phases_to_do(config: AnyExperiment, out: Path, *, resume: bool) -> list[Phase]:
    """The phases of the run `out` that are not behind it.

    A resumed run goes on in the last phase that has a checkpoint; a finished one is among the phases, too.

    Raises:
        ConfigError: if `out` is a file or holds a run that is not to be resumed, or the pre-training names a
            dataset that does not have images.
        CheckpointError: if there is nothing to resume, or the newest checkpoint is damaged.
    """
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out} is a file: expected the name of a folder for the run")
    phases = _phases(config, out)
    if not resume:
        for folder in (out, out / PRETRAIN):
            if found := complete_checkpoints(folder):
                raise ConfigError(
                    f"{out} already holds a run ({found[0].relative_to(out)}); continue it with --resume or "
                    "choose another folder"
                )
        return phases
    begun = [number for number, phase in enumerate(phases) if complete_checkpoints(phase.out)]
    now = begun[-1] if begun else len(phases) - 1
    return [replace(phases[now], checkpoint=newest_checkpoint(phases[now].out)), *phases[now + 1 :]]


def _phases(config: AnyExperiment, out: Path) -> list[Phase]:
    if isinstance(config, ExperimentConfig) or config.pretrain.epochs == 0:
        return [Phase(config, out)]
    images = Phase(pretraining(config), out / PRETRAIN)
    return [images, Phase(config, out, start=images.out / "model")]


def pretraining(config: R2VOSExperimentConfig) -> R2VOSExperimentConfig:
    """The pre-training of a configuration as an experiment: single images, everything else as on videos.

    `train.freeze_temporal_encoder_steps` counts steps on videos: on images the part that sees frames learns
    from the first step, with `pretrain.optimizer.lr_temporal_encoder` (0: not at all).

    Raises:
        ConfigError: if its dataset does not have images.
    """
    own = config.pretrain
    if own.images not in IMAGES:
        raise ConfigError(f"pretrain.images must be one of {', '.join(IMAGES)}, got {own.images!r}")
    return replace(
        config,
        name=f"{config.name}-{PRETRAIN}",
        data=replace(
            config.data,
            name=own.images,
            root=own.root,
            train_split="train",
            valid_split="val",
            window=1,
            annotated_frames=None,
        ),
        pretrain=PretrainConfig(),
        optimizer=own.optimizer,
        train=replace(
            config.train,
            epochs=own.epochs,
            steps=own.steps,
            batch_size=own.batch_size,
            evaluate_every=own.evaluate_every,
            evaluate_samples=own.evaluate_samples,
            freeze_temporal_encoder_steps=0,
        ),
    )


def open_data(phase: Phase, processes: int) -> PhaseData:
    """Look for all the data of a phase.

    Raises:
        DataError: if it is missing or unfit.
        ConfigError: if it does not fill one step, or R2-VOS could never find a false sentence.
    """
    _check_negatives(phase.config, processes)
    clips, used = training_clips(phase.config)
    train = phase.config.train
    plan = BatchPlan(used, train.batch_size, train.accumulate, processes, train.seed)
    valid = None if train.evaluate_every == 0 else validation_videos(phase.config)
    return PhaseData(clips, plan, valid)


def _check_negatives(config: AnyExperiment, processes: int) -> None:
    """False sentences are those of the other clips of a micro-batch."""
    if isinstance(config, ExperimentConfig) or config.data.negatives_per_clip == 0 or config.loss.align == 0:
        return
    if config.train.batch_size * processes < 2:
        raise ConfigError(
            f"{config.name} takes false sentences from other clips of its batch: it needs 2 clips or more "
            "at once, got train.batch_size 1 on 1 process (train.accumulate does not count); raise it, start "
            "more processes, or set data.negatives_per_clip to 0"
        )
