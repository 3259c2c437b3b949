"""Datasets by name, and Moving Shapes made once on first use."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import platformdirs
import pytest

import rvos_edu.data.moving_shapes as moving_shapes
from rvos_edu.data import dataset_names, load
from rvos_edu.data.home import home as home_folder
from rvos_edu.data.registry import dataset_root
from rvos_edu.errors import DataError
from tests.fixtures import write_tree


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """Calls of `make`, which takes a moment and writes the tiny tree."""
    calls: list[dict] = []

    def make(root: Path, **arguments: object) -> Path:
        calls.append({"root": root, **arguments})
        time.sleep(0.2)
        write_tree(root.with_name(".partial")).rename(root)
        return root

    monkeypatch.setattr(moving_shapes, "make", make)
    return calls


def test_made_once_then_read(made: list[dict], home: Path) -> None:
    assert len(load("moving-shapes", split="train", window=4)) == 5
    assert len(load("moving-shapes", split="train")) == 4
    root = home / "moving-shapes-v1" / "level-full-seed-0"
    assert made == [{"root": root, "level": "full", "seed": 0}]
    level = dataset_root("moving-shapes", level="1", seed=3, train_videos=40)
    assert level == home / "moving-shapes-v1" / "level-1-seed-3-40"
    assert made[1] == {"root": level, "level": "1", "seed": 3, "train": 40}


def test_two_at_once_make_one(made: list[dict]) -> None:
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(dataset_root("moving-shapes"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1 and len(set(found)) == 1 and found[0].is_dir()


def test_given_root_is_read_and_nothing_made(made: list[dict], tree: Path) -> None:
    assert len(load("moving-shapes", split="train", root=str(tree))) == 4
    with pytest.raises(DataError, match="nowhere does not exist"):
        load("moving-shapes", split="train", root=tree / "nowhere")
    assert made == []


@pytest.mark.parametrize("level", ["9", "../../x", ""])
def test_unknown_level(made: list[dict], level: str) -> None:
    with pytest.raises(DataError, match="unknown level .* expected one of .*full"):
        load("moving-shapes", split="train", level=level)
    assert made == []


def test_home_that_cannot_be_written(made: list[dict], home: Path) -> None:
    home.write_text("a file where the folder should be")
    with pytest.raises(DataError, match="cannot be made at .* set RVOS_EDU_HOME"):
        load("moving-shapes", split="train")


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(DataError, match="unknown dataset 'moving_shape'; did you mean 'moving-shapes'?"):
        load("moving_shape", split="train")
    with pytest.raises(DataError, match="unknown dataset 'zzz'; Known: moving-shapes, refer-youtube-vos"):
        load("zzz", split="train")
    assert dataset_names() == [
        *["moving-shapes", "refer-youtube-vos", "ref-davis17", "mevis", "r2-youtube-vos"],
        *["a2d-sentences", "jhmdb-sentences", "moving-shapes-images"],
        *["refcoco", "refcoco+", "refcocog", "refcoco-joint"],
    ]


def test_real_dataset_needs_a_root() -> None:
    with pytest.raises(DataError, match="refer-youtube-vos is not made by this package: give its folder"):
        load("refer-youtube-vos", split="train")


def test_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RVOS_EDU_HOME", "~/somewhere")
    assert home_folder() == Path.home() / "somewhere"
    for unset in ("", " "):
        monkeypatch.setenv("RVOS_EDU_HOME", unset)
        assert home_folder() == Path(platformdirs.user_cache_dir("rvos_edu"))
