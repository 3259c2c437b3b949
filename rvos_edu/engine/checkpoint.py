"""Checkpoints that continue a run bit for bit: written whole or not at all, checked before use."""

from __future__ import annotations

import hashlib
import json
import pickle
import random
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer
from accelerate.utils import gather_object
from safetensors.torch import load_file, save_file

from rvos_edu.config import AnyExperiment
from rvos_edu.engine.batches import BatchPlan
from rvos_edu.engine.logs import Averages
from rvos_edu.errors import CheckpointError, ConfigError
from rvos_edu.files import atomic_dir, remove_temporary
from rvos_edu.models import VideoModel
from rvos_edu.models.pretrained import load_weights

KEPT = 2
# A resumed run may be longer, elsewhere, or watched otherwise; everything else decides its numbers.
MAY_DIFFER = re.compile(
    r"name|inference\..*|data\.root|data\.valid_split|pretrain\.root"
    r"|train\.(epochs|steps|workers|log_every|checkpoint_every|evaluate_every|evaluate_samples)"
)


@dataclass
class Progress:
    """How far a run is.

    Args:
        step: finished optimiser steps.
        seconds: time spent so far, over all resumed parts.
        best: best J&F on the valid split, None before the first evaluation.
        averages: means since the last record.
    """

    step: int = 0
    seconds: float = 0.0
    best: float | None = None
    averages: Averages = field(default_factory=Averages)


@dataclass
class RunState:
    """All that a run consists of; `model` is the bare one, without a wrapper for several processes."""

    config: AnyExperiment
    accelerator: Accelerator
    model: VideoModel
    optimizer: AcceleratedOptimizer
    plan: BatchPlan
    progress: Progress = field(default_factory=Progress)


def checkpoints_folder(out: Path) -> Path:
    """Where the checkpoints of the run `out` are."""
    return out / "checkpoints"


def save_checkpoint(out: Path, state: RunState) -> Path:
    """Write `out/checkpoints/step-<n>/`, keep the last two. Every process calls this; the main one writes."""
    path = checkpoints_folder(out) / f"step-{state.progress.step:08d}"
    generators = gather_object([_generator_states()])
    if state.accelerator.is_main_process:
        remove_temporary(path.parent)
        with atomic_dir(path) as folder:
            _write(folder, state, generators)
        for old in complete_checkpoints(out)[KEPT:]:
            remove_folder(old)
    state.accelerator.wait_for_everyone()
    return path


def remove_folder(path: Path) -> None:
    """Delete a checkpoint; its state.json goes first, so that a kill in between leaves no half checkpoint."""
    (path / "state.json").unlink()
    for item in path.iterdir():
        item.unlink()
    path.rmdir()


def newest_checkpoint(out: Path) -> Path:
    """The checkpoint to resume from; half-written folders are ignored.

    Raises:
        CheckpointError: if there is none, or if the newest is damaged (names an older one that is not).
    """
    found = complete_checkpoints(out)
    if not found:
        raise CheckpointError(
            f"nothing to resume: {checkpoints_folder(out)} holds no checkpoint; start without --resume"
        )
    damage = _damage(found[0])
    if damage is None:
        return found[0]
    older = next((path for path in found[1:] if _damage(path) is None), None)
    way_out = f"delete that folder to resume from {older.name}" if older else "there is no older one to use"
    raise CheckpointError(f"checkpoint {found[0]} is damaged ({damage}); {way_out}")


def load_checkpoint(path: Path, state: RunState) -> None:
    """Put a checkpoint into `state` and into the random number generators of this process.

    Raises:
        CheckpointError: another architecture (names the differing keys), or weights that do not fit.
        ConfigError: another setting, number of processes or number of clips.
    """
    saved = json.loads((path / "state.json").read_text(encoding="utf-8"))
    check_same_run(path, saved, state)
    weights = load_file(path / "model.safetensors")
    load_weights(state.model, weights, source=path)
    held = torch.load(path / "trainer.pt", map_location="cpu", weights_only=True)
    state.optimizer.load_state_dict(held["optimizer"])
    if state.accelerator.scaler is not None:
        state.accelerator.scaler.load_state_dict(held["scaler"])
    _set_generator_states(held["generators"][state.accelerator.process_index])
    progress = saved["progress"]
    state.progress = Progress(**{**progress, "averages": Averages(**progress["averages"])})


def check_same_run(path: Path, saved: dict[str, Any], state: RunState) -> None:
    """Raise ConfigError or CheckpointError unless `saved` can be continued exactly.

    A checkpoint from before a key existed was made with its default.
    """
    defaults = asdict(type(state.config)())
    old_values, new_values = _filled(saved["config"], defaults), asdict(state.config)
    sections = [values.get("pretrain") for values in (old_values, new_values)]
    if all(section is not None and section["epochs"] == 0 for section in sections):
        old_values["pretrain"] = new_values["pretrain"]  # without epochs the rest of it decides nothing
    differing = [
        f"{key} was {old!r}, is {new!r}"
        for key, old, new in differences(old_values, new_values)
        if not MAY_DIFFER.fullmatch(key)
    ]
    if any(text.startswith("model.") for text in differing):
        raise CheckpointError(f"checkpoint {path} is of another architecture: {'; '.join(differing)}")
    if differing:
        raise ConfigError(f"checkpoint {path} was made with another config: {'; '.join(differing)}")
    for name, new in (("processes", state.plan.processes), ("clips", len(state.plan.clips))):
        if saved[name] != new:
            raise ConfigError(f"checkpoint {path} was made with {saved[name]} {name}, this run has {new}")


def _write(folder: Path, state: RunState, generators: list[dict[str, Any]]) -> None:
    weights = {name: tensor.contiguous() for name, tensor in state.model.state_dict().items()}
    save_file(weights, folder / "model.safetensors")
    scaler = state.accelerator.scaler
    held = {
        "optimizer": state.optimizer.state_dict(),
        "scaler": None if scaler is None else scaler.state_dict(),
        "generators": generators,
    }
    torch.save(held, folder / "trainer.pt")
    epoch, position = divmod(state.progress.step, state.plan.steps_per_epoch)
    description = {
        "progress": asdict(state.progress),
        "epoch": epoch,
        "position_in_epoch": position,
        "processes": state.plan.processes,
        "clips": len(state.plan.clips),
        "config": asdict(state.config),
        "sha256": {item.name: sha256(item) for item in sorted(folder.iterdir())},
    }
    (folder / "state.json").write_text(json.dumps(description, indent=1), encoding="utf-8")


def complete_checkpoints(out: Path) -> list[Path]:
    """Finished checkpoints of the run `out`, newest first."""
    folders = checkpoints_folder(out).glob("step-*")
    return sorted((p for p in folders if (p / "state.json").is_file()), key=lambda p: p.name, reverse=True)


def _damage(path: Path) -> str | None:
    """What is wrong with a checkpoint's files, or None."""
    try:
        saved = json.loads((path / "state.json").read_text(encoding="utf-8"))
        for name, expected in saved["sha256"].items():
            if sha256(path / name) != expected:
                return f"{name} has changed since it was written"
        torch.load(path / "trainer.pt", map_location="meta", weights_only=True)
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        return f"state.json is not readable: {error}"
    except FileNotFoundError as error:
        return f"{Path(error.filename).name} is missing"
    except (pickle.UnpicklingError, RuntimeError) as error:
        return f"trainer.pt holds more than plain data: {str(error).splitlines()[0]}"
    return None


def sha256(path: Path) -> str:
    """Checksum of a file, as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _generator_states() -> dict[str, Any]:
    """Python, NumPy and torch generators as plain data, so that `weights_only=True` reads them."""
    kind, keys, position, has_gauss, gauss = cast(tuple[Any, ...], np.random.get_state(legacy=True))
    return {
        "python": random.getstate(),
        "numpy": (kind, keys.tolist(), position, has_gauss, gauss),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
    }


def _set_generator_states(states: dict[str, Any]) -> None:
    random.setstate(states["python"])
    kind, keys, *rest = states["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), *rest))
    torch.set_rng_state(states["torch"])
    if states["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])


def _filled(values: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Nested values; what they lack is taken from the defaults."""
    filled = {**defaults, **values}
    for key, inner in defaults.items():
        if isinstance(inner, dict) and isinstance(filled[key], dict):
            filled[key] = _filled(filled[key], inner)
    return filled


def differences(old: Any, new: Any, prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(dotted key, old value, new value) wherever two nested dictionaries differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*new, *(key for key in old if key not in new)]:
            yield from differences(old.get(key), new.get(key), f"{prefix}{key}.")
    elif old != new:
        yield prefix.removesuffix("."), old, new
