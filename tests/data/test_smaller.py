"""A copy with smaller frames: what training reads of it, what is linked, interruptions, bad input."""

from __future__ import annotations

import io
import json
import logging
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools import mask as coco

import rvos_edu.data.smaller as smaller_module
from rvos_edu.cli import main
from rvos_edu.config import DataConfig
from rvos_edu.data import check, layout_of, load, train_transform
from rvos_edu.data.images import image_size
from rvos_edu.data.moving_shapes import make
from rvos_edu.data.palette import write_ids
from rvos_edu.data.refer_youtube_vos import VideoRecord, expressions_file
from rvos_edu.data.smaller import NAMES, write_smaller
from rvos_edu.data.transforms import Resize, ResizeStored
from rvos_edu.engine.initialise import training_clips
from rvos_edu.errors import ConfigError, DataError
from rvos_edu.presets import load_config

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


def write_plain(root: Path, videos: dict[str, tuple[int, int]]) -> Path:
    """Refer-YouTube-VOS with two frames and two objects per video of some (H, W); noise."""
    noise = np.random.default_rng(7)
    sentences = {str(key): {"exp": f"object {key + 1}", "obj_id": str(key + 1)} for key in (0, 1)}
    for video, size in videos.items():
        for name in ("00000", "00005"):
            frame = root / "train" / "JPEGImages" / video / f"{name}.jpg"
            frame.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(noise.integers(256, size=(*size, 3), dtype=np.uint8)).save(frame)
            mask = root / "train" / "Annotations" / video / f"{name}.png"
            mask.parent.mkdir(parents=True, exist_ok=True)
            write_ids(mask, noise.integers(3, size=size, dtype=np.uint8))
    file = expressions_file(root, "train")
    file.parent.mkdir(parents=True)
    about = {video: {"frames": ["00000", "00005"], "expressions": sentences} for video in videos}
    file.write_text(json.dumps({"videos": about}))
    return root


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
    evaluated = training_clips(replace(config, data=replace(asked, root=str(less), short_side=300)))
    assert evaluated[0][0][0].size == Resize(300, 640).size(*stored)


def mask_of_another_size(root: Path) -> str:
    write_ids(root / "train/Annotations/b/00005.png", np.ones((160, 224), np.uint8))
    return r"00005\.png is 160x224 \(height x width\), its frame is 80x112"


def frame_of_another_size(root: Path) -> str:
    Image.new("RGB", (224, 160)).save(root / "train/JPEGImages/b/00005.jpg")
    return r"00005\.jpg is 160x224 \(height x width\), 00000\.jpg of the same video is 80x112"


def frame_cut_off(root: Path) -> str:
    path = root / "train/JPEGImages/b/00005.jpg"
    path.write_bytes(path.read_bytes()[:3000])
    return r"00005\.jpg cannot be read as an image"


def frame_missing(root: Path) -> str:
    (root / "train/JPEGImages/b/00005.jpg").unlink()
    return r"00005\.jpg is missing"


@pytest.mark.parametrize("spoil", [mask_of_another_size, frame_of_another_size, frame_cut_off, frame_missing])
def test_a_faulty_video(
    spoil: Callable[[Path], str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The copy stops there, and goes on without it; the copy passes its check, the original stays as it was."""
    full = write_plain(tmp_path / "full", {"a": (80, 112), "b": (80, 112)})
    ids = expressions_file(full, "train").with_name("ids.txt")
    ids.write_text("a\nb\n")
    sentences = expressions_file(full, "train").read_text()
    message = spoil(full)
    with pytest.raises(DataError, match=message):
        write_smaller(NAMES[0], full, tmp_path / "out", workers=1, **SIDES)
    assert not expressions_file(tmp_path / "out", "train").exists()
    sides = ["--short-side", "40", "--max-side", "80", "--workers", "1", "--skip-bad"]
    line = ["data", "smaller", NAMES[0], "--root", str(full), "--out", str(tmp_path / "out"), *sides]
    with caplog.at_level(logging.WARNING):
        assert main(line) == 0
    assert caplog.text.count("faulty entries left out: 1;") == 1
    report = check(NAMES[0], tmp_path / "out")
    assert report.problems == [] and (report.splits[0].videos, report.splits[0].expressions) == (1, 2)
    assert len(check(NAMES[0], full).problems) == 1
    assert expressions_file(full, "train").read_text() == sentences and ids.read_text() == "a\nb\n"


def test_sentences_of_the_original_are_not_written_through_an_older_link(tmp_path: Path) -> None:
    """Earlier copies linked the folder of sentences."""
    full = write_plain(tmp_path / "full", {"a": (80, 112), "b": (80, 112)})
    out = write_smaller(NAMES[0], full, tmp_path / "out", workers=1, **SIDES)
    shutil.rmtree(out / "meta_expressions")
    (out / "meta_expressions").symlink_to(full / "meta_expressions")
    sentences = expressions_file(full, "train").read_text()
    frame_missing(full)
    write_smaller(NAMES[0], full, out, workers=1, skip_bad=True, **SIDES)
    assert expressions_file(full, "train").read_text() == sentences
    assert list(json.loads(expressions_file(out, "train").read_text())["videos"]) == ["a"]


def spoilt_runs(root: Path, full: Path, change: Callable[[Any], Any]) -> str:
    """A copy of MeViS whose annotation with the lowest number is changed; that number."""
    shutil.copytree(full, root)
    path = root / "train" / "mask_dict.json"
    masks = json.loads(path.read_text())
    name = min(masks, key=int)
    path.write_text(json.dumps({**masks, name: change(masks[name])}))
    return name


def enlarged(runs: list[dict[str, Any] | None]) -> list[dict[str, Any] | None]:
    return [None if run is None else {"size": [160, 112], "counts": full_runs(160, 112)} for run in runs]


def full_runs(height: int, width: int) -> str:
    counts: bytes = coco.encode(np.asfortranarray(np.ones((height, width), np.uint8)))["counts"]
    return counts.decode("ascii")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda runs: [{"counts": "0"}], "has the size None at frame number 0"),
        (lambda runs: [{"size": [80, "x"], "counts": "0"}], r"has the size \[80, 'x'\] at frame number 0"),
        (lambda runs: runs[:-1], r"has \d+ entries, its video \d+ frames"),
        (enlarged, r"frame number \d+, has a mask of size \[160, 112\], its image is 80x112"),
    ],
)
def test_faulty_run_lengths(
    change: Callable[[Any], Any],
    message: str,
    roots: dict[str, tuple[Path, Path]],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Told before a frame is written; the sentences about them are left out on request."""
    full, out = tmp_path / "mevis", tmp_path / "out"
    name = spoilt_runs(full, roots["mevis"][0], change)
    with pytest.raises(DataError, match=rf"mask_dict\.json: annotation {name},? {message}"):
        write_smaller("mevis", full, out, workers=1, **SIDES)
    assert not (out / "train" / "mask_dict.json").exists() and not (out / "train" / "JPEGImages").exists()
    with caplog.at_level(logging.WARNING):
        write_smaller("mevis", full, out, workers=1, skip_bad=True, **SIDES)
    left = load("mevis", root=full, split="train", skip_bad=True)
    assert left.skipped > 0 and f"faulty entries left out: {left.skipped};" in caplog.text
    assert check("mevis", out).problems == []
    assert len(load("mevis", root=out, split="train")) == len(left)
    assert name not in json.loads((out / "train" / "mask_dict.json").read_text())


@pytest.mark.parametrize("skip_bad", [False, True])
def test_run_lengths_cut_off(skip_bad: bool, roots: dict[str, tuple[Path, Path]], tmp_path: Path) -> None:
    full = tmp_path / "mevis"
    shutil.copytree(roots["mevis"][0], full)
    path = full / "train" / "mask_dict.json"
    path.write_text(path.read_text()[:-50])
    with pytest.raises(DataError, match=r"mask_dict\.json is damaged or no mask dictionary at byte"):
        write_smaller("mevis", full, tmp_path / "out", workers=1, skip_bad=skip_bad, **SIDES)
    assert not (tmp_path / "out").exists()


def test_run_lengths_are_completed_when_the_original_is_mended(
    roots: dict[str, tuple[Path, Path]], tmp_path: Path
) -> None:
    full, out = tmp_path / "mevis", tmp_path / "out"
    name = spoilt_runs(full, roots["mevis"][0], lambda runs: runs[:-1])
    write_smaller("mevis", full, out, workers=1, skip_bad=True, **SIDES)
    shutil.copy(roots["mevis"][0] / "train" / "mask_dict.json", full / "train")
    write_smaller("mevis", full, out, workers=1, **SIDES)
    written, expected = (
        json.loads((root / "train" / "mask_dict.json").read_text()) for root in (out, roots["mevis"][1])
    )
    assert name in written and written == expected
