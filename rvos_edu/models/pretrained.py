"""Save and load whole models: config.json, model.safetensors and the tokenizer in one folder."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar, get_type_hints

import torch
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from rvos_edu.config import AnyModelConfig
from rvos_edu.errors import CheckpointError
from rvos_edu.files import atomic_dir
from rvos_edu.nn.text_encoder import load_tokenizer

ASSETS = Path(__file__).parents[1] / "assets"
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
TOKENIZER_FILE = "tokenizer.json"
ARCHITECTURE = "architecture"
SHOWN_KEYS = 8
HUB_ID = re.compile(r"([\w.-]+/)?[\w.-]+")
Sizes = TypeVar("Sizes", bound=AnyModelConfig)


class PretrainedModel(nn.Module):
    """Base of the models: `from_pretrained`, `save_pretrained`, `push_to_hub`.

    A subclass is built as `cls(config, tokenizer=...)` and keeps both as attributes. It names its
    architecture, as `config.json` does, the part that sees frames and the dataclass of its sizes.
    """

    architecture: ClassVar[str]
    vision: ClassVar[str]
    config_class: ClassVar[type[AnyModelConfig]]
    config: AnyModelConfig

    @classmethod
    def from_pretrained(cls, name: str | Path) -> Self:
        """A saved model, in evaluation mode, float32.

        Args:
            name: a shipped name ("nano-mttr"), a folder, or a hub id.

        Raises:
            CheckpointError: if it is missing, damaged, or of another architecture (names the keys).
        """
        folder = find_model(name)
        found = read_architecture(folder)
        if found != cls.architecture:
            raise CheckpointError(f"{folder} holds a model of architecture {found}, not {cls.architecture}")
        config = read_config(folder / CONFIG_FILE, cls.config_class)
        weights = read_safetensors(folder / WEIGHTS_FILE)
        tokenizer = load_tokenizer(folder) if (folder / TOKENIZER_FILE).is_file() else None
        model = cls(config, tokenizer=tokenizer)  # type: ignore[call-arg]  # every subclass is built so
        load_weights(model, weights, source=folder)
        return model.eval()

    def save_pretrained(self, folder: str | Path, *, dtype: torch.dtype | None = None) -> Path:
        """Write config, weights and tokenizer; the folder is whole or unchanged.

        Args:
            folder: replaced if it exists.
            dtype: of the saved floating-point weights, e.g. torch.float16; None keeps theirs.

        Returns:
            the folder.
        """
        folder = Path(folder)
        with atomic_dir(folder) as temporary:
            weights = {
                key: tensor.detach().to("cpu", dtype if tensor.is_floating_point() else None).contiguous()
                for key, tensor in self.state_dict().items()
            }
            save_file(weights, temporary / WEIGHTS_FILE, metadata={"format": "pt"})
            values = {ARCHITECTURE: self.architecture, **asdict(self.config)}
            (temporary / CONFIG_FILE).write_text(json.dumps(values, indent=2) + "\n")
            tokenizer = getattr(self, "tokenizer", None)
            if tokenizer is not None:
                tokenizer.save_pretrained(temporary)
        return folder

    def push_to_hub(self, repo: str, folder: str | Path, *, private: bool = False) -> str:
        """Save to `folder` and upload it to the hub as `repo` ("user/name"); returns its address."""
        self.save_pretrained(folder)
        api = HfApi()
        address = api.create_repo(repo, private=private, exist_ok=True)
        api.upload_folder(repo_id=repo, folder_path=str(folder))
        return str(address)


def find_model(name: str | Path) -> Path:
    """Folder of a shipped name, an existing folder, or a hub id (downloaded once).

    Raises:
        CheckpointError: if there is no such model.
    """
    for folder in (Path(name), ASSETS / str(name)):
        if (folder / CONFIG_FILE).is_file():
            return folder
    shipped = sorted(p.parent.name for p in ASSETS.glob(f"*/{CONFIG_FILE}"))
    problem = f"no model {str(name)!r}: expected a folder with {CONFIG_FILE}, a hub id or one of {shipped}"
    if Path(name).exists() or not HUB_ID.fullmatch(str(name)):
        raise CheckpointError(problem)
    try:
        return Path(snapshot_download(str(name), allow_patterns=["*.json", "*.safetensors", "*.txt"]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise CheckpointError(f"{problem} ({type(error).__name__} while asking the hub)") from error


def read_architecture(folder: Path) -> str:
    """Which model a folder holds; "mttr" where its config.json does not say.

    Raises:
        CheckpointError: if config.json is no JSON.
    """
    values = _read_json(folder / CONFIG_FILE)
    return str(values.get(ARCHITECTURE, "mttr")) if isinstance(values, dict) else "mttr"


def read_config(path: Path, kind: type[Sizes]) -> Sizes:
    """Sizes from a saved config.json.

    Raises:
        CheckpointError: if it is no JSON, or a key is unknown or missing.
    """
    values = _read_json(path)
    if isinstance(values, dict):
        values.pop(ARCHITECTURE, None)
    built: Sizes = _build(kind, values, path)
    return built


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is not readable JSON: {error}") from error


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Tensors of a file, on the CPU.

    Raises:
        CheckpointError: if it is missing or damaged.
    """
    if not path.is_file():
        raise CheckpointError(f"{path} is missing: expected the weights of a model")
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged or no safetensors file: {error}") from error


def load_weights(module: nn.Module, weights: Mapping[str, Tensor], *, source: str | Path) -> None:
    """Fill all parameters and saved buffers of a module; dtypes are converted.

    Raises:
        CheckpointError: if keys or shapes differ; names them.
    """
    expected = module.state_dict()
    missing = [key for key in expected if key not in weights]
    unexpected = [key for key in weights if key not in expected]
    shapes = [
        f"{key} {list(weights[key].shape)} instead of {list(tensor.shape)}"
        for key, tensor in expected.items()
        if key in weights and weights[key].shape != tensor.shape
    ]
    parts = [
        f"{len(keys)} {name} ({_shortened(keys)})"
        for name, keys in (("missing", missing), ("unexpected", unexpected), ("of another shape", shapes))
        if keys
    ]
    if parts:
        hint = ""
        near = get_close_matches(unexpected[0], missing, 1) if unexpected and missing else []
        if near:
            hint = f"; nearest to {unexpected[0]} is {near[0]}"
        raise CheckpointError(f"{source} does not fit this architecture: {'; '.join(parts)}{hint}")
    module.load_state_dict(dict(weights))


def _shortened(keys: list[str]) -> str:
    more = f", ... {len(keys) - SHOWN_KEYS} more" if len(keys) > SHOWN_KEYS else ""
    return ", ".join(keys[:SHOWN_KEYS]) + more


def _build(kind: Any, values: Any, path: Path, key: str = "") -> Any:
    """A dataclass from nested dicts; every key must be there and no other."""
    if not isinstance(values, dict):
        raise CheckpointError(f"{path}: {key or 'the file'} must hold keys and values, got {values!r}")
    prefix = f"{key}." if key else ""
    names = [f.name for f in fields(kind)]
    for name in values:
        if name not in names:
            near = get_close_matches(name, names, 1)
            hint = f", did you mean {prefix}{near[0]}?" if near else ""
            raise CheckpointError(f"{path} has the unknown key {prefix}{name}{hint}")
    missing = [prefix + name for name in names if name not in values]
    if missing:
        raise CheckpointError(f"{path} lacks the keys {', '.join(missing)}")
    types = get_type_hints(kind)
    built = {}
    for name in names:
        read = _build if is_dataclass(types[name]) else _value
        built[name] = read(types[name], values[name], path, prefix + name)
    return kind(**built)


def _value(kind: Any, value: Any, path: Path, key: str) -> Any:
    base = list if kind not in (int, float, str) else kind
    if base is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, base) or isinstance(value, bool):
        raise CheckpointError(f"{path}: {key} must be {getattr(kind, '__name__', kind)}, got {value!r}")
    return value
