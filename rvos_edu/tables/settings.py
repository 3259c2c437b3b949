"""What decides the figures of a row: kept with its result, compared when the row is asked for again."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rvos_edu.engine.checkpoint import differences
from rvos_edu.errors import ConfigError
from rvos_edu.tables.plan import Options, Plan

# Where data lie, how many processes read them and what is written down meanwhile change no figure.
DECIDES_NOTHING = re.compile(r"root|(data|pretrain)\.root|train\.(workers|checkpoint_every|log_every)")
TRAINING = "training"


def settings(one: Plan, options: Options) -> dict[str, Any]:
    """All that decides the figures of a row, and where its data lie."""
    config = None if one.config is None or one.model is not None else asdict(one.config)
    root = None if one.root is None else str(one.root)
    where = {"data": one.data, "root": root, "split": one.split, "level": one.level, "limit": options.limit}
    return {**where, "model": one.model or one.key, TRAINING: config}


def compare(path: Path, one: Plan, options: Options) -> str:
    """In what a kept result differs from what a row takes now; "" where it does not, or there is none.

    Of a row that cannot be run now only the evaluation is compared: what its training would be is not known.

    Raises:
        ConfigError: if the file is damaged.
    """
    if not path.is_file():
        return ""
    try:
        was = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(was, dict):
            raise ValueError("expected keys and values")
    except ValueError as error:
        raise ConfigError(f"{path} is damaged ({error}): delete {path.parent} to run the row anew") from error
    now = json.loads(json.dumps(settings(one, options)))
    trained, trains = was.pop(TRAINING, None), now.pop(TRAINING)
    if one.why:
        was["model"] = now["model"]
    parts = [differing_settings(was, now)]
    if trained and trains:  # otherwise another model, which is told
        parts.append(differing_settings(trained, trains))
    return "; ".join(filter(None, parts))


def differing_settings(was: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The settings that differ and decide figures, with both values; "" if there are none."""
    return "; ".join(
        f"{key} was {old!r}, is {new!r}"
        for key, old, new in differences(was, now)
        if not DECIDES_NOTHING.fullmatch(key)
    )
