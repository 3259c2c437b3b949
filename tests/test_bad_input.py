"""Bad input on the command line: one line that says what is wrong, exit code 2, earlier output untouched."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from rvos_edu.cli import main
from rvos_edu.config import ExperimentConfig
from rvos_edu.data.video import VideoWriter
from rvos_edu.models import MTTR
from rvos_edu.presets import to_yaml
from tests.engine.conftest import text_encoder, tiny, tree, write_tree

__all__ = ["text_encoder", "tiny", "tree"]  # fixtures

SENTENCE = "the red square"
Run = Callable[..., str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command that must fail; its one line of error (progress bars end in a line of their own)."""

    def command(*arguments: object) -> str:
        assert main([str(argument) for argument in arguments]) == 2
        lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1 and "Traceback" not in lines[0]
        return lines[0].removeprefix("error: ")

    return command


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of three splits, frames, a video and a GIF."""
    folder = tmp_path_factory.mktemp("made")
    write_tree(folder / "data", {"train": 3, "valid": 2, "test": 2})
    frames = folder / "frames"
    shutil.copytree(folder / "data" / "test" / "JPEGImages" / "test000", frames)
    images = [Image.open(path).convert("RGB") for path in sorted(frames.iterdir())]
    images[0].save(folder / "clip.gif", save_all=True, append_images=images[1:])
    with VideoWriter(folder / "clip.mp4", fps=6, size=(32, 48)) as writer:
        for image in images * 4:
            writer.write(torch.tensor(list(image.tobytes()), dtype=torch.uint8).reshape(32, 48, 3).numpy())
    return folder


@pytest.fixture
def work(made: Path, tiny: ExperimentConfig, text_encoder: Path, tmp_path: Path) -> Path:
    """A folder of one's own with data, videos, a model and its settings."""
    work = tmp_path / "work"
    shutil.copytree(made, work)
    torch.manual_seed(0)
    MTTR(tiny.model, tokenizer=text_encoder).save_pretrained(work / "model")
    tiny.data.root = str(work / "data")
    tiny.train.steps, tiny.train.checkpoint_every = 1, 1
    (work / "config.yaml").write_text(to_yaml(tiny))
    return work


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_good_input_works(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the other tests spoil: every command of this file succeeds with good input."""
    for video in ("clip.mp4", "clip.gif", "frames"):
        line = ["segment", str(work / video), SENTENCE, "--model", str(work / "model")]
        assert main([*line, "--out", str(work / "out")]) == 0
    line = ["evaluate", "--model", str(work / "model"), "--data", "refer-youtube-vos"]
    assert main([*line, "--root", str(work / "data"), "--out", str(work / "scores")]) == 0
    assert main(["train", "--config", str(work / "config.yaml"), "--out", str(work / "run")]) == 0
    assert "Traceback" not in capsys.readouterr().err


def cut(name: str, size: int) -> Callable[[Path], object]:
    return lambda work: (work / name).write_bytes((work / name).read_bytes()[:size])


def other_size(work: Path) -> None:
    Image.new("RGB", (9, 9)).save(work / "frames" / "00010.jpg")


def emptied(work: Path) -> None:
    shutil.rmtree(work / "frames")
    (work / "frames").mkdir()


@pytest.mark.parametrize(
    ("video", "spoil", "part"),
    [
        ("gone.mp4", None, "does not exist"),
        ("clip.mp4", cut("clip.mp4", 0), "cannot be read as a video"),
        ("clip.mp4", cut("clip.mp4", 900), "damaged"),
        ("clip.gif", cut("clip.gif", 0), "cannot be read as a GIF"),
        ("clip.gif", cut("clip.gif", 1500), "cannot be read as a GIF"),
        ("config.yaml", None, "cannot be read as a video"),
        ("frames", emptied, "holds no frames"),
        ("frames", cut("frames/00010.jpg", 700), "00010.jpg cannot be read as an image"),
        ("frames", other_size, "frame 2 is 9x9"),
    ],
)
def test_videos(video: str, spoil: Callable[[Path], object] | None, part: str, work: Path, run: Run) -> None:
    line = ["segment", work / video, SENTENCE, "--model", work / "model", "--out", work / "out"]
    (work / "out").mkdir()
    (work / "out" / "votes.json").write_text("of yesterday")
    if spoil is not None:
        spoil(work)
    assert part in run(*line)
    assert snapshot(work / "out") == {"votes.json": b"of yesterday"}


@pytest.mark.parametrize(
    ("sentence", "part"), [("", "is empty"), (" \t", "is empty"), ("red " * 1000, "has 1000 words")]
)
def test_sentences(sentence: str, part: str, work: Path, run: Run) -> None:
    line = ["segment", work / "clip.mp4", sentence, "--model", work / "model", "--out", work / "out"]
    assert part in run(*line)
    assert not (work / "out").exists()


def test_a_sentence_in_letters_that_the_font_lacks_works(work: Path) -> None:
    line = ["segment", str(work / "frames"), "\N{CJK UNIFIED IDEOGRAPH-72AC} \N{GIRAFFE FACE}"]
    assert main([*line, "--model", str(work / "model"), "--out", str(work / "out")]) == 0


class Evil:
    """Pickled code: would make a file `ran`."""

    def __init__(self, where: Path) -> None:
        self.where = where

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.where),)


def another_architecture(model: Path) -> None:
    path = model / "config.json"
    path.write_text(path.read_text().replace('"queries": 5', '"queries": 6'))


def without_tokenizer(model: Path) -> None:
    for path in model.glob("tokenizer*"):
        path.unlink()


MODELS: list[tuple[Callable[[Path], object], str]] = [
    (lambda m: (m / "model.safetensors").write_bytes(b""), "damaged"),
    (cut("model.safetensors", 900), "damaged"),
    (lambda m: (m / "model.safetensors").write_bytes(pickle.dumps(Evil(m / "ran"))), "damaged"),
    (lambda m: (m / "model.safetensors").unlink(), "is missing"),
    (lambda m: (m / "config.json").write_text("{"), "not readable JSON"),
    (lambda m: (m / "config.json").unlink(), "expected a folder with config.json"),
    (lambda m: (m / "config.yaml").write_text("nmae: x"), "did you mean 'name'?"),
    (another_architecture, "queries.weight [5, 64] instead of [6, 64]"),
    (without_tokenizer, "has no tokenizer"),
]


@pytest.mark.parametrize(("spoil", "part"), MODELS)
def test_models(spoil: Callable[[Path], object], part: str, work: Path, run: Run) -> None:
    spoil(work / "model")
    segmenting = ["segment", work / "frames", SENTENCE, "--model", work / "model", "--out", work / "out"]
    assert part in run(*segmenting)
    assert not (work / "out").exists() and not (work / "model" / "ran").exists()


def edit(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    """Let `change` alter the first video of both splits."""

    def spoil(data: Path) -> None:
        for split in ("train", "test"):
            path = data / "meta_expressions" / split / "meta_expressions.json"
            content = json.loads(path.read_text())
            change(content["videos"])
            path.write_text(json.dumps(content))

    return spoil


def first(videos: dict[str, Any]) -> Any:
    return videos[min(videos)]


def each_file(kind: str, change: Callable[[Path], object]) -> Callable[[Path], object]:
    def spoil(data: Path) -> None:
        for split in ("train", "test"):
            for path in (data / split / kind).rglob("*.*g"):
                change(path)

    return spoil


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def no_json(data: Path) -> None:
    for path in (data / "meta_expressions").rglob("*.json"):
        path.write_text("{")


def long_sentences(videos: dict[str, Any]) -> None:
    for video in videos.values():
        for expression in video["expressions"].values():
            expression["exp"] = "red " * 1000


DATA: list[tuple[Callable[[Path], object], str]] = [
    (shutil.rmtree, "does not exist"),
    (lambda d: [shutil.rmtree(p) for p in d.iterdir()], "holds no sentences"),
    (no_json, "cannot be read as JSON"),
    (edit(lambda videos: videos.clear()), "leaves no videos"),
    (edit(lambda videos: first(videos)["frames"].append("99999")), "99999.jpg is missing"),
    (edit(lambda videos: first(videos).update(frames=[])), "has no list of frames"),
    (edit(lambda videos: videos.update({"../../up": first(videos)})), "the video id is '../../up'"),
    (edit(lambda videos: first(videos)["frames"].append("../up")), "is '../up', expected a plain name"),
    (edit(lambda videos: first(videos)["expressions"]["0"].update(exp=" ")), "is empty"),
    (edit(long_sentences), "has 1000 words"),
    (each_file("JPEGImages", halve), "cannot be read as an image"),
    (each_file("Annotations", halve), "cannot be read as an image"),
    (each_file("Annotations", lambda p: Image.open(p).resize((9, 7)).save(p)), "is 7x9"),
]


@pytest.mark.parametrize(("spoil", "part"), DATA)
def test_datasets(spoil: Callable[[Path], object], part: str, work: Path, run: Run) -> None:
    """Evaluation and training refuse; neither an earlier evaluation nor an earlier checkpoint is touched."""
    spoil(work / "data")
    scores = work / "scores"
    scores.mkdir()
    (scores / "evaluation.json").write_text("of yesterday")
    evaluating = ["evaluate", "--model", work / "model", "--data", "refer-youtube-vos"]
    assert part in run(*evaluating, "--root", work / "data", "--out", scores)
    assert snapshot(scores) == {"evaluation.json": b"of yesterday"}
    assert part in run("train", "--config", work / "config.yaml", "--out", work / "run")
    assert not (work / "run" / "checkpoints").exists() and not (work / "run" / "model").exists()


def test_a_damaged_frame_found_by_a_worker_process(work: Path, run: Run) -> None:
    each_file("JPEGImages", halve)(work / "data")
    error = run("train", "--config", work / "config.yaml", "--out", work / "run", "--train.workers", "1")
    assert error.startswith(str(work / "data")) and "cannot be read as an image" in error


@pytest.mark.parametrize("command", ["segment", "evaluate", "train", "demo"])
def test_other_peoples_folders(command: str, work: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found out before the work is done, not after."""
    lines: dict[str, list[object]] = {
        "segment": ["segment", work / "frames", SENTENCE, "--model", work / "model"],
        "evaluate": ["evaluate", "--data", "refer-youtube-vos", "--root", work / "data"],
        "train": ["train", "--config", work / "config.yaml"],
        "demo": ["demo"],
    }
    monkeypatch.setattr("rvos_edu.engine.inference.predict", None)
    assert "config.yaml is a file" in run(*lines[command], "--out", work / "config.yaml")
    if command != "train":  # a run adds its own files
        before = snapshot(work / "frames")
        assert "frames holds other files" in run(*lines[command], "--out", work / "frames")
        assert snapshot(work / "frames") == before


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--split", "tset"], "unknown split 'tset'"),
        (["--limit", "0"], "limit must be at least 1"),
        (["--batch-size", "-1"], "batch_size must be at least 1"),
        (["--seeds", "-5"], "seeds must be 0 or more, got [-5]"),
        (["--seeds", "1", "2"], "several seeds need moving-shapes"),
        (["--data", "refer-youtube-vox"], "did you mean 'refer-youtube-vos'?"),
        (["--level", "9"], "unknown level '9'"),
    ],
)
def test_options_of_evaluate(arguments: list[str], part: str, work: Path, run: Run) -> None:
    line = ["evaluate", "--model", work / "model", "--out", work / "scores"]
    if arguments[0] != "--level":
        line += ["--data", "refer-youtube-vos", "--root", work / "data"]
    assert part in run(*line, *arguments)
    assert not (work / "scores").exists()


def test_a_damaged_checkpoint_is_not_resumed(work: Path, run: Run) -> None:
    out = work / "run"
    assert main(["train", "--config", str(work / "config.yaml"), "--out", str(out)]) == 0
    assert "already holds a run" in run("train", "--config", work / "config.yaml", "--out", out)
    assert "model.queries was 5, is 7" in run("train", "--resume", "--out", out, "--model.queries", "7")
    held = out / "checkpoints" / "step-00000001" / "trainer.pt"
    torch.save({"optimizer": Evil(work / "ran")}, held)
    before = snapshot(out)
    assert "trainer.pt has changed" in run("train", "--resume", "--out", out)
    assert snapshot(out) == before and not (work / "ran").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk(work: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fills up while the masks are written: the earlier result stays, nothing half-written does."""
    out = work / "out"
    line = ["segment", work / "frames", SENTENCE, "--model", work / "model", "--out", out]
    assert main([str(argument) for argument in line]) == 0
    before = snapshot(out)

    def save(image: Image.Image, path: object, **options: object) -> None:
        Path("/dev/full").write_bytes(image.tobytes())

    monkeypatch.setattr(Image.Image, "save", save)
    assert "disk is full" in run(*line)
    assert snapshot(out) == before and not list(work.glob(".tmp-*"))


def odd_data(data: Path) -> None:
    """One frame, 1x1 and 33x57 pixels, one object, an object never visible, grey and transparent frames."""
    for split in ("train", "test"):
        path = data / "meta_expressions" / split / "meta_expressions.json"
        videos = json.loads(path.read_text())["videos"]
        names = sorted(videos)
        videos[names[0]]["frames"] = videos[names[0]]["frames"][:1]
        videos[names[0]]["expressions"] = {"0": {"exp": "the red square", "obj_id": "1"}}
        videos[names[1]]["expressions"]["9"] = {"exp": "the green square", "obj_id": "9"}
        path.write_text(json.dumps({"videos": videos}))
        for name, size in ((names[0], (57, 33)), (names[1], (1, 1))):
            for frame in (data / split / "JPEGImages" / name).iterdir():
                Image.new("L", size, 90).save(frame)
            for mask in (data / split / "Annotations" / name).iterdir():
                Image.new("L", size, 1).save(mask)


def test_odd_but_valid_data(work: Path) -> None:
    odd_data(work / "data")
    assert main(["train", "--config", str(work / "config.yaml"), "--out", str(work / "run")]) == 0
    line = ["evaluate", "--model", str(work / "run"), "--data", "refer-youtube-vos"]
    assert main([*line, "--root", str(work / "data"), "--out", str(work / "scores")]) == 0
    scores = [json.loads(text) for text in (work / "scores" / "expressions.jsonl").read_text().splitlines()]
    assert {score["expression"] for score in scores} >= {"the red square", "the green square"}
    assert all(0 <= score["j"] <= 1 and 0 <= score["f"] <= 1 for score in scores)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P"])
@pytest.mark.parametrize("size", [(1, 1), (57, 33)])
def test_odd_but_valid_videos(mode: str, size: tuple[int, int], work: Path) -> None:
    """One frame that is grey, transparent or has a palette."""
    Image.new(mode, size).save(work / "one.png")
    line = ["segment", str(work / "one.png"), SENTENCE, "--model", str(work / "model")]
    assert main([*line, "--out", str(work / "out")]) == 0
    with Image.open(work / "out" / "masks" / "00000.png") as mask:
        assert mask.size == size
