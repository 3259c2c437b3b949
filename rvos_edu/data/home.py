"""The folder that holds what the package makes for itself: generated data and small indexes."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def home() -> Path:
    """RVOS_EDU_HOME if it is set, else the user's cache folder; not made here."""
    chosen = os.environ.get("RVOS_EDU_HOME", "").strip()
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("rvos_edu"))
