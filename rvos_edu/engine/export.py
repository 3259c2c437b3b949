"""Published checkpoints as folders that `from_pretrained`, `evaluate` and `train` read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from rvos_edu.checkpoints import load_kinetics_video_swin, load_reference_mttr, load_reference_r2vos
from rvos_edu.checkpoints.published import KINDS, PUBLISHED, Published, identify
from rvos_edu.checkpoints.reading import read_file, read_state
from rvos_edu.config import AnyModelConfig, MTTRConfig, R2VOSExperimentConfig
from rvos_edu.config_checks import check_values
from rvos_edu.engine.outputs import check_replaceable, result_dir
from rvos_edu.errors import CheckpointError, ConfigError
from rvos_edu.models import VideoModel
from rvos_edu.models.pretrained import ARCHITECTURE, CONFIG_FILE, WEIGHTS_FILE
from rvos_edu.nn.temporal_encoder import ALL_STAGES, TemporalEncoder
from rvos_edu.presets import load_config, to_yaml

SETTINGS_FILE = "config.yaml"
WRAPPERS = ("model_state_dict", "model", "state_dict")
# A weight that only this kind has; the first that is there tells.
SIGNS = {
    "mttr": "vid_embed_proj.weight",
    "r2vos": "query_embed.weight",
    "video-swin": "patch_embed.proj.weight",
}


@dataclass(frozen=True)
class Exported:
    """What was written.

    Args:
        folder: it.
        kind: of the checkpoint.
        published: which published file it is; None if that is not known.
        preset: whose settings lie beside the weights; None for a part.
        parameters: how many numbers it has.
        tokenizer: whether it understands sentences; None for a part.
    """

    folder: Path
    kind: str
    published: Published | None
    preset: str | None
    parameters: int
    tokenizer: bool | None

    def __str__(self) -> str:
        entry = self.published
        what = f"{self.kind} of unknown origin" if entry is None else f"{entry.name}: {entry.what}"
        lines = [f"{what}; {self.parameters / 1e6:.1f} M parameters"]
        if entry is not None:
            lines += [
                f"the published file should score: {score} ({score.protocol}; {score.source})"
                for score in entry.scores
            ]
            lines += [f"note: {entry.note}"] if entry.note else []
        if self.preset is not None:
            lines.append(f"settings: those of the preset {self.preset}, sizes as in the file")
        if self.tokenizer is False:
            lines.append("no tokenizer: to use it with sentences, export again with --tokenizer roberta-base")
        return "\n".join([*lines, f"written: {self.folder}"])


def export(
    checkpoint: str | Path,
    *,
    kind: str,
    out: str | Path | None = None,
    tokenizer: str | Path | None = None,
    preset: str | None = None,
    heads: int = 8,
    text_heads: int = 12,
    points: int = 4,
) -> Exported:
    """Write a published checkpoint as a folder: weights, sizes, tokenizer, settings. Whole or not at all.

    Args:
        checkpoint: the file as published.
        kind: "mttr", "r2vos", or "video-swin": all four stages, for `init.temporal_encoder` and
            `init.frame_encoder`.
        out: the folder; default `models/<name in PUBLISHED>`; an earlier export there is replaced.
        tokenizer: a folder or hub id of the text encoder's; without it the model takes token ids only.
        preset: whose settings to write beside a model; needed where the file does not tell.
        heads, text_heads, points: as for `load_reference_mttr` and `load_reference_r2vos`.

    Raises:
        CheckpointError: if the file is missing, damaged, unsafe or another model's; names differing keys.
        ConfigError: if the kind or preset is unknown, does not fit or cannot be told.
        DataError: if `out` holds other files.
    """
    if kind not in KINDS:
        raise ConfigError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    path = Path(checkpoint)
    values = read_file(path)
    entry = identify(kind, path, values)
    preset = _preset(path, kind, preset, entry)
    if kind == "video-swin" and tokenizer is not None:
        raise ConfigError("a Video Swin is a part of a model: it takes no tokenizer")
    name = entry.name if entry else f"{kind}-{path.name.split('.')[0]}"
    folder = check_replaceable(out or Path("models") / name, marker=CONFIG_FILE)
    state: dict[str, Tensor] = {}
    try:
        state = read_state(values, wrappers=WRAPPERS)
        if preset is None:
            return _write_part(folder, load_kinetics_video_swin(state, stages=ALL_STAGES), entry)
        if kind == "mttr":
            mttr = load_reference_mttr(state, heads=heads, text_heads=text_heads, tokenizer=tokenizer)
            return _write_model(folder, mttr, entry, preset)
        sizes = {"heads": heads, "text_heads": text_heads, "points": points}
        return _write_model(folder, load_reference_r2vos(state, tokenizer=tokenizer, **sizes), entry, preset)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}{_found(state)}{_hint(kind, state)}") from error


def _preset(path: Path, kind: str, given: str | None, entry: Published | None) -> str | None:
    """The preset of a model, None for a part."""
    if kind == "video-swin":
        if given is not None:
            raise ConfigError("a Video Swin is a part of a model: it takes no preset")
        return None
    preset = given or (entry.preset if entry else None)
    if preset is None:
        known = ", ".join(e.preset for e in PUBLISHED if e.kind == kind and e.preset)
        raise ConfigError(f"{path} does not tell which training it is of: give a preset (--preset), {known}")
    return preset


def _write_part(folder: Path, encoder: TemporalEncoder, entry: Published | None) -> Exported:
    weights = {key: value.contiguous() for key, value in encoder.state_dict().items()}
    window = ",".join(map(str, encoder.config.window))
    with result_dir(folder, marker=CONFIG_FILE) as temporary:
        save_file(weights, temporary / WEIGHTS_FILE, metadata={"format": "pt", "window": window})
        sizes = {ARCHITECTURE: "video-swin", **asdict(encoder.config)}
        (temporary / CONFIG_FILE).write_text(json.dumps(sizes, indent=2) + "\n", encoding="utf-8")
    return Exported(folder, "video-swin", entry, None, _count(weights), None)


def _write_model(folder: Path, model: VideoModel, entry: Published | None, preset: str) -> Exported:
    config = load_config(preset)
    if config.architecture != model.architecture:
        raise ConfigError(
            f"preset {preset} is of architecture {config.architecture}, not {model.architecture}"
        )
    text, wanted = model.config.text_encoder, config.model.text_encoder
    words = 0 if model.tokenizer is None else len(model.tokenizer)
    if words > text.vocab_size:
        raise CheckpointError(
            f"the tokenizer has {words} tokens, the text encoder of the checkpoint {text.vocab_size}: "
            "give that of its text encoder"
        )
    if (text.hidden_size, text.layers) == (wanted.hidden_size, wanted.layers):
        text.source = wanted.source  # which of RoBERTa's kin, the weights do not say
    config.model = model.config  # type: ignore[assignment]  # of one architecture, as checked above
    if isinstance(config, R2VOSExperimentConfig) and config.model.frame_encoder.kind == "none":
        config.init.frame_encoder = None
    check_values(config)
    with result_dir(folder, marker=CONFIG_FILE) as temporary:
        model.save_pretrained(temporary)
        (temporary / SETTINGS_FILE).write_text(to_yaml(config), encoding="utf-8")
    if _signature(model.config) != _signature(load_config(preset).model):
        entry = None  # the name of a published file, but another model
    count = _count(model.state_dict())
    return Exported(folder, model.architecture, entry, preset, count, model.tokenizer is not None)


def _signature(sizes: AnyModelConfig) -> tuple[object, ...]:
    """What tells the published models apart; text encoders are not always stated."""
    if isinstance(sizes, MTTRConfig):
        return sizes.d_model, sizes.queries, sizes.temporal_encoder.embed_dim, *sizes.temporal_encoder.depths
    return sizes.d_model, sizes.queries, sizes.frame_encoder.kind, sizes.frame_encoder.name.split(".")[0]


def _count(weights: Mapping[str, Tensor]) -> int:
    return sum(value.numel() for value in weights.values() if value.is_floating_point())


def _found(state: Mapping[str, Tensor]) -> str:
    """Some of the keys that are there: their names tell people what the file is."""
    keys = sorted(state)
    some = ", ".join([*keys[:2], *keys[-1:]]) if len(keys) > 3 else ", ".join(keys)
    return f"; the file has {len(keys)} keys, such as {some}" if keys else ""


def _hint(kind: str, state: Mapping[str, Tensor]) -> str:
    """Of which kind the weights seem to be, if of another."""
    keys = {key.removeprefix("backbone.") for key in state}
    seems = next((name for name, key in SIGNS.items() if key in keys), kind)
    return "" if seems == kind else f"; it looks like one of {seems}: --kind {seems}"
