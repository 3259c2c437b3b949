"""What a row of a table takes to be measured here: model, data, training; or why it cannot be."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from rvos_edu.config import AnyExperiment, ExperimentConfig
from rvos_edu.data import layout_of
from rvos_edu.data.r2_layout import R2_YOUTUBE_VOS
from rvos_edu.data.r2_pairs import pairs_file
from rvos_edu.data.refer_youtube_vos_layout import MOVING_SHAPES, REFER_YOUTUBE_VOS
from rvos_edu.errors import ConfigError, DataError
from rvos_edu.presets import load_config
from rvos_edu.tables.hours import Estimate, estimate
from rvos_edu.tables.models import find_model, find_published
from rvos_edu.tables.paper import Row, Table
from rvos_edu.tables.stand_in import STAND_INS

REAL = "real"
DATA = (MOVING_SHAPES, REAL)
STEPS = 400  # of a nano model: J&F rises within them
# What the processes of a preset have together in one step; a table is one process.
TOGETHER = {"mttr-a2d": 6, "mttr-ref-ytvos-w12": 4, "mttr-ref-ytvos-w8": 8, "r2vos-ref-ytvos": 8}
_SERVER = "; the masks of {split} are not public: a submission will be written, its server has them"
# A short training on an easy level; its newest weights are evaluated.
NANO: Mapping[str, Any] = {"data.train_videos": None, "optimizer.warmup_steps": 20, "train.evaluate_every": 0}


@dataclass(frozen=True)
class Options:
    """How a table is reproduced.

    Args:
        data: "moving-shapes" (nano models) or "real".
        out: folder of models, rows and tables.
        root: of Moving Shapes, its folder (None: made under RVOS_EDU_HOME); of real data, the folder that
            holds one folder per dataset: a2d_sentences, refer_youtube_vos, ...
        models: folder with one folder per model that needs no training.
        steps: of each training; None: `STEPS`, real: as the preset says.
        limit: videos that are evaluated; None: all.
        level: of Moving Shapes; None: "1" for models trained here, "full" for shipped ones.
        workers: processes that read training clips.
    """

    data: str
    out: Path
    root: Path | None = None
    models: Path | None = None
    steps: int | None = None
    limit: int | None = None
    level: str | None = None
    workers: int = 1

    def check(self) -> None:
        """Raise ConfigError for what cannot be."""
        if self.data not in DATA:
            raise ConfigError(f"data must be one of {', '.join(DATA)}, got {self.data!r}")
        if self.data == REAL and self.root is None:
            raise ConfigError(
                "real data need --root, the folder that holds a2d_sentences, refer_youtube_vos, ..."
            )
        for name, folder in (("root", self.root), ("models", self.models)):
            if folder is not None and not folder.is_dir():
                raise ConfigError(f"{name} must be a folder, {folder} is none")
        for name, count, least in (
            ("steps", self.steps, 1),
            ("limit", self.limit, 1),
            ("workers", self.workers, 0),
        ):
            if count is not None and count < least:
                raise ConfigError(f"{name} must be at least {least}, got {count}")


@dataclass(frozen=True)
class Plan:
    """What one row takes.

    Args:
        row: of the table.
        why: why it cannot be run; "" if it can.
        preset: with `changes`, in words; "" for other papers' models.
        needs: data and model, in words.
        hours: of its full-size training; None where there is nothing to train.
        key: name of its model.
        model: a folder or shipped name, where nothing has to be trained.
        config: of the training.
        data, root, split, level: of the evaluation.
        hidden: whether there are no masks to measure J and F with, only a submission to write.
    """

    row: Row
    why: str = ""
    preset: str = ""
    needs: str = ""
    hours: Estimate | None = None
    key: str = ""
    model: str | None = None
    config: AnyExperiment | None = None
    data: str = MOVING_SHAPES
    root: Path | None = None
    split: str = "test"
    level: str = "full"
    hidden: bool = False


def plan(table: Table, row: Row, options: Options) -> Plan:
    """What a row takes, without reading any data.

    Raises:
        ConfigError: if a preset does not fit; the rows of `paper.yaml` do.
    """
    if row.preset is None:
        full = Plan(row, why=row.why, needs="another implementation")
    else:
        config = _configured(row.preset, row.set)
        named = " ".join([row.preset, *(f"--{key} {value}" for key, value in row.set.items())])
        full = Plan(row, preset=named, needs=_needs(table, config), hours=estimate(config))
    where = _nano if options.data == MOVING_SHAPES else _real
    return where(table, row, full, options)


def model_key(preset: str, changes: Mapping[str, Any]) -> str:
    """Name of a model by what it differs in from its preset: equal models have one name, in all tables."""
    values = asdict(load_config(preset))
    parts = [preset]
    for key, value in changes.items():
        if functools.reduce(lambda inner, part: inner[part], key.split("."), values) != value:
            parts.append(f"{key.rpartition('.')[2]}-{value}")
    return "-".join(parts)


def _configured(preset: str, changes: Mapping[str, Any]) -> AnyExperiment:
    tokens = [f"--{key}={'null' if value is None else value}" for key, value in changes.items()]
    return load_config(preset, tokens)


def _nano(table: Table, row: Row, full: Plan, options: Options) -> Plan:
    nano = row.nano
    if nano is None:
        return replace(full, why=row.nano_why or row.why)
    if table.data in STAND_INS:
        full = replace(full, data=table.data, split=table.split)
    if nano.shipped is not None:
        level, name = options.level or "full", nano.shipped
        return replace(full, root=options.root, why="", key=name, model=name, level=level)
    assert nano.preset is not None
    key, level = model_key(nano.preset, nano.set), options.level or "1"
    steps = options.steps or STEPS
    changes = {
        **NANO,
        **nano.set,
        "data.level": level,
        "train.steps": steps,
        "train.workers": options.workers,
    }
    config = _configured(nano.preset, changes)
    config.data.root = None if options.root is None else str(options.root)
    try:
        found = find_model(options.models, key, config)
    except DataError as error:
        return replace(full, why=str(error), key=key)
    return replace(full, why="", key=key, model=found, config=config, root=options.root, level=level)


def _real(table: Table, row: Row, full: Plan, options: Options) -> Plan:
    assert options.root is not None
    if row.preset is None:
        return full
    data = REFER_YOUTUBE_VOS if table.data == R2_YOUTUBE_VOS else table.data
    key = model_key(row.preset, row.set)
    there = replace(full, key=key, data=data, split=table.split)
    try:
        model = _model(row, key, options)
        there = replace(there, model=model)
        folder = _folder(data, options.root)
        there = replace(there, root=folder, hidden=_hidden(table, folder))
        config = None if model else _trainable(_configured(row.preset, row.set), row.preset, options)
    except DataError as error:
        return replace(there, why=f"{error}{_SERVER.format(split=table.split) if there.hidden else ''}")
    return replace(there, config=config)


def _model(row: Row, key: str, options: Options) -> str | None:
    """One trained with the row's preset, else the published one.

    Raises:
        DataError: if another model has its name.
    """
    assert row.preset is not None
    own = None
    if key != row.published:
        own = find_model(options.models, key, _configured(row.preset, row.set))
    return own or find_published(options.models, row.published)


def _folder(data: str, root: Path) -> Path:
    """The folder of a dataset.

    Raises:
        DataError: if it is not there.
    """
    layout = layout_of(data)
    names = ("coco", "refcoco") if layout.images else (data.replace("-", "_"), data)
    found = [root / name for name in names if (root / name).is_dir()]
    if not found:
        holds = (
            ", the folder that holds refcoco/, refcoco+/, refcocog/ and the images" if layout.images else ""
        )
        raise DataError(f"needs {layout.title} as {root / names[0]}{holds}")
    return found[0]


def _hidden(table: Table, folder: Path) -> bool:
    """Whether J and F are left to a server, because the masks are missing.

    Raises:
        DataError: if false sentences are missing.
    """
    if table.data == R2_YOUTUBE_VOS and not pairs_file(folder, table.split, kind="random", seed=0).is_file():
        raise DataError("needs sentences that do not fit: data_scripts/make_r2_youtube_vos.py makes them")
    known = table.data in (REFER_YOUTUBE_VOS, R2_YOUTUBE_VOS)
    return known and not (folder / table.split / "Annotations").is_dir()


def _trainable(config: AnyExperiment, preset: str, options: Options) -> AnyExperiment:
    """The configuration with all its files; one process.

    Raises:
        DataError: if something is missing.
    """
    assert options.root is not None
    config.data.root = str(_folder(config.data.name, options.root))
    if not isinstance(config, ExperimentConfig) and config.pretrain.epochs:
        config.pretrain.root = str(_folder("refcoco", options.root))
    together = next(count for name, count in TOGETHER.items() if preset.startswith(name))
    if isinstance(config, ExperimentConfig):
        config.init.temporal_encoder = _file(config.init.temporal_encoder, options)
        config.train.accumulate = together // config.train.batch_size
    else:
        config.init.frame_encoder = _file(config.init.frame_encoder, options)
        config.train.batch_size = together  # false sentences are found within one step
        config.pretrain.batch_size *= together  # of as many processes
    if options.steps is not None:
        config.train.steps = options.steps
        if not isinstance(config, ExperimentConfig) and config.pretrain.epochs:
            config.pretrain.steps = options.steps
    elif not torch.cuda.is_available():
        raise DataError(
            f"needs a GPU to train, {estimate(config)}; or a model with --models; or a trial with --steps"
        )
    return config


def _file(source: str | None, options: Options) -> str | None:
    """Kinetics weights: as the preset names them, here or in the folder of models."""
    if source is None or not source.endswith(".pth"):
        return source
    places = [Path(source), *([options.models / source] if options.models else [])]
    for place in places:
        if place.is_file():
            return str(place)
    raise DataError(
        f"needs {source}, here or in the folder of --models; `rvos-edu export --list` says where it is"
    )


def _needs(table: Table, config: AnyExperiment) -> str:
    """Data for the figures, and for the training where those are others."""
    names = [REFER_YOUTUBE_VOS if table.data == R2_YOUTUBE_VOS else table.data]
    if config.data.name not in names:
        names.append(f"{config.data.name} to train")
    if not isinstance(config, ExperimentConfig) and config.pretrain.epochs:
        names.append("RefCOCO/+/g to pre-train")
    return re.sub(r"\s+", " ", ", ".join(names))
