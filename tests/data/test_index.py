"""What is kept of a dataset: which changes are seen, also behind links; what several processes build."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rvos_edu.data import check, load
from rvos_edu.data.index import kept, look_anew, tree_stamps
from rvos_edu.data.refer_youtube_vos import expressions_file
from tests.data.jhmdb_tree import PLAIN, write_jhmdb
from tests.fixtures import LONG, SHORT, edit_expressions, write_mask

NAME = "refer-youtube-vos"


def number(found: object) -> bool:
    return isinstance(found, int)


# ------------------------------------------------------------------------------------------------------ links


@pytest.mark.parametrize("linked", [["train", "meta_expressions"], ["meta_expressions/train"], ["train"]])
def test_changes_behind_links_are_seen(tree: Path, tmp_path: Path, linked: list[str]) -> None:
    for name in linked:
        aside = tmp_path / "disk" / name
        aside.parent.mkdir(parents=True, exist_ok=True)
        (tree / name).rename(aside)
        (tree / name).symlink_to(aside)

    def left_out(sentence: str) -> int:
        edit_expressions(tree, "train", lambda v: v[SHORT]["expressions"]["0"].update(exp=sentence))
        return load(NAME, root=tree, split="train", window=4, skip_bad=True).skipped

    assert [left_out("one"), left_out(" "), left_out("two")] == [0, 1, 0]
    before = tree_stamps(tree)
    write_mask(tree, LONG, "99999", [])
    assert tree_stamps(tree) != before


def test_links_that_lead_in_a_circle_or_nowhere(tree: Path) -> None:
    (tree / "train/again").symlink_to(tree)
    (tree / "train/nowhere.json").symlink_to(tree / "lost.json")
    stamps = tree_stamps(tree)
    assert stamps == tree_stamps(tree)
    folders = [line.split()[0] for line in stamps.splitlines()[1:]]
    assert folders.count(str(tree / f"train/Annotations/{LONG}")) == 1
    assert not [folder for folder in folders if folder.startswith(str(tree / "train/again/"))]
    (tree / "lost.json").write_text("{}")
    assert tree_stamps(tree) != stamps


# --------------------------------------------------------------------------------------- overwritten in place


def test_masks_that_are_overwritten_in_place(tree: Path) -> None:
    """The check says that training leaves out what they no longer show, and then it does."""

    def windows() -> list[tuple[str, str]]:
        data = load(NAME, root=tree, split="train", window=4)
        return [(sample.video, sample.expression_id) for sample in data]

    check(NAME, tree)
    before = windows()
    assert (SHORT, "0") in before
    for name in ("00000", "00005"):
        write_mask(tree, SHORT, name, [])
    assert windows() == before
    where = f"{expressions_file(tree, 'train')}: object 1 of expression {SHORT}/0"
    note = f"train: {where} is in no mask, training leaves it out"
    assert note not in check(NAME, tree, anew=False).notes and windows() == before
    assert note in check(NAME, tree).notes
    assert windows() == [item for item in before if item != (SHORT, "0")]


def test_what_is_kept_of_jhmdb_is_looked_at_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rvos_edu.data import jhmdb_sentences

    root = write_jhmdb(tmp_path / "jhmdb")
    load("jhmdb-sentences", root=root, split="test", window=4)
    monkeypatch.setattr(jhmdb_sentences, "frame_total", lambda video: (4, 3))
    assert load("jhmdb-sentences", root=root, split="test", window=4).frame_count(PLAIN) == 6  # type: ignore[attr-defined]
    look_anew(root)
    assert load("jhmdb-sentences", root=root, split="test", window=4).frame_count(PLAIN) == 3  # type: ignore[attr-defined]


# ------------------------------------------------------------------------------------------ several processes

PROGRAM = """
import sys, time
from pathlib import Path
from rvos_edu.data.index import USE, kept

def build():
    with open(sys.argv[1], "a") as file:
        file.write("built\\n")
    time.sleep(1.5)
    return kept("inner", lambda: 7, valid=lambda found: found == 7)

Path(sys.argv[2]).touch()
while not Path(sys.argv[3]).exists():
    time.sleep(0.01)
print(kept("outer", build, valid=lambda found: found == 7), USE.built)
"""


def run_three(folder: Path) -> list[list[str]]:
    """What three processes print that ask for the same at once: the value, and how much each built."""
    folder.mkdir(exist_ok=True)
    line = [sys.executable, "-c", PROGRAM, str(folder / "log")]
    running = [
        subprocess.Popen(
            [*line, str(folder / f"ready{n}"), str(folder / "go")], stdout=subprocess.PIPE, text=True
        )
        for n in range(3)
    ]
    while not all((folder / f"ready{n}").exists() for n in range(3)):
        assert all(process.poll() is None for process in running)
    (folder / "go").touch()
    return sorted(process.communicate(timeout=60)[0].split() for process in running)


def test_one_process_builds_and_the_others_read(tmp_path: Path, home: Path) -> None:
    assert run_three(tmp_path / "three") == [["7", "0"], ["7", "0"], ["7", "2"]]
    assert (tmp_path / "three/log").read_text() == "built\n"
    assert json.loads((home / "index/outer.json").read_text()) == 7


def test_where_no_lock_can_be_written_nobody_waits(tmp_path: Path, home: Path) -> None:
    home.write_text("a file where the folder should be")
    assert run_three(tmp_path / "three") == [["7", "2"]] * 3
    assert (tmp_path / "three/log").read_text() == "built\n" * 3


def test_a_lock_that_cannot_be_had(home: Path) -> None:
    (home / "index/key.lock").mkdir(parents=True)
    assert [kept("key", lambda: 1, valid=number), kept("key", lambda: 2, valid=number)] == [1, 1]


def test_what_failed_is_built_by_the_next_who_asks(home: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        kept("key", lambda: 1 // 0, valid=number)
    assert [kept("key", lambda: 3, valid=number), kept("key", lambda: 4, valid=number)] == [3, 3]
    assert kept("key", lambda: 5, valid=number, anew=True) == 5
