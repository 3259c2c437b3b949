"""The training loop: MTTR (section C.4) or R2-VOS on clips with sentences, on one device or many."""

from __future__ import annotations

import gc
import math
import random
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import InitProcessGroupKwargs, set_seed
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from rvos_edu.config import AnyExperiment
from rvos_edu.config_checks import check_values
from rvos_edu.data import ClipDataset, normalise_batch
from rvos_edu.engine.batches import load_batches
from rvos_edu.engine.checkpoint import RunState, complete_checkpoints, load_checkpoint, save_checkpoint
from rvos_edu.engine.evaluate import quick_score
from rvos_edu.engine.initialise import initial_model
from rvos_edu.engine.interruption import Interruption
from rvos_edu.engine.logs import RunLog
from rvos_edu.engine.objective import Objective, build_objective
from rvos_edu.engine.optimizer import Schedule, build_optimizer
from rvos_edu.engine.phases import Phase, PhaseData, open_data, phases_to_do
from rvos_edu.errors import ConfigError, RVOSError
from rvos_edu.files import atomic_write
from rvos_edu.presets import to_yaml
from rvos_edu.structures import VideoBatch

PATIENCE = timedelta(hours=2)  # of processes that wait while the main one evaluates; else 10 minutes on GPUs


class TrainingError(RVOSError):
    """Training cannot go on: a loss or a gradient is not finite."""


def train(config: AnyExperiment, *, out: Path, resume: bool = False) -> Path:
    """Train the model of a configuration; returns `out/model`, which `from_pretrained` reads.

    `out` receives config.yaml, metrics.jsonl, tensorboard/, checkpoints/step-<n>/ (the last two) and model/
    (the best J&F on the valid split if that is evaluated, else the newest). A pre-training on images has all
    of these in `out/pretrain`, and its model/ is what the training on videos starts from. Started by
    `accelerate launch` or `torchrun` it shares each step's clips among the processes: the same clips and the
    same gradients as one process with the whole batch. Processes may hold different numbers of expressions
    and instances: every rank divides its sums by the mean count over ranks, so that the mean of the ranks'
    gradients is the global one.

    Args:
        config: the experiment; see `rvos_edu.presets.load_config`.
        out: folder of the run.
        resume: continue from the newest checkpoint in `out`; on CPU bit for bit.

    Raises:
        ConfigError: impossible values, a run that exists already, another config on resume.
        CheckpointError: nothing to resume, damaged checkpoint, other architecture.
        DataError: missing or unfit data, of any phase, before the first one begins.
        TrainingError: non-finite loss or gradient; the last good checkpoint is kept.
        KeyboardInterrupt: after Ctrl-C or SIGTERM, when the checkpoint has been written.
    """
    check_values(config)
    out = Path(out)
    phases = phases_to_do(config, out, resume=resume)
    processes = _accelerator(config).num_processes
    data = [open_data(phase, processes) for phase in phases]
    for phase, own in zip(phases, data, strict=True):
        _train_phase(phase, own, run={out: config, phase.out: phase.config})
    return out / "model"


def _train_phase(phase: Phase, data: PhaseData, *, run: dict[Path, AnyExperiment]) -> None:
    """One training from its first step, or from its checkpoint; `run`: what goes into each config.yaml."""
    config, plan = phase.config, data.plan
    accelerator = _accelerator(config)
    set_seed(config.train.seed)
    state = _first_state(phase, accelerator, data)
    set_seed(config.train.seed + accelerator.process_index)  # each process its own dropout
    if phase.checkpoint is not None:
        load_checkpoint(phase.checkpoint, state)
    rank, main = accelerator.process_index, accelerator.is_main_process
    total = config.train.steps or config.train.epochs * plan.steps_per_epoch
    steps = range(state.progress.step, total)
    batches = load_batches(data.clips, plan, steps=steps, rank=rank, workers=config.train.workers)
    objective = build_objective(config, accelerator, data.clips)
    schedule = Schedule(config.optimizer, plan.steps_per_epoch, total)
    log = RunLog(phase.out, step=steps.start, total=total, enabled=main)
    with log, Interruption() as interruption, _without_false_alarms():
        if main:
            for folder, settings in run.items():
                _write_config(folder, settings)
        log.say(
            f"Training {config.name}: {total} steps of {plan.clips_per_step} clips, {plan.steps_per_epoch} "
            f"steps per epoch, on {plan.processes} x {accelerator.device.type}. "
            f"Results go to {phase.out.resolve()}"
        )
        if data.skipped:
            counts = ", ".join(f"{n} of {name.removeprefix('skipped_')}" for name, n in data.skipped.items())
            log.say(f"Faulty entries left out: {counts}; `rvos-edu data check` lists them")
            if steps.start == 0:
                log.record("data", 0, data.skipped)
        _Loop(state, objective, schedule, log, interruption, phase.out, data.valid).run(batches, steps)


@dataclass
class _Loop:
    """The steps of a run, and what is written down between them."""

    state: RunState
    objective: Objective
    schedule: Schedule
    log: RunLog
    interruption: Interruption
    out: Path
    valid: ClipDataset | None
    recorded: tuple[int, float] = (0, 0.0)  # step and time of the last record

    def run(self, batches: Iterator[VideoBatch], steps: range) -> None:
        state, config = self.state, self.state.config.train
        thaw = config.freeze_temporal_encoder_steps
        network = _wrap(state, learn_vision=steps.start >= thaw)
        before, clock = state.progress.seconds, time.perf_counter()
        self.recorded = (steps.start, clock)
        for step in steps:
            if step == thaw and step > steps.start:
                del network  # and with it, its hooks on the gradients
                gc.collect()
                network = _wrap(state, learn_vision=True)
            rate = self.schedule.apply(state.optimizer, step)
            terms, stop = self._backward(network, batches, step)
            norm = self._clip(step)
            state.optimizer.step()
            state.optimizer.zero_grad()

            state.progress.step = step + 1
            state.progress.seconds = before + time.perf_counter() - clock
            self._report({**terms, "grad_norm": norm}, rate, last=step + 1 == steps.stop)
            self._keep(last=step + 1 == steps.stop, stop=stop)

    def _backward(
        self, network: nn.Module, batches: Iterator[VideoBatch], step: int
    ) -> tuple[dict[str, float], bool]:
        """Gradients of one step; its losses, averaged over processes, and whether to stop after it."""
        accelerator, count = self.state.accelerator, self.state.config.train.accumulate
        names = self.objective.terms
        sums = torch.zeros(len(names) + 1, device=accelerator.device)
        for micro in range(count):
            batch = normalise_batch(self._some_frames(next(batches), step).to(accelerator.device))
            gradients_stay_here = micro + 1 < count
            with accelerator.no_sync(network) if gradients_stay_here else nullcontext():
                parts = self.objective(network, batch, step * count + micro)
                accelerator.backward(parts[0] / count)
            sums[:-1] += parts.detach() / count
        sums[-1] = float(self.interruption.requested)
        *values, stop = accelerator.reduce(sums, "mean").tolist()  # all processes see the same, and act alike
        terms = dict(zip(names, values, strict=True))
        if not all(map(math.isfinite, values)):
            shown = ", ".join(f"{name} {value:.4g}" for name, value in terms.items())
            raise TrainingError(f"the loss is not finite at step {step + 1} ({shown}); {self._last_good()}")
        return terms, stop > 0

    def _clip(self, step: int) -> float:
        """Clip the gradients in place; their norm before. An fp16 scaler skips overflows by itself."""
        accelerator = self.state.accelerator
        learning = [p for p in self.state.model.parameters() if p.requires_grad]
        norm = float(accelerator.clip_grad_norm_(learning, self.state.config.optimizer.clip_norm))
        if not math.isfinite(norm) and accelerator.scaler is None:
            raise TrainingError(f"the gradient is not finite at step {step + 1}; {self._last_good()}")
        return norm

    def _some_frames(self, batch: VideoBatch, step: int) -> VideoBatch:
        """A random subset of the annotated frames, the same in every process."""
        wanted, present = self.state.config.data.annotated_frames, len(batch.annotated)
        if wanted is None or wanted >= present:
            return batch
        draw = random.Random(f"{self.state.config.train.seed} frames {step}")
        return batch.keep_frames(torch.tensor(sorted(draw.sample(range(present), wanted))))

    def _report(self, values: dict[str, float], rate: float, *, last: bool) -> None:
        progress, per_step = self.state.progress, self.state.plan.clips_per_step
        progress.averages.add(values)
        step, clock = self.recorded
        speed = (progress.step - step) * per_step / max(1e-9, time.perf_counter() - clock)
        self.log.advance({**values, "lr": rate, "clips/s": speed})
        if progress.step % self.state.config.train.log_every and not last:
            return
        record = {"epoch": (progress.step - 1) // self.state.plan.steps_per_epoch, **progress.averages.take()}
        record |= {"lr": rate, "clips_per_second": speed, "seconds": progress.seconds}
        self.log.record("train", progress.step, record)
        self.recorded = (progress.step, time.perf_counter())

    def _keep(self, *, last: bool, stop: bool) -> None:
        """Evaluate and save where it is time to."""
        config, step = self.state.config.train, self.state.progress.step
        every = config.evaluate_every or self.state.plan.steps_per_epoch  # without 0 there is a valid split
        if self.valid is not None and (step % every == 0 or last):
            self._evaluate(self.valid)
        if step % config.checkpoint_every == 0 or last or stop:
            if self.valid is None:
                self._export()
            path = save_checkpoint(self.out, self.state)
            if stop and not last:
                self.log.say(f"Stopped after step {step}, saved {path}. Continue: same command with --resume")
                raise KeyboardInterrupt(f"stopped after step {step}; continue with --resume")

    def _evaluate(self, valid: ClipDataset) -> None:
        """J&F on the valid split, by the main process while the others wait; keeps the best model."""
        state, begin = self.state, time.perf_counter()
        if state.accelerator.is_main_process:
            score = quick_score(state.model, valid, state.config, state.config.train.evaluate_samples)
            values = {"J&F": score.jf, "J": score.j, "F": score.f, "seconds": time.perf_counter() - begin}
            self.log.record("evaluate", state.progress.step, values)
            self.log.say(f"step {state.progress.step}: J&F {score.jf:.1f} (J {score.j:.1f}, F {score.f:.1f})")
            if state.progress.best is None or score.jf > state.progress.best:
                state.progress.best = score.jf
                self._export()
        state.accelerator.wait_for_everyone()

    def _export(self) -> None:
        if self.state.accelerator.is_main_process:
            self.state.model.save_pretrained(self.out / "model")

    def _last_good(self) -> str:
        found = complete_checkpoints(self.out)
        return f"the last good checkpoint is {found[0]}" if found else "no checkpoint had been written yet"


def _first_state(phase: Phase, accelerator: Accelerator, data: PhaseData) -> RunState:
    """A phase before its first step."""
    model = initial_model(phase.config, start=phase.start).to(accelerator.device)
    optimizer = accelerator.prepare_optimizer(build_optimizer(model, phase.config.optimizer))
    return RunState(phase.config, accelerator, model, optimizer, data.plan)


def _wrap(state: RunState, *, learn_vision: bool) -> nn.Module:
    """The model as each process calls it.

    A frozen temporal or frame encoder builds no graph and no gradients. DistributedDataParallel waits for
    every parameter that could learn when it was made, so it is made anew when the encoder starts to.
    """
    state.model.get_submodule(state.model.vision).requires_grad_(learn_vision)
    state.model.train()
    if state.accelerator.num_processes == 1:
        return state.model
    return DistributedDataParallel(state.model, broadcast_buffers=False)


@contextmanager
def _without_false_alarms() -> Iterator[None]:
    """Silence warnings of several processes that tell the user nothing.

    The successor of `broadcast_buffers` exists since torch 2.15 only; gradients of 1x1 convolutions have
    other strides than the buckets they are sent in, which costs nothing at these sizes.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
        warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
        yield


def _accelerator(config: AnyExperiment) -> Accelerator:
    """A fresh Accelerator: a notebook may train twice in one process with different precisions."""
    AcceleratorState._reset_state()
    accelerator = Accelerator(
        mixed_precision=config.train.precision,
        kwargs_handlers=[InitProcessGroupKwargs(timeout=PATIENCE)],
    )
    if config.train.precision == "fp16" and accelerator.device.type == "cpu":
        raise ConfigError(
            "train.precision 'fp16' needs a GPU, this machine offers a CPU only: use 'bf16' or 'no'"
        )
    return accelerator


def _write_config(out: Path, config: AnyExperiment) -> None:
    with atomic_write(out / "config.yaml") as temporary:
        temporary.write_text(to_yaml(config), encoding="utf-8")
