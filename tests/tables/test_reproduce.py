"""Rows that run, that are kept, that go on, that are not run; bad input; the files that are written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rvos_edu.cli import main
from rvos_edu.config import AnyExperiment, R2VOSExperimentConfig
from rvos_edu.data import make_pairs
from rvos_edu.data.moving_shapes import make
from rvos_edu.data.r2_pairs import pairs_file, write_pairs
from rvos_edu.errors import ConfigError, DataError
from rvos_edu.presets import load_config, to_yaml
from rvos_edu.tables import models
from rvos_edu.tables import reproduce as module
from rvos_edu.tables.paper import find_table
from rvos_edu.tables.plan import Options, model_key, plan
from rvos_edu.tables.render import as_json, markdown, text
from rvos_edu.tables.reproduce import reproduce
from tests.engine.conftest import write_tree
from tests.tiny import tiny_config, tiny_model


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("data") / "shapes", level="1", train=8, valid=2, test=2, workers=1)


class Engine:
    """Stands in for training, evaluation and other layouts of data: counts, and fails where told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.trained: list[tuple[str, bool]] = []
        self.evaluated: list[dict[str, Any]] = []
        self.errors: dict[str, BaseException] = {}
        self.notes: list[str] = []
        self.figures = {"images.overall_iou": 60.0, "images.mean_iou": 50.0, "overall.jf": 40.0}
        monkeypatch.setattr(module, "train", self.train)
        monkeypatch.setattr(module, "evaluate", self.evaluate)
        monkeypatch.setattr(module, "stand_in", lambda data, **given: given["out"] / "data" / data)

    def train(self, config: AnyExperiment, *, out: Path, resume: bool) -> Path:
        self.trained.append((out.name, resume))
        checkpoint = out / "checkpoints" / "step-00000001"
        checkpoint.mkdir(parents=True, exist_ok=True)
        (checkpoint / "state.json").write_text("{}")
        (out / "config.yaml").write_text(to_yaml(config))
        if out.name in self.errors:
            raise self.errors.pop(out.name)
        return out / "model"

    def evaluate(self, model: str, **given: Any) -> None:
        self.evaluated.append({"model": model, **given})
        if Path(model).name in self.errors:
            raise self.errors.pop(Path(model).name)
        folder = Path(given["out"])
        folder.mkdir(parents=True, exist_ok=True)
        figures = {name: {"mean": value} for name, value in self.figures.items()}
        content = {"figures": figures, "clips": [3], "notes": self.notes}
        (folder / "evaluation.json").write_text(json.dumps(content))


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    return Engine(monkeypatch)


def shapes_options(tmp_path: Path, **changes: Any) -> Options:
    return Options(**{"data": "moving-shapes", "out": tmp_path / "out", "steps": 2, **changes})


def test_a_whole_run(shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two steps of one row, from the shipped parts; the second call reads what the first has written."""
    line = ["table", "mttr-d1", "--root", str(shapes), "--steps", "2", "--limit", "2", "--only", "N_q=10"]
    line += ["--workers", "0", "--out", str(tmp_path / "out")]
    assert main(line) == 0
    printed = capsys.readouterr().out
    assert "N_q=10: done: nano-mttr-level1, 2 clips" in printed
    assert "N_q=300: not run: not asked for (--only)" in printed
    content = json.loads((tmp_path / "out" / "mttr-d1.json").read_text())
    first, second = content["rows"][:2]
    measured = first["measured"]["iou_mean"]
    assert 0 <= measured <= 100 and first["difference"]["iou_mean"] == pytest.approx(measured - 61.0)
    assert (second["status"], second["measured"]["mAP"], second["paper"]["mAP"]) == ("not run", None, 44.0)
    config = (tmp_path / "out" / "models" / "nano-mttr-level1" / "config.yaml").read_text()
    assert "queries: 10" in config and "temporal_encoder: nano-video-swin" in config
    stamp = (tmp_path / "out" / "models" / "nano-mttr-level1" / "metrics.jsonl").stat().st_mtime_ns
    assert main(line) == 0
    assert (tmp_path / "out" / "models" / "nano-mttr-level1" / "metrics.jsonl").stat().st_mtime_ns == stamp
    assert json.loads((tmp_path / "out" / "mttr-d1.json").read_text()) == content
    assert (tmp_path / "out" / "mttr-d1.png").read_bytes().startswith(b"\x89PNG")
    assert "| N_q=10 | 70.1 |" in (tmp_path / "out" / "mttr-d1.md").read_text()


def test_it_goes_on_where_it_was_stopped(engine: Engine, tmp_path: Path) -> None:
    table, options = find_table("mttr-d1"), shapes_options(tmp_path)
    engine.errors["nano-mttr-level1-queries-100"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        reproduce(table, options)
    first = ["nano-mttr-level1", "nano-mttr-level1-queries-50", "nano-mttr-level1-queries-100"]
    assert engine.trained == [(name, False) for name in first]
    assert len(engine.evaluated) == 2
    engine.trained.clear()
    outcomes = reproduce(table, options)
    assert engine.trained[0] == ("nano-mttr-level1-queries-100", True)  # from its checkpoint
    assert [name for name, _ in engine.trained[1:]] == [f"nano-mttr-level1-queries-{n}" for n in (200, 300)]
    assert len(engine.evaluated) == 5 and {o.status for o in outcomes} == {"done"}
    assert outcomes[0].measured == {"iou_overall": 60.0, "iou_mean": 50.0, "mAP": None}
    assert (
        outcomes[0].difference("iou_mean") == pytest.approx(-11.0) and outcomes[0].difference("mAP") is None
    )
    reproduce(table, options)
    assert len(engine.evaluated) == 5


def test_an_evaluation_that_was_stopped_trains_nothing_again(engine: Engine, tmp_path: Path) -> None:
    table, options = find_table("mttr-d1"), shapes_options(tmp_path)

    def stop(model: str, **given: Any) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "evaluate", stop)
        with pytest.raises(KeyboardInterrupt):
            reproduce(table, options, only=["N_q=10"])
    assert len(engine.trained) == 1
    assert reproduce(table, options, only=["N_q=10"])[0].status == "done"
    assert len(engine.trained) == 1


def test_a_row_that_fails_does_not_stop_the_others(
    engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.errors["nano-mttr-level1"] = DataError("frame 3\nis damaged")
    line = ["table", "mttr-d1", "--steps", "2", "--out", str(tmp_path / "out")]
    assert main(line) == 1
    printed = capsys.readouterr().out
    assert "N_q=10: failed: frame 3 is damaged" in printed and "N_q=50: done" in printed
    assert main(line) == 0  # tried again, the others are kept
    assert len(engine.evaluated) == 5


def test_equal_models_are_trained_once(engine: Engine, tmp_path: Path) -> None:
    options = shapes_options(tmp_path)
    reproduce(find_table("mttr-a2d"), options)
    assert [name for name, _ in engine.trained] == ["nano-mttr-level1", "nano-mttr-level1-window-6"]
    outcomes = reproduce(find_table("mttr-jhmdb"), options)  # evaluates the models of A2D-Sentences
    assert len(engine.trained) == 2
    assert [o.status for o in outcomes] == ["not run", "done", "not run"]
    assert outcomes[0].why == "videos of Moving Shapes have 8 frames"
    assert outcomes[2].why == "another paper's model"
    assert model_key("mttr-a2d-w6", {"model.queries": 50}) == "mttr-a2d-w6"
    assert model_key("r2vos-ref-ytvos", {"model.filters": 2}) == "r2vos-ref-ytvos-filters-2"


def test_shipped_models_are_evaluated_on_false_sentences(engine: Engine, tmp_path: Path) -> None:
    engine.figures = {
        "overall.j": 50.0,
        "overall.f": 60.0,
        "robust.random.r": 40.0,
        "robust.random.jfr": 50.0,
    }
    outcomes = reproduce(find_table("r2vos-c"), shapes_options(tmp_path, limit=3))
    assert not engine.trained
    assert [given["model"] for given in engine.evaluated] == ["nano-mttr", "nano-r2vos"]
    assert all(g["false_sentences"] and g["level"] == "full" and g["limit"] == 3 for g in engine.evaluated)
    assert outcomes[2].measured == {"JFR": 50.0, "J": 50.0, "F": 60.0, "R": 40.0}
    assert [o.status for o in outcomes] == ["not run", "not run", "done", "not run", "done"]


def test_what_sets_the_data_apart_stands_with_the_row(engine: Engine, datasets: Path, tmp_path: Path) -> None:
    engine.notes = ["rebuilt pairs, seed 0"]
    table = find_table("r2vos-c")
    options = shapes_options(tmp_path)
    outcomes = reproduce(table, options)
    assert [list(outcome.notes) for outcome in outcomes] == [[], [], engine.notes, [], engine.notes]
    line = "MTTR Video-Swin-T: measured on rebuilt pairs, seed 0"
    assert line in text(table, outcomes, options).splitlines()
    assert f"- {line}" in markdown(table, outcomes, options).splitlines()
    assert json.loads(as_json(table, outcomes, options))["rows"][2]["notes"] == engine.notes
    real = real_options(tmp_path, datasets)
    head = text(table, outcomes, real).splitlines()[2]
    assert head.startswith("Measured: R2-Youtube-VOS valid, rebuilt pairs, seed 0; ")


def test_results_of_other_options_are_not_mixed(engine: Engine, tmp_path: Path) -> None:
    table = find_table("mttr-d1")
    reproduce(table, shapes_options(tmp_path), only=["N_q=10"])
    with pytest.raises(ConfigError, match=r"options \(train\.steps was 2, is 5\): choose"):
        reproduce(table, shapes_options(tmp_path, steps=5))
    with pytest.raises(ConfigError, match="limit was None, is 9"):
        reproduce(table, shapes_options(tmp_path, limit=9))
    (outcome, *_) = reproduce(find_table("mttr-ref-ytvos"), shapes_options(tmp_path, steps=5), only=["URVOS"])
    assert outcome.status == "not run"
    other = reproduce(find_table("mttr-ref-ytvos"), shapes_options(tmp_path, steps=5))[1]  # the same model
    assert other.status == "failed" and "trained with other options (train.steps was 2, is 5)" in other.why


def test_what_decides_no_figure_may_change(engine: Engine, tmp_path: Path) -> None:
    """More workers, other places of the data: what is finished is read, what was stopped goes on."""
    table, folder = find_table("mttr-d1"), tmp_path / "shapes"
    folder.mkdir()
    engine.errors["nano-mttr-level1-queries-50"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        reproduce(table, shapes_options(tmp_path))
    outcomes = reproduce(table, shapes_options(tmp_path, workers=3, root=folder), only=["N_q=50"])
    assert [outcome.status for outcome in outcomes] == ["done", "done", *["not run"] * 3]
    names = ["nano-mttr-level1", "nano-mttr-level1-queries-50"]
    assert engine.trained == [(names[0], False), (names[1], False), (names[1], True)]


def test_rows_that_are_not_asked_for_stop_nothing(engine: Engine, tmp_path: Path) -> None:
    table = find_table("mttr-d1")
    reproduce(table, shapes_options(tmp_path), only=["N_q=10"])
    first, second, *_ = reproduce(table, shapes_options(tmp_path, limit=9), only=["N_q=50"])
    assert (first.status, second.status) == ("not run", "done") and not first.measured
    assert first.why == "not asked for (--only), made with other options (limit was None, is 9)"


def test_a_row_that_cannot_be_run_now_is_not_shown_with_other_data(
    engine: Engine, datasets: Path, tmp_path: Path
) -> None:
    table = find_table("mttr-ref-ytvos")
    reproduce(table, shapes_options(tmp_path))
    with pytest.raises(ConfigError, match="data was 'moving-shapes', is 'refer-youtube-vos'"):
        reproduce(table, real_options(tmp_path, datasets))


def test_damaged_results_are_named(engine: Engine, tmp_path: Path) -> None:
    table, options = find_table("mttr-d1"), shapes_options(tmp_path)
    reproduce(table, options, only=["N_q=10"])
    folder = options.out / "mttr-d1" / "N_q-10"
    (folder / "evaluation" / "evaluation.json").write_text("{")
    with pytest.raises(ConfigError, match=r"evaluation\.json is missing or damaged.*delete"):
        reproduce(table, options)
    (folder / "result.json").write_text("{")
    with pytest.raises(ConfigError, match=r"result\.json is damaged.*delete"):
        reproduce(table, options)


@pytest.fixture
def datasets(tmp_path: Path) -> Path:
    write_tree(tmp_path / "datasets" / "refer_youtube_vos", {"train": 2, "valid": 2})
    return tmp_path / "datasets"


def real_options(tmp_path: Path, root: Path, **changes: Any) -> Options:
    return Options(**{"data": "real", "out": tmp_path / "out", "root": root, **changes})


def test_an_exported_checkpoint_needs_no_training(
    datasets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Evaluated for real: tiny weights under the name of the published ones, on a tiny Refer-YouTube-VOS."""
    tiny_model().save_pretrained(tmp_path / "models" / "mttr-ref-ytvos-w12")
    preset = load_config("mttr-ref-ytvos-w12")
    monkeypatch.setattr(models, "load_config", lambda name: replace(preset, model=tiny_config()))
    options = real_options(tmp_path, datasets, models=tmp_path / "models")
    outcomes = reproduce(find_table("mttr-ref-ytvos"), options, only=["MTTR window 12"])
    assert outcomes[0].status == "done" and outcomes[0].clips == 2
    jf, j, f = (outcomes[0].measured[name] for name in ("JF", "J", "F"))
    assert jf is not None and j is not None and f is not None and jf == pytest.approx((j + f) / 2)
    assert not (options.out / "models").exists()


def test_hidden_masks_leave_a_submission(
    datasets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, root = find_table("mttr-ref-ytvos"), datasets / "refer_youtube_vos"
    (root / "valid" / "Annotations").rename(tmp_path / "hidden")
    tiny_model().save_pretrained(tmp_path / "models" / "mttr-ref-ytvos-w12")
    preset = load_config("mttr-ref-ytvos-w12")
    monkeypatch.setattr(models, "load_config", lambda name: replace(preset, model=tiny_config()))
    options = real_options(tmp_path, datasets, models=tmp_path / "models")
    for _ in range(2):  # made, then read
        outcomes = reproduce(table, options, only=["MTTR window 12"])
        archive = options.out / "mttr-ref-ytvos" / "MTTR-window-12" / "evaluation" / "submission.zip"
        assert archive.is_file() and outcomes[0].measured == {"JF": None, "J": None, "F": None}
        line = f"MTTR window 12: not measured here: submission at {archive}, hand it in"
        assert line in text(table, outcomes, options).splitlines()
    limited = replace(options, limit=1, out=tmp_path / "limited")
    why = next(o.why for o in reproduce(table, limited, only=["MTTR window 12"]) if o.why)
    assert "submission.zip, NOT to be handed in: " in why


def test_r_is_measured_where_masks_are_hidden(
    datasets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R needs no masks: it compares areas for sentences that fit with those for sentences that do not."""
    table, root = find_table("r2vos-c"), datasets / "refer_youtube_vos"
    tiny_model().save_pretrained(tmp_path / "models" / "mttr-ref-ytvos-w12")
    preset = load_config("mttr-ref-ytvos-w12")
    monkeypatch.setattr(models, "load_config", lambda name: replace(preset, model=tiny_config()))
    options = real_options(tmp_path, datasets, models=tmp_path / "models")
    write_pairs(pairs_file(root, "valid"), make_pairs(root, "valid"))
    (root / "valid" / "Annotations").rename(tmp_path / "hidden")
    for _ in range(2):  # made, then read
        outcomes = reproduce(table, options, only=["MTTR Video-Swin-T"])
        row = next(outcome for outcome in outcomes if outcome.row.name == "MTTR Video-Swin-T")
        archive = options.out / "r2vos-c" / "MTTR-Video-Swin-T" / "evaluation" / "submission.zip"
        facts = json.loads((archive.parent / "evaluation.json").read_text())["figures"]
        r = facts["robust.random.r"]["mean"]
        assert row.measured == {"JFR": None, "J": None, "F": None, "R": r}
        assert row.difference("R") == pytest.approx(r - 5.9)
        what = f"not measured here: J&F&R, J, F; submission at {archive}, hand it in"
        lines = text(table, outcomes, options).splitlines()
        assert archive.is_file() and f"MTTR Video-Swin-T: {what}" in lines
        assert any(line.split()[:2] == ["MTTR", "Video-Swin-T"] and f"{r:.1f}" in line for line in lines)


def test_the_filter_of_a_submission_is_that_of_the_table(engine: Engine, tmp_path: Path) -> None:
    engine.figures = {"overall.jf": 40.0, "robust.random.r": 70.0}
    for name in ("r2vos-c", "r2vos-ref-ytvos"):
        reproduce(find_table(name), shapes_options(tmp_path))
    filters = {
        (Path(given["out"]).parts[-3], given["model"]): given["align_filter"] for given in engine.evaluated
    }
    assert filters["r2vos-c", "nano-mttr"] is None
    assert filters["r2vos-c", "nano-r2vos"] is False
    assert [f for (table, _), f in filters.items() if table == "r2vos-ref-ytvos"] == [True]


def test_another_model_of_the_name_is_no_row(engine: Engine, datasets: Path, tmp_path: Path) -> None:
    tiny_model().save_pretrained(tmp_path / "models" / "mttr-ref-ytvos-w12")
    options = real_options(tmp_path, datasets, models=tmp_path / "models")
    (outcome, *_) = reproduce(find_table("mttr-ref-ytvos"), options)
    assert outcome.status == "not run" and not engine.evaluated
    assert outcome.why.startswith(f"{tmp_path / 'models' / 'mttr-ref-ytvos-w12'} differs from mttr-ref-ytvos")
    assert "model.d_model: 64, not 256" in outcome.why


def test_real_rows_that_are_not_run_say_what_is_missing(
    engine: Engine, datasets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.chdir(tmp_path)
    options = real_options(tmp_path, datasets)
    twelve, eight, urvos, _ = reproduce(find_table("mttr-ref-ytvos"), options)
    assert twelve.why.startswith(
        "needs swin_tiny_patch244_window877_kinetics400_1k.pth, here or in the folder"
    )
    assert urvos.why == "another paper's model"
    (tmp_path / "swin_tiny_patch244_window877_kinetics400_1k.pth").touch()
    twelve, eight, *_ = reproduce(find_table("mttr-ref-ytvos"), options)
    assert twelve.why.startswith("needs a GPU to train, about 180 GPU hours (45 h x 4 A6000")
    pairs = reproduce(find_table("r2vos-c"), options)
    assert "make_r2_youtube_vos.py" in pairs[1].why
    images = reproduce(find_table("r2vos-b"), options)
    assert images[0].why == (
        f"needs RefCOCO as {datasets / 'coco'}, the folder that holds refcoco/, refcoco+/, refcocog/ and "
        "the images"
    )
    (datasets / "refer_youtube_vos" / "valid" / "Annotations").rename(tmp_path / "hidden")
    hidden = reproduce(find_table("mttr-ref-ytvos"), options)[0].why
    server = "the masks of valid are not public: a submission will be written, its server has them"
    assert hidden == f"{twelve.why}; {server}"
    assert not engine.trained and not engine.evaluated


def test_a_trial_of_a_real_row_has_the_batch_of_all_processes(
    engine: Engine, datasets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "swin_tiny_patch244_window877_kinetics400_1k.pth").touch()
    (datasets / "refcoco").mkdir()
    options = real_options(tmp_path, datasets, steps=3)
    for name in ("refcoco", "coco"):  # the latter first, where both are
        (datasets / name).mkdir(exist_ok=True)
        images = plan(find_table("r2vos-b"), find_table("r2vos-b").rows[0], options).config
        assert isinstance(images, R2VOSExperimentConfig)
        assert images.pretrain.root == str(datasets / name)
    config = plan(find_table("mttr-ref-ytvos"), find_table("mttr-ref-ytvos").rows[0], options).config
    assert config is not None
    assert (config.train.steps, config.train.batch_size * config.train.accumulate) == (3, 4)
    assert config.data.root == str(datasets / "refer_youtube_vos")
    other = plan(find_table("r2vos-b"), find_table("r2vos-b").rows[0], options).config
    assert isinstance(other, R2VOSExperimentConfig)
    assert (other.train.batch_size, other.train.accumulate, other.train.steps) == (8, 1, 3)
    assert (other.pretrain.batch_size, other.pretrain.steps) == (16, 3)  # 8 processes x 2 images
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    options = real_options(tmp_path, datasets)
    whole = plan(find_table("r2vos-b"), find_table("r2vos-b").rows[0], options).config
    assert isinstance(whole, R2VOSExperimentConfig)
    assert (whole.pretrain.batch_size, whole.pretrain.steps, whole.train.steps) == (16, None, None)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"data": "reel"}, "data must be one of moving-shapes, real, got 'reel'"),
        ({"data": "real"}, "real data need --root"),
        ({"root": Path("gone")}, "root must be a folder, gone is none"),
        ({"models": Path("gone")}, "models must be a folder"),
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"limit": 0}, "limit must be at least 1"),
    ],
)
def test_impossible_options(changes: dict[str, Any], match: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=match):
        reproduce(find_table("mttr-d1"), shapes_options(tmp_path, **changes))
    assert not (tmp_path / "out").exists()


def test_one_process_makes_a_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="made by one process"):
        reproduce(find_table("mttr-d1"), shapes_options(tmp_path))


def test_the_command_lists_and_refuses(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["table", "--list"]) == 0
    assert capsys.readouterr().out.count("\n") == 9
    assert main(["table", "mttr-a2d", "--list"]) == 0
    printed = capsys.readouterr().out
    assert (
        "train  about 116 GPU hours" in printed and "CMPC-V: cannot be run: another paper's model" in printed
    )
    for line, part in (
        (["table"], "table needs a NAME"),
        (["table", "mttr-d9"], "did you mean 'mttr-d1'"),
        (["table", "r2vos-b", "--only", "K=9", "--out", str(tmp_path / "o")], "no row 'K=9'"),
        (["table", "mttr-d1", "--data", "imagined"], "data must be one of"),
    ):
        assert main(line) == 2
        assert part in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("command", ["export", "table"])
def test_help_has_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0 and f"examples:\n  rvos-edu {command}" in capsys.readouterr().out
