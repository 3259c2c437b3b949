"""What a loaded Refer-YouTube-VOS says about itself."""

from __future__ import annotations

from pathlib import Path

from rvos_edu.data import load
from rvos_edu.data.refer_youtube_vos import expressions_file
from rvos_edu.data.refer_youtube_vos_layout import notes_of_videos
from tests.engine.conftest import write_tree


def test_test_videos_among_those_of_valid_are_noted(tmp_path: Path) -> None:
    note = "507 videos, those of test among them, instead of the 202 of the competition"
    assert notes_of_videos(tmp_path, "valid", 507) == (note,)
    assert notes_of_videos(tmp_path, "valid", 202) == ()
    assert notes_of_videos(tmp_path, "train", 3471) == ()
    expressions_file(tmp_path, "test").parent.mkdir(parents=True)
    expressions_file(tmp_path, "test").write_text('{"videos": {}}')
    assert notes_of_videos(tmp_path, "valid", 507) == ()


def test_few_videos_are_not(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "data", {"valid": 2})
    assert load("refer-youtube-vos", root=root, split="valid").notes == ()
