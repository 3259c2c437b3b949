"""Folders of results replace earlier results, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from rvos_edu.engine.outputs import result_dir
from rvos_edu.errors import DataError


def write(path: Path, text: str) -> None:
    with result_dir(path, marker="result.json") as folder:
        (folder / "result.json").write_text(text)


def test_new_empty_and_earlier_folders(tmp_path: Path) -> None:
    write(tmp_path / "a" / "new", "1")
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty", "2")
    write(tmp_path / "empty", "3")
    assert (tmp_path / "empty" / "result.json").read_text() == "3"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "empty"]


def test_other_folders_and_files_stay(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(DataError, match="no result.json of an earlier result"):
        write(tmp_path, "1")
    with pytest.raises(DataError, match="is a file"):
        write(tmp_path / "note.txt", "1")
    assert [p.name for p in tmp_path.iterdir()] == ["note.txt"]


def test_a_failure_keeps_the_earlier_result(tmp_path: Path) -> None:
    write(tmp_path / "out", "1")
    with pytest.raises(RuntimeError), result_dir(tmp_path / "out", marker="result.json") as folder:
        (folder / "result.json").write_text("half")
        raise RuntimeError
    assert (tmp_path / "out" / "result.json").read_text() == "1"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
