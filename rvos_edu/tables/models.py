"""Models that need no training: found by their name, and held against the preset that they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rvos_edu.checkpoints.published import PUBLISHED
from rvos_edu.config import AnyExperiment
from rvos_edu.engine.checkpoint import differences
from rvos_edu.errors import CheckpointError, ConfigError, DataError
from rvos_edu.models.pretrained import CONFIG_FILE, read_architecture, read_config
from rvos_edu.presets import load_config

SETTINGS_FILE = "config.yaml"


def find_model(folder: Path | None, name: str, config: AnyExperiment) -> str | None:
    """A model, or the run of a training, below a folder; None if there is none of that name.

    Args:
        folder: of the models; None: there are none.
        name: of the model's folder.
        config: what the model has to be.

    Raises:
        DataError: if it is damaged or another model, by its architecture, sizes or window.
    """
    if folder is None:
        return None
    found = folder / name
    place = next((p for p in (found, found / "model") if (p / CONFIG_FILE).is_file()), None)
    if place is None:
        return None
    try:
        differing = _differing(place, found / SETTINGS_FILE, config)
    except (CheckpointError, ConfigError) as error:
        raise DataError(" ".join(str(error).split())) from error
    if differing:
        raise DataError(f"{found} differs from {config.name} in {', '.join(differing)}")
    return str(found)


def find_published(folder: Path | None, name: str | None) -> str | None:
    """An exported checkpoint of the authors, by its name in `PUBLISHED`; raises as `find_model`."""
    preset = next((entry.preset for entry in PUBLISHED if entry.name == name), None)
    return None if name is None or preset is None else find_model(folder, name, load_config(preset))


def _differing(place: Path, settings: Path, config: AnyExperiment) -> list[str]:
    """Names and values, as they are and as they have to be."""
    architecture = read_architecture(place)
    if architecture != config.architecture:
        return [f"architecture: {architecture}, not {config.architecture}"]
    sizes = read_config(place / CONFIG_FILE, type(config.model))
    pairs = [
        (f"model.{key}", is_, wanted)
        for key, is_, wanted in differences(_compared(asdict(sizes)), _compared(asdict(config.model)))
    ]
    if settings.is_file():
        window = load_config(settings).data.window
        pairs += [("data.window", window, config.data.window)] if window != config.data.window else []
    return [f"{key}: {is_!r}, not {wanted!r}" for key, is_, wanted in pairs]


def _compared(sizes: Mapping[str, Any]) -> dict[str, Any]:
    """Sizes without what evaluation does not use, and the text encoder, which published files bring along."""
    kept = {key: value for key, value in sizes.items() if key not in ("dropout", "text_encoder")}
    if "temporal_encoder" in kept:
        kept["temporal_encoder"] = _without_drop_path(kept["temporal_encoder"])
    else:
        frames = dict(kept["frame_encoder"])
        swin, name = frames.pop("video_swin"), frames.pop("name")
        if frames["kind"] == "timm":
            frames["name"] = name.split(".")[0]  # then come timm's weights
        elif frames["kind"] == "video-swin":
            frames["video_swin"] = _without_drop_path(swin)
        kept["frame_encoder"] = frames
    return kept


def _without_drop_path(encoder: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in encoder.items() if key != "drop_path"}
