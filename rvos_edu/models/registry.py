"""Which architectures there are, and a saved model of any of them."""

from __future__ import annotations

from pathlib import Path

from rvos_edu.errors import CheckpointError
from rvos_edu.models.mttr import MTTR
from rvos_edu.models.pretrained import find_model, read_architecture
from rvos_edu.models.r2vos import R2VOS

VideoModel = MTTR | R2VOS
MODELS: dict[str, type[MTTR] | type[R2VOS]] = {"mttr": MTTR, "r2vos": R2VOS}


def model_from_pretrained(name: str | Path) -> VideoModel:
    """A saved model of the architecture that its config.json names, in evaluation mode.

    Args:
        name: a shipped name, a folder, or a hub id.

    Raises:
        CheckpointError: if it is missing, damaged, or of an unknown architecture.
    """
    folder = find_model(name)
    architecture = read_architecture(folder)
    if architecture not in MODELS:
        raise CheckpointError(
            f"{folder} holds a model of architecture {architecture!r}: expected one of {', '.join(MODELS)}"
        )
    return MODELS[architecture].from_pretrained(folder)
