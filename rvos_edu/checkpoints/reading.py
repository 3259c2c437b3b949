"""Read untrusted weight files: tensors and plain numbers only, never code."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rvos_edu.errors import CheckpointError
from rvos_edu.models.pretrained import WEIGHTS_FILE, read_safetensors


class ForeignOptions:
    """Stands in for the argparse.Namespace that published R2-VOS checkpoints hold; takes nothing from it.

    No code of the real class runs, and nothing that a file says about its options is kept.
    """

    def __setstate__(self, state: object) -> None:
        """Forget it."""


# The published MTTR checkpoints hold one numpy number (the best mAP), those of R2-VOS their training options.
_SCALAR = np.float64(0).__reduce__()[0]  # rebuilds a numpy number from its bytes
SAFE_GLOBALS: list[Any] = [
    (_SCALAR, "numpy.core.multiarray.scalar"),
    (_SCALAR, "numpy._core.multiarray.scalar"),
    np.dtype,
    np.dtypes.Float64DType,
    np.dtypes.Float32DType,
    (ForeignOptions, "argparse.Namespace"),
]


def read_state(source: str | Path | Mapping[str, Any], *, wrappers: tuple[str, ...]) -> dict[str, Tensor]:
    """Tensors by name, on the CPU; a wrapping dict and `module.` prefixes are taken off.

    Args:
        source: a .safetensors file, a file of `torch.save`, or the dict itself (of tensors or numpy arrays).
        wrappers: keys under which published files keep the weights.

    Raises:
        CheckpointError: if the file is missing, damaged, or holds anything but weights and numbers.
    """
    values = source if isinstance(source, Mapping) else read_file(Path(source))
    for key in wrappers:
        if isinstance(values.get(key), Mapping):
            values = values[key]
            break
    tensors = ((k, torch.from_numpy(v) if isinstance(v, np.ndarray) else v) for k, v in values.items())
    state = {str(k).removeprefix("module."): v for k, v in tensors if isinstance(v, Tensor)}
    if not state:
        where = "the given dict" if isinstance(source, Mapping) else str(source)
        raise CheckpointError(f"{where} holds no tensors: expected weights, perhaps under {list(wrappers)}")
    return state


def weights_file(path: str | Path) -> Path:
    """The file of weights in a folder as on the hub; any other path as it is."""
    inner = Path(path) / WEIGHTS_FILE
    return inner if inner.is_file() else Path(path)


def read_file(path: Path) -> Mapping[str, Any]:
    """All that a .safetensors file or a file of `torch.save` holds, on the CPU.

    Raises:
        CheckpointError: if the file is missing, damaged, or holds anything but weights and numbers.
    """
    if path.suffix == ".safetensors":
        return read_safetensors(path)
    if not path.is_file():
        raise CheckpointError(f"{path} is missing: expected a file with weights")
    try:
        with torch.serialization.safe_globals(SAFE_GLOBALS):
            values = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if asked := re.search(r"GLOBAL ([\w.]+)", str(error)):
            raise CheckpointError(
                f"{path} holds more than weights and numbers: {asked[1]} (pickled code is never run)"
            ) from error
        raise CheckpointError(f"{path} is damaged or no file of torch.save{_web_page(path)}") from error
    except Exception as error:  # on garbage the unpickler fails in any way it likes
        raise CheckpointError(f"{path} is damaged or no file of torch.save: {_first_line(error)}") from error
    if not isinstance(values, Mapping):
        raise CheckpointError(f"{path} holds a {type(values).__name__}: expected a dict of weights")
    return values


def _web_page(path: Path) -> str:
    """What download services send in place of a large file."""
    with path.open("rb") as file:
        start = file.read(256).lstrip().lower()
    return ": it is a web page, download the file itself" if start.startswith(b"<") else ""


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__
