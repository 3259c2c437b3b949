"""Faults of Refer-YouTube-VOS: told once with the path; they stop loading, or are left out and counted."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rvos_edu.cli import main
from rvos_edu.config import ExperimentConfig
from rvos_edu.data import check, load
from rvos_edu.engine.logs import read_metrics
from rvos_edu.errors import DataError
from rvos_edu.presets import to_yaml
from tests.engine.conftest import text_encoder, tiny, tree, write_tree

__all__ = ["text_encoder", "tiny", "tree"]  # fixtures

NAME, SPOILT = "refer-youtube-vos", "train001"
IMAGE, MASK = f"JPEGImages/{SPOILT}/00005.jpg", f"Annotations/{SPOILT}/00005.png"
META = "meta_expressions/train/meta_expressions.json"


@dataclass(frozen=True)
class Fault:
    """One fault: how it comes about, what is said of it, and the videos and items that remain of 4 and 10."""

    spoil: Callable[[Path], object]
    message: str
    key: str = SPOILT
    remain: tuple[int, int] = (3, 7)


def cut(name: str) -> Callable[[Path], object]:
    return lambda root: (root / "train" / name).write_bytes((root / "train" / name).read_bytes()[:-90])


def resized(name: str, mode: str) -> Callable[[Path], object]:
    return lambda root: Image.fromarray(np.zeros((9, 9), np.uint8)).convert(mode).save(root / "train" / name)


def video(change: Callable[[dict], object]) -> Callable[[Path], object]:
    """Change the JSON's entry of the spoilt video."""

    def spoil(root: Path) -> None:
        content = json.loads((root / META).read_text())
        change(content["videos"][SPOILT])
        (root / META).write_text(json.dumps(content))

    return spoil


def text(old: str, new: str) -> Callable[[Path], object]:
    """Change the JSON as text: what `json` cannot write, such as a key that is there twice."""

    def spoil(root: Path) -> None:
        before = (root / META).read_text()
        assert before.count(old) == 1
        (root / META).write_text(before.replace(old, new))

    return spoil


def expression(change: Callable[[dict], object]) -> Callable[[Path], object]:
    return video(lambda about: change(about["expressions"]["1"]))


def renamed(root: Path) -> None:
    """The JSON and the masks name a frame that is not there."""
    video(lambda v: v["frames"].append("00099"))(root)
    mask = root / "train" / MASK
    mask.with_name("00099.png").write_bytes(mask.read_bytes())


ONE, REST = f"{SPOILT}/1", (4, 9)
FAULTS = {
    "frame missing": Fault(lambda r: (r / "train" / IMAGE).unlink(), f"{IMAGE} is missing"),
    "mask missing": Fault(lambda r: (r / "train" / MASK).unlink(), f"{MASK} is missing"),
    "frame truncated": Fault(cut(IMAGE), f"{IMAGE} cannot be read as an image"),
    "mask truncated": Fault(cut(MASK), f"{MASK} cannot be read as an image"),
    "frame of another size": Fault(resized(IMAGE, "RGB"), f"{IMAGE} is 9x9"),
    "mask of another size": Fault(resized(MASK, "L"), f"{MASK} is 9x9 (height x width), its frame is 32x48"),
    "mask in colours": Fault(resized(MASK, "RGB"), f"{MASK} has the image mode RGB"),
    "wrong frame name": Fault(renamed, f"JPEGImages/{SPOILT}/00099.jpg is missing"),
    "frame name that climbs": Fault(
        video(lambda v: v["frames"].append("../x")), f"{META}: the frame of video '{SPOILT}' is '../x'"
    ),
    "frame twice": Fault(
        video(lambda v: v["frames"].append("00005")), f"{META}: video '{SPOILT}' lists a frame twice: 00005"
    ),
    "wrong object id": Fault(
        expression(lambda e: e.update(obj_id="x")),
        f"{META}: expression 1 of video '{SPOILT}' has obj_id 'x'",
        ONE,
        REST,
    ),
    "no object id": Fault(
        expression(lambda e: e.pop("obj_id")), f"expression {ONE} names no object (obj_id)", ONE, REST
    ),
    "empty sentence": Fault(
        expression(lambda e: e.update(exp=" \t")),
        f"{META}: expression 1 of video '{SPOILT}' is empty",
        ONE,
        REST,
    ),
    "wrong expression id": Fault(
        video(lambda v: v["expressions"].update({"x": {}})), f"video '{SPOILT}' has the expression id 'x'"
    ),
    "no frames": Fault(video(lambda v: v.pop("frames")), f"{META}: video '{SPOILT}' has no list of frames"),
    "video twice": Fault(
        text('"train002": {', f'"{SPOILT}": {{}}, "train002": {{'),
        f"{META} lists the video '{SPOILT}' more than once",
    ),
}


def doubled(root: Path) -> None:
    """The expression 1 of the spoilt video stands twice in the file."""
    expression(lambda e: e.update(exp="MARK"))(root)
    text('"1": {"exp": "MARK"', '"1": {"exp": "first", "obj_id": "1"}, "1": {"exp": "MARK"')(root)


FAULTS["expression twice"] = Fault(
    doubled, f"{META}: video '{SPOILT}' has the expression 1 more than once", ONE, REST
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four videos with two and three sentences in turn, two of them for validation."""
    return write_tree(tmp_path / "data", {"train": 4, "valid": 2})


def test_good_data(root: Path) -> None:
    data = load(NAME, root=root, split="train", window=4, skip_bad=True)
    assert (len(data.clips), len(data), data.skipped) == (4, 10, 0) and check(NAME, root).ok


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_fault(root: Path, fault: Fault, caplog: pytest.LogCaptureFixture) -> None:
    fault.spoil(root)
    report = check(NAME, root)
    assert [fault.message in text for text in report.problems] == [True], report.problems
    assert list(report.splits[0].bad) == [fault.key] and fault.message in report.splits[0].bad[fault.key]
    with pytest.raises(DataError) as stopped:
        list(load(NAME, root=root, split="train", window=4))
    assert fault.message.removesuffix(", earlier frames are 32x48") in str(stopped.value)
    with caplog.at_level(logging.WARNING):
        data = load(NAME, root=root, split="train", window=4, skip_bad=True)
    assert (len(data.clips), len(data), data.skipped) == (*fault.remain, 1)
    assert "faulty entries left out: 1;" in caplog.text and fault.message in caplog.text
    assert all(sample.target is not None for sample in data)


def test_several_at_once(root: Path) -> None:
    for name in ("frame missing", "mask truncated", "empty sentence"):
        FAULTS[name].spoil(root)
    (root / "train/JPEGImages/train003/00000.jpg").unlink()
    assert len(check(NAME, root).problems) == 4
    data = load(NAME, root=root, split="train", window=4, skip_bad=True)
    assert (len(data.clips), data.skipped) == (2, 3)  # two videos, and a sentence of one of them


def test_nothing_left(root: Path) -> None:
    for place in (root / "train/JPEGImages").iterdir():
        (place / "00000.jpg").unlink()
    with pytest.raises(DataError, match="no window of the split 'train' .* shows a referred object"):
        load(NAME, root=root, split="train", window=4, skip_bad=True)


def test_training(
    root: Path, tiny: ExperimentConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command stops at a fault; with --skip-bad it trains on the rest, says so and writes it down."""
    tiny.data.root, tiny.data.name = str(root), NAME
    tiny.train.steps, tiny.train.batch_size, tiny.train.workers = 1, 2, 0
    (tmp_path / "config.yaml").write_text(to_yaml(tiny))
    FAULTS["mask missing"].spoil(root)
    FAULTS["empty sentence"].spoil(root)
    line = ["train", "--config", str(tmp_path / "config.yaml"), "--out", str(tmp_path / "run")]
    assert main(line) == 2 and f"{META}: expression 1" in capsys.readouterr().err
    assert main([*line, "--skip-bad"]) == 0
    printed = capsys.readouterr()
    assert (
        "Faulty entries left out: 2 of train; `rvos-edu data check` lists them" in printed.out + printed.err
    )
    first = read_metrics(tmp_path / "run/metrics.jsonl")[0]
    assert first == {"event": "data", "step": 0, "skipped_train": 2}
