"""A copy with smaller frames: what training reads of it, what is linked, interruptions, bad input."""

from __future__ import annotations

import io
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import rvos_edu.data.smaller as smaller_module
from rvos_edu.cli import main
from rvos_edu.config import DataConfig
from rvos_edu.data import check, layout_of, load, train_transform
from rvos_edu.data.images import image_size
from rvos_edu.data.moving_shapes import make
from rvos_edu.data.refer_youtube_vos import VideoRecord
from rvos_edu.data.smaller import NAMES, write_smaller
from rvos_edu.data.transforms import Resize, ResizeStored
from rvos_edu.engine.initialise import training_clips
from rvos_edu.errors import ConfigError, DataError
from rvos_edu.presets import load_config
from tests.data.plain_tree import write_plain

SIDES = {"short_side": 40, "max_side": 80}  # of 80 x 112
CONFIG = DataConfig(**SIDES, flip=0.0, mask_stride=1)


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """Full size and smaller copy, by name."""
    folder = tmp_path_factory.mktemp("smaller")
    source = make(folder / "shapes", seed=5, train=4, valid=1, test=1, workers=1)
    pairs = {}
    for name in NAMES:
        export = layout_of(name).make
        assert export is not None
        full = export(source, folder / name)
        pairs[name] = (full, write_smaller(name, full, folder / f"{name}-40", workers=1, **SIDES))
    return pairs


def as_jpeg(frame: torch.Tensor) -> torch.Tensor:
    buffer = io.BytesIO()
    Image.fromarray(frame.permute(1, 2, 0).numpy()).save(buffer, "JPEG", quality=95, subsampling=0)
    return torch.from_numpy(np.array(Image.open(buffer))).permute(2, 0, 1)


@pytest.mark.parametrize("name", NAMES)
def test_training_reads_the_same(name: str, roots: dict[str, tuple[Path, Path]]) -> None:
    """Masks exactly; frames as a second JPEG leaves them."""
    full, less = (load(name, root=root, split="train", window=8) for root in roots[name])
    assert len(full) == len(less) > 10
    transform = train_transform(CONFIG)
    for index in range(0, len(full), 5):
        one, two = (transform(data[index], random.Random(0)) for data in (full, less))
        assert less[index].size == (40, 56) == one.size and one.expression == two.expression
        assert one.target is not None and two.target is not None
        assert torch.equal(one.target.masks, two.target.masks) and one.target.referred == two.target.referred
        assert torch.equal(torch.stack([as_jpeg(frame) for frame in one.frames]), two.frames)
        assert (one.frames.float() - two.frames.float()).abs().mean() < 3  # of 255, of noisy frames
    assert [less.root.joinpath(less.split).is_symlink(), less.root.is_symlink()] == [False, False]


@pytest.mark.parametrize("name", NAMES)
def test_the_check_finds_nothing_and_other_splits_are_whole(
    name: str, roots: dict[str, tuple[Path, Path]]
) -> None:
    full, less = roots[name]
    assert check(name, less).problems == []
    split = layout_of(name).splits[1]
    assert (less / split).resolve() == (full / split).resolve()
    assert load(name, root=less, split=split)[0].size == (80, 112)


def test_portrait_and_small_frames(tmp_path: Path) -> None:
    """The long side counts too; what is smaller already is copied byte by byte."""
    frames = write_plain(tmp_path / "full", {"portrait": (300, 100), "small": (30, 50)}) / "train/JPEGImages"
    out = write_smaller(NAMES[0], tmp_path / "full", tmp_path / "out", workers=1, **SIDES)
    copied = out / "train" / "JPEGImages"
    assert Image.open(copied / "portrait" / "00000.jpg").size == (27, 80)
    assert (copied / "small" / "00000.jpg").read_bytes() == (frames / "small" / "00000.jpg").read_bytes()


def test_interrupted_and_gone_on(
    roots: dict[str, tuple[Path, Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full, less = roots[NAMES[0]]
    written, real = [], smaller_module._write_frames

    def second_fails(source: Path, target: Path, resize: ResizeStored, record: VideoRecord) -> None:
        if len(written) == 1:
            raise KeyboardInterrupt
        written.append(record.video)
        real(source, target, resize, record)

    def one_process(job, items, **_: object) -> list[object]:
        return [job(item) for item in items]

    monkeypatch.setattr(smaller_module, "process_map", one_process)
    monkeypatch.setattr(smaller_module, "_write_frames", second_fails)
    with pytest.raises(KeyboardInterrupt):
        write_smaller(NAMES[0], full, tmp_path / "out", **SIDES)
    frame = sorted((tmp_path / "out" / "train" / "JPEGImages" / written[0]).iterdir())[0]
    stamp = frame.stat().st_mtime_ns
    monkeypatch.setattr(smaller_module, "_write_frames", real)
    out = write_smaller(NAMES[0], full, tmp_path / "out", **SIDES)
    assert frame.stat().st_mtime_ns == stamp
    names = [sorted(p.relative_to(root) for p in (root / "train").rglob("*")) for root in (out, less)]
    assert names[0] == names[1] and len(names[0]) > 50


def test_bad_input(roots: dict[str, tuple[Path, Path]], tmp_path: Path) -> None:
    full, less = roots[NAMES[0]]
    for asked, message in (
        ({"name": "a2d-sentences"}, "only refer-youtube-vos, ref-davis17, mevis"),
        ({"short_side": 0}, "got 0, 80 and 1 workers"),
        ({"workers": 0}, "got 40, 80 and 0 workers"),
        ({"out": full / "sub"}, "needs a folder of its own"),
        ({"root": tmp_path / "none"}, "none does not exist"),
        ({"out": full}, "needs a folder of its own"),
        ({"out": full.parent}, "needs a folder of its own"),
        (
            {"out": less.parent / "shapes" if full.name != "shapes" else less.parent / NAMES[1]},
            "is not empty",
        ),
        ({"out": less, "short_side": 20}, "holds another copy"),
    ):
        given = {"name": NAMES[0], "root": full, "out": tmp_path / "out", "workers": 1, **SIDES, **asked}
        with pytest.raises(DataError, match=message):
            write_smaller(**given)  # type: ignore[arg-type]
    broken = write_plain(tmp_path / "broken", {"v": (80, 112)}) / "train" / "JPEGImages" / "v"
    (broken / "00000.jpg").write_bytes(b"\xff\xd8 cut off")
    with pytest.raises(DataError, match=r"00000\.jpg cannot be read as an image"):
        write_smaller(NAMES[0], tmp_path / "broken", tmp_path / "out2", workers=1)
    assert list((tmp_path / "out2" / "train").rglob("*.*")) == []
    with pytest.raises(DataError, match=r"holds nothing to train on; faulty entries left out: 1"):
        write_smaller(NAMES[0], tmp_path / "broken", tmp_path / "out3", workers=1, skip_bad=True)


def test_command(
    roots: dict[str, tuple[Path, Path]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    full, _ = roots[NAMES[0]]
    out = tmp_path / "out"
    sides = ["--short-side", "40", "--max-side", "80", "--workers", "1"]
    assert main(["data", "smaller", NAMES[0], "--root", str(full), "--out", str(out), *sides]) == 0
    assert f"written: {out}; train with --data.root {out}" in capsys.readouterr().out


def test_figures_on_the_copy_say_so_and_training_does_not_enlarge(
    roots: dict[str, tuple[Path, Path]],
) -> None:
    full, less = roots[NAMES[0]]
    assert load(NAMES[0], root=less, split="train").notes == (
        "frames and masks were stored at 40 to 80 pixels",
    )
    assert load(NAMES[0], root=full, split="train").notes == ()
    assert load(NAMES[0], root=less, split="valid").notes == ()
    config = load_config("nano-mttr")
    asked = replace(config.data, name=NAMES[0], root=str(less), short_side=41, max_side=80)
    with pytest.raises(ConfigError, match=r"are 41, 80, but .* holds frames at 40, 80: ask for no more"):
        training_clips(replace(config, data=asked))
    davis = {"name": "ref-davis17", "root": str(roots["ref-davis17"][1]), "train_split": "valid"}
    whole, _ = training_clips(replace(config, data=replace(asked, **davis, train_videos=None)))
    assert whole[0][0].size == Resize(41, 80).size(80, 112)
    clips, items = training_clips(replace(config, data=replace(asked, short_side=40, train_videos=None)))
    assert len(items) == len(clips) and clips[0][0].size == (40, 56)
    (less / "smaller.json").write_text("[]")
    with pytest.raises(DataError, match=r"smaller\.json must hold"):
        load(NAMES[0], root=less, split="train")


@pytest.mark.parametrize("size, stored", [((720, 1282), (359, 639)), ((359, 639), (360, 640))])
def test_training_does_not_resample_the_copy(
    size: tuple[int, int], stored: tuple[int, int], tmp_path: Path
) -> None:
    """`Resize` makes 359x639 of 720x1282 and 360x640 of that: the copy has what the original would get."""
    full = write_plain(tmp_path / "full", {"v": size})
    less = write_smaller(NAMES[0], full, tmp_path / "less", workers=1)
    assert image_size(less / "train/JPEGImages/v/00005.jpg") == stored
    assert image_size(less / "train/Annotations/v/00005.png") == stored
    config = load_config("nano-mttr")
    asked = replace(
        config.data, name=NAMES[0], short_side=360, max_side=640, flip=0.0, mask_stride=1, train_videos=None
    )
    one, two = (
        training_clips(replace(config, data=replace(asked, root=str(root))))[0][0][0] for root in (full, less)
    )
    assert one.size == two.size == stored and one.target is not None and two.target is not None
    assert torch.equal(one.target.masks, two.target.masks)
    assert torch.equal(as_jpeg(one.frames[1]), two.frames[1])
    smaller, _ = training_clips(replace(config, data=replace(asked, root=str(less), short_side=300)))
    assert smaller[0][0].size == Resize(300, 640).size(*stored)


def test_a_copy_behind_a_link(tmp_path: Path) -> None:
    """As one puts it on another disk: the link stays, and all is where it leads."""
    full = write_plain(tmp_path / "full", {"a": (60, 80)})
    disk, out = tmp_path / "disk", tmp_path / "out"
    disk.mkdir()
    out.symlink_to(disk, target_is_directory=True)
    write_smaller("refer-youtube-vos", full, out, workers=1, **SIDES)
    assert out.is_symlink()
    assert sorted(p.name for p in disk.iterdir()) == ["meta_expressions", "smaller.json", "train"]
    assert image_size(disk / "train/JPEGImages/a/00000.jpg") == (40, 53)
