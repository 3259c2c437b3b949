"""The command line: what each command calls, and how errors look; what they then do is tested elsewhere."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rvos_edu import __version__
from rvos_edu.cli import main
from rvos_edu.errors import CheckpointError
from rvos_edu.presets import load_config, to_yaml

COMMANDS = [["demo"], ["doctor"], ["data", "make"], ["data", "check"], ["train"], ["evaluate"], ["segment"]]


class Calls:
    """Stands in for the function that a command calls; checks the call against the real signature."""

    def __init__(self, real: Any, answer: Any = None, error: BaseException | None = None) -> None:
        self.signature, self.answer, self.error = inspect.signature(real), answer, error
        self.arguments: dict[str, Any] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.arguments = dict(self.signature.bind(*args, **kwargs).arguments)
        if self.error is not None:
            raise self.error
        return self.answer


def _replace(monkeypatch: pytest.MonkeyPatch, module: str, name: str, **kwargs: Any) -> Calls:
    home = importlib.import_module(module)
    calls = Calls(getattr(home, name), **kwargs)
    monkeypatch.setattr(home, name, calls)
    return calls


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([*command, "--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0 and f"examples:\n  rvos-edu {' '.join(command)}" in text


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0 and capsys.readouterr().out == f"rvos-edu {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ([], "COMMAND"),
        (["trian"], "'trian'"),
        (["data"], "make|check"),
        (["evaluate", "--modell", "x"], "--modell"),
        (["evaluate", "--limit", "few"], "'few'"),
        (["segment", "clip.mp4"], "sentence"),
        (["data", "make"], "--root"),
        (["data", "make", "mevis", "--root", "x", "--train", "few"], "'few'"),
    ],
)
def test_wrong_arguments_give_one_line(
    arguments: list[str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    error = capsys.readouterr().err
    assert stop.value.code == 2 and error.startswith("error: ") and part in error and error.count("\n") == 1


def test_train_reads_the_preset_and_its_overrides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    train = _replace(monkeypatch, "rvos_edu.engine.train", "train", answer=tmp_path)
    line = ["train", "--optimizer.lr", "3e-4", "--config", "nano-mttr", "--data.window=4"]
    line += ["--out", str(tmp_path), "--data.annotated_frames", "2", "--train.steps", "7"]
    assert main(line) == 0
    overrides = ["--optimizer.lr=3e-4", "--data.window=4", "--data.annotated_frames=2", "--train.steps=7"]
    assert train.arguments["config"] == load_config("nano-mttr", overrides)
    assert (train.arguments["out"], train.arguments["resume"]) == (tmp_path, False)


def test_train_has_a_default_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    train = _replace(monkeypatch, "rvos_edu.engine.train", "train")
    assert main(["train", "--config", "nano-mttr-level1"]) == 0
    assert train.arguments["out"] == Path("runs/nano-mttr-level1")


def test_a_resumed_run_has_its_own_config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    train = _replace(monkeypatch, "rvos_edu.engine.train", "train")
    config = load_config("nano-mttr", ["--optimizer.lr", "0.123"])
    (tmp_path / "config.yaml").write_text(to_yaml(config), encoding="utf-8")
    assert main(["train", "--resume", "--out", str(tmp_path)]) == 0
    assert train.arguments["config"] == config and train.arguments["resume"] is True


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--config", "nano_mttr"], "did you mean 'nano-mttr'?"),
        (["--config", "nano-mttr", "--optimizer.lrr", "1"], "did you mean 'optimizer.lr'?"),
        (["--config", "nano-mttr", "--optimizer.lr", "fast"], "optimizer.lr must be a number, got 'fast'"),
        (["--config", "nano-mttr", "--optimizer.lr", "-1e-4"], "optimizer.lr must be a finite number"),
        (["--config", "nano-mttr", "--resum"], "--resum needs a value"),
        (["--config", "gone.yaml"], "gone.yaml does not exist"),
        (["--out", "somewhere"], "--config NAME|FILE"),
        (["--resume"], "--resume --out FOLDER"),
        (["--resume", "--out", "gone"], "does not exist"),
    ],
)
def test_a_wrong_config_gives_one_line(
    arguments: list[str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and part in error and error.count("\n") == 1


def test_an_interrupted_training_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _replace(monkeypatch, "rvos_edu.engine.train", "train", error=KeyboardInterrupt())
    assert main(["train", "--config", "nano-mttr", "--out", "runs/mine"]) == 130
    assert "`rvos-edu train --resume --out runs/mine` goes on" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error",
    [CheckpointError("two\nlines"), FileNotFoundError(2, "No such file", "x.mp4"), PermissionError("no")],
)
def test_errors_of_users_and_of_the_system_have_no_traceback(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _replace(monkeypatch, "rvos_edu.engine.evaluate", "run", error=error)
    assert main(["evaluate"]) == 2
    assert capsys.readouterr().err == f"error: {' '.join(str(error).split())}\n"


def test_a_mistake_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    _replace(monkeypatch, "rvos_edu.engine.evaluate", "run", error=IndexError("ours"))
    with pytest.raises(IndexError):
        main(["evaluate"])


def test_evaluate_passes_its_options_on(monkeypatch: pytest.MonkeyPatch) -> None:
    run = _replace(monkeypatch, "rvos_edu.engine.evaluate", "run")
    line = ["evaluate", "--model", "m", "--seeds", "101", "102", "--limit", "5", "--no-swap-sentences"]
    assert main(line) == 0
    given = {"model": "m", "seeds": [101, 102], "limit": 5, "swap_sentences": False}
    default = {"data": "moving-shapes", "split": "test", "level": None, "shuffle_frames": None}
    assert {**given, **default}.items() <= run.arguments.items()


@pytest.mark.parametrize(
    ("flags", "threshold", "wanted"),
    [([], None, None), (["--align-threshold", "0.9"], 0.9, None), (["--no-alignment"], None, False)],
)
def test_segment_and_evaluate_pass_the_settings_of_1a_on(
    flags: list[str], threshold: float | None, wanted: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = SimpleNamespace(masks=SimpleNamespace(shape=(3, 4, 5)), query=2, expression="x", aligned=None)
    run = _replace(monkeypatch, "rvos_edu.engine.segment", "segment", answer=answer)
    assert main(["segment", "clip.mp4", "x", "--model", "nano-r2vos", *flags]) == 0
    assert (run.arguments["align_threshold"], run.arguments["align_filter"]) == (threshold, wanted)
    run = _replace(monkeypatch, "rvos_edu.engine.evaluate", "run")
    assert main(["evaluate", "--model", "nano-r2vos", *flags]) == 0
    assert (run.arguments["align_threshold"], run.arguments["align_filter"]) == (threshold, wanted)


@pytest.mark.parametrize(("flags", "voting"), [([], None), (["--no-voting"], False)])
def test_segment_passes_its_options_on(
    flags: list[str], voting: bool | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = SimpleNamespace(shape=(3, 4, 5))
    answer = SimpleNamespace(masks=masks, query=2, expression="a star", aligned=None)
    run = _replace(monkeypatch, "rvos_edu.engine.segment", "segment", answer=answer)
    assert main(["segment", "some/clip.mp4", "a star", *flags]) == 0
    assert (run.arguments["frames"], run.arguments["expression"]) == ("some/clip.mp4", "a star")
    assert (run.arguments["model"], run.arguments["voting"]) == ("nano-mttr", voting)
    assert run.arguments["out"] == Path("runs/segment-clip")
    printed = capsys.readouterr().out
    assert "3 frames of 4x5, query 2" in printed and "does not match" not in printed


def test_segment_says_that_a_sentence_was_rejected(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = SimpleNamespace(
        masks=SimpleNamespace(shape=(3, 4, 5)), query=2, expression="x", aligned=False, mismatch=0.931,
        rejected=True,
    )  # fmt: skip
    _replace(monkeypatch, "rvos_edu.engine.segment", "segment", answer=answer)
    assert main(["segment", "clip.mp4", "x", "--model", "nano-r2vos"]) == 0
    assert "sentence rejected: p(does not match) 0.93, all masks are empty\n" in capsys.readouterr().out


def test_data_make_makes_a_dataset_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "shapes"
    line = ["data", "make", "--root", str(root), "--level", "1", "--workers", "1"]
    line += ["--train", "1", "--valid", "1", "--test", "0"]
    assert main(line) == 0
    assert f"written: {root}" in capsys.readouterr().out
    assert (root / "meta_expressions" / "train" / "meta_expressions.json").is_file()
    assert main(line) == 2
    assert "not empty" in capsys.readouterr().err


@pytest.mark.parametrize(("ok", "code"), [(True, 0), (False, 1)])
def test_data_check_tells_by_its_exit_code(
    ok: bool, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    importlib.import_module("rvos_edu.data.check")
    home = sys.modules["rvos_edu.data.check"]

    class Report(SimpleNamespace):
        def __str__(self) -> str:
            return "the table"

    calls = Calls(home.check, answer=Report(ok=ok))
    monkeypatch.setattr(home, "check", calls)
    assert main(["data", "check", "refer-youtube-vos", "--root", "r"]) == code
    assert (calls.arguments["name"], calls.arguments["root"]) == ("refer-youtube-vos", "r")
    assert "the table" in capsys.readouterr().out


def test_doctor_returns_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    run = _replace(monkeypatch, "rvos_edu.doctor", "run", answer=1)
    assert main(["doctor", "--no-self-test"]) == 1
    assert run.arguments == {"self_test": False}


def test_the_module_runs_as_accelerate_and_torchrun_start_it() -> None:
    line = [sys.executable, "-m", "rvos_edu.cli", "train", "--config", "nano-mtr"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("error: unknown preset 'nano-mtr' (did you mean 'nano-mttr'?)")
    assert done.stderr.count("\n") == 1
