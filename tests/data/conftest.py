"""Tests write their caches and generated data into a folder of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures import write_tree


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """RVOS_EDU_HOME of the test."""
    monkeypatch.setenv("RVOS_EDU_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The tiny Refer-YouTube-VOS."""
    return write_tree(tmp_path / "refer_youtube_vos")
