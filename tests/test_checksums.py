"""Checksums of the shipped weights."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from rvos_edu.checksums import ASSETS, LIST_NAME, verify_checksums, write_checksums


def _folder(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights.bin").write_bytes(b"abc")
    (tmp_path / "vocab.txt").write_bytes(b"")
    return tmp_path


def test_the_list_is_that_of_sha256sum(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    assert write_checksums(folder) == folder / LIST_NAME
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    empty = hashlib.sha256(b"").hexdigest()
    assert (folder / LIST_NAME).read_text() == f"{abc}  model/weights.bin\n{empty}  vocab.txt\n"


def test_changed_missing_and_unlisted_files_are_named(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    write_checksums(folder)
    (folder / ".hidden").touch()
    report = verify_checksums(folder)
    assert report.good == ["model/weights.bin", "vocab.txt"]
    assert (report.changed, report.missing, report.unlisted) == ([], [], [])

    (folder / "model" / "weights.bin").write_bytes(b"abd")
    (folder / "vocab.txt").rename(folder / "words.txt")
    report = verify_checksums(folder)
    assert report.good == [] and report.changed == ["model/weights.bin"]
    assert (report.missing, report.unlisted) == (["vocab.txt"], ["words.txt"])


def test_a_missing_or_damaged_list_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        verify_checksums(tmp_path)
    (tmp_path / LIST_NAME).write_text("abc  file\n")
    with pytest.raises(ValueError, match="64 hex digits"):
        verify_checksums(tmp_path)


def test_shipped_weights_are_as_listed() -> None:
    report = verify_checksums(ASSETS)
    differences = (report.changed, report.missing, report.unlisted)
    assert differences == ([], [], []), "`make checksums` writes the list anew"
    assert report.good
