"""Referring video object segmentation with transformers: MTTR, built to be read, taught and used.

    import rvos_edu as rvos

    model = rvos.MTTR.from_pretrained("nano-mttr")
    result = rvos.segment(model, "clip.mp4", "the red circle moving left")
    result.masks                                     # bool [T, H, W] at the video's own size

Names load when they are first used, so that `import rvos_edu` itself is quick.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from rvos_edu import (
        checkpoints,
        config,
        cycle,
        data,
        errors,
        losses,
        matching,
        metrics,
        models,
        structures,
        viz,
        voting,
    )
    from rvos_edu.config import ExperimentConfig, MTTRConfig, R2VOSConfig, R2VOSExperimentConfig
    from rvos_edu.engine.segment import segment
    from rvos_edu.errors import CheckpointError, ConfigError, DataError, RVOSError
    from rvos_edu.models import MTTR, R2VOS
    from rvos_edu.postprocess import postprocess
    from rvos_edu.presets import load_config, preset_names
    from rvos_edu.structures import MTTROutput, R2VOSOutput, Segmentation, Target, VideoBatch, VideoSample

_HOMES = {
    "MTTR": "models",
    "R2VOS": "models",
    "MTTRConfig": "config",
    "R2VOSConfig": "config",
    "ExperimentConfig": "config",
    "R2VOSExperimentConfig": "config",
    "MTTROutput": "structures",
    "R2VOSOutput": "structures",
    "Segmentation": "structures",
    "Target": "structures",
    "VideoBatch": "structures",
    "VideoSample": "structures",
    "RVOSError": "errors",
    "CheckpointError": "errors",
    "ConfigError": "errors",
    "DataError": "errors",
    "load_config": "presets",
    "preset_names": "presets",
    "segment": "engine.segment",
}
_MODULES = (
    "checkpoints", "config", "cycle", "data", "errors", "losses", "matching", "metrics", "models",
    "structures", "viz", "voting",
)  # fmt: skip

__all__ = [
    "MTTR",
    "R2VOS",
    "CheckpointError",
    "ConfigError",
    "DataError",
    "ExperimentConfig",
    "MTTRConfig",
    "MTTROutput",
    "R2VOSConfig",
    "R2VOSExperimentConfig",
    "R2VOSOutput",
    "RVOSError",
    "Segmentation",
    "Target",
    "VideoBatch",
    "VideoSample",
    "__version__",
    "checkpoints",
    "config",
    "cycle",
    "data",
    "errors",
    "load_config",
    "losses",
    "matching",
    "metrics",
    "models",
    "postprocess",
    "preset_names",
    "segment",
    "structures",
    "viz",
    "voting",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name in _HOMES:
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


class _Package(ModuleType):
    """`rvos_edu.postprocess` is the function, although the file it lives in bears the same name.

    Importing the file sets the attribute to the module; the property below outlives that.
    """

    @property
    def postprocess(self) -> Any:
        return import_module(f"{__name__}.postprocess").postprocess

    @postprocess.setter
    def postprocess(self, value: ModuleType) -> None:
        pass


sys.modules[__name__].__class__ = _Package
