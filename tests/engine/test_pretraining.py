"""Images first, then videos: one configuration, two phases, the second from the best of the first."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import rvos_edu.engine.train as engine
from rvos_edu.cli import main
from rvos_edu.config import OptimizerConfig, PretrainConfig, R2VOSExperimentConfig
from rvos_edu.data.moving_shapes import make
from rvos_edu.data.moving_shapes.refcoco_export import export_refcoco
from rvos_edu.engine.evaluate import QuickScore
from rvos_edu.engine.initialise import training_clips, validation_videos
from rvos_edu.engine.phases import pretraining
from rvos_edu.engine.train import train
from rvos_edu.errors import ConfigError, DataError
from rvos_edu.models import R2VOS
from rvos_edu.presets import load_config, to_yaml
from tests.engine.test_train import records, weights

SCORES = [30.0, 50.0, 40.0]  # J&F on the images' val split after each of three steps
Started = list[dict[str, Tensor]]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Moving Shapes in RefCOCO's layout: 5 images to learn from, 2 to choose by."""
    folder = tmp_path_factory.mktemp("shapes")
    make(folder / "videos", level="1", workers=1, train=5, valid=2, test=0)
    return export_refcoco(folder / "videos", folder / "images")


@pytest.fixture
def both(tiny_r2vos: R2VOSExperimentConfig, images: Path) -> R2VOSExperimentConfig:
    """Three steps on images, two of which are an epoch, then two on videos; with dropout."""
    rates = OptimizerConfig(lr=1e-3, lr_text_encoder=1e-3, schedule="cosine")
    return replace(
        tiny_r2vos,
        pretrain=PretrainConfig(
            epochs=9,
            steps=3,
            images="refcoco",
            root=str(images),
            batch_size=2,
            evaluate_every=1,
            evaluate_samples=2,
            optimizer=rates,
        ),
        train=replace(tiny_r2vos.train, steps=2, checkpoint_every=1),
    )


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hand-made scores instead of real ones."""
    scores = iter(SCORES)

    def score(model: Any, dataset: Any, config: R2VOSExperimentConfig, limit: int | None) -> QuickScore:
        assert (len(dataset.clips), dataset.split, limit, config.data.window) == (2, "val", 2, 1)
        jf = next(scores)
        return QuickScore(j=jf - 1, f=jf + 1, jf=jf)

    monkeypatch.setattr(engine, "quick_score", score)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    """The weights that each phase starts from."""
    found: Started = []
    make_model = engine.initial_model

    def spy(config: Any, *, start: Path | None = None) -> Any:
        model = make_model(config, start=start)
        found.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
        return model

    monkeypatch.setattr(engine, "initial_model", spy)
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("whole") / "run"


@pytest.fixture
def unbroken(whole: Path, both: R2VOSExperimentConfig) -> Path:
    """One unbroken run with hand-made scores, made once."""
    if not whole.exists():
        with pytest.MonkeyPatch.context() as patch:
            scores = iter(SCORES)
            patch.setattr(engine, "quick_score", lambda *_: QuickScore(0.0, 0.0, next(scores)))
            train(both, out=whole)
    return whole


def equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return set(first) == set(second) and all(torch.equal(first[name], second[name]) for name in first)


def assert_same_run(first: Path, second: Path) -> None:
    for folder, step in (("pretrain", 3), (".", 2)):
        log = [r for r in records(first / folder) if r["event"] == "train"]
        assert log and [r for r in records(second / folder) if r["event"] == "train"] == log
        assert equal(weights(first / folder, step), weights(second / folder, step))


def stop(when: int) -> type[engine.Interruption]:
    """As if Ctrl-C were pressed in a certain step, counted over both phases."""
    steps: Iterator[int] = iter(range(1, 99))

    class Pressed(engine.Interruption):
        @property
        def requested(self) -> bool:
            return next(steps) == when

        @requested.setter
        def requested(self, value: bool) -> None:
            pass

    return Pressed


@pytest.mark.usefixtures("scored")
def test_videos_start_from_the_best_of_the_images(
    both: R2VOSExperimentConfig, started: Started, tmp_path: Path
) -> None:
    both = replace(both, train=replace(both.train, freeze_temporal_encoder_steps=2))
    assert train(both, out=tmp_path) == tmp_path / "model"
    best = weights(tmp_path / "pretrain", 2)  # 50 of 30, 50, 40
    assert equal(R2VOS.from_pretrained(tmp_path / "pretrain" / "model").state_dict(), best)
    assert not equal(best, weights(tmp_path / "pretrain", 3))
    assert len(started) == 2 and equal(started[1], best)
    # The text encoder learns from images and is frozen after that; here the frame encoder, too.
    text = [n for n in best if n.startswith("text_encoder.roberta.encoder") and n.endswith("weight")]
    vision = [n for n in best if n.startswith("frame_encoder.") and n.endswith("mlp.0.weight")]
    videos = weights(tmp_path, 2)
    assert len(text) > 3 and len(vision) == 3
    assert not any(torch.equal(best[name], started[0][name]) for name in [*text, *vision])
    assert all(torch.equal(best[name], videos[name]) for name in [*text, *vision])
    assert not torch.equal(best["alignment.layers.0.weight"], videos["alignment.layers.0.weight"])
    # Both are runs that can be looked at: config, log, model.
    assert load_config(tmp_path / "config.yaml") == both
    own = load_config(tmp_path / "pretrain" / "config.yaml")
    assert own == pretraining(both) and own.name == "tiny-pretrain" and own.data.name == "refcoco"
    log = records(tmp_path / "pretrain")
    assert [r["J&F"] for r in log if r["event"] == "evaluate"] == SCORES
    assert [(r["step"], r["epoch"]) for r in log if r["event"] == "train"] == [(1, 0), (2, 0), (3, 1)]
    assert [r["event"] for r in records(tmp_path)] == ["train"] * 2


@pytest.mark.parametrize(("scores", "step"), [([50.0, 50.0, 50.0], 1), ([0.0, 20.0, 30.0], 3)])
def test_the_first_of_the_best_is_chosen(
    scores: list[float], step: int, both: R2VOSExperimentConfig, started: Started, tmp_path: Path
) -> None:
    left = iter(scores)
    kept: dict[int, dict[str, Tensor]] = {}
    save = engine.save_checkpoint

    def keeping(out: Path, state: Any) -> Path:
        kept.setdefault(len(kept) + 1, {n: t.clone() for n, t in state.model.state_dict().items()})
        return save(out, state)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "quick_score", lambda *_: QuickScore(0.0, 0.0, next(left)))
        patch.setattr(engine, "save_checkpoint", keeping)
        train(replace(both, train=replace(both.train, steps=1)), out=tmp_path)
    assert equal(started[1], kept[step])


@pytest.mark.usefixtures("scored")
@pytest.mark.parametrize("when", [2, 4])
def test_stopped_in_either_phase_and_resumed(
    when: int,
    both: R2VOSExperimentConfig,
    unbroken: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In step 2 on images, or in step 1 on videos, which is the fourth of all."""
    with monkeypatch.context() as patch:
        patch.setattr(engine, "Interruption", stop(when))
        with pytest.raises(KeyboardInterrupt, match="continue with --resume"):
            train(both, out=tmp_path)
    assert load_config(tmp_path / "config.yaml") == both  # what `--resume --out` reads
    capsys.readouterr()
    train(both, out=tmp_path, resume=True)
    assert_same_run(unbroken, tmp_path)
    assert ("Training tiny-pretrain" in capsys.readouterr().out) == (when == 2)


@pytest.mark.usefixtures("scored")
def test_stopped_between_the_phases_and_resumed(
    both: R2VOSExperimentConfig, unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_model = engine.initial_model

    def leave(config: Any, *, start: Path | None = None) -> Any:
        if start is not None:
            raise KeyboardInterrupt
        return make_model(config, start=start)

    with monkeypatch.context() as patch:
        patch.setattr(engine, "initial_model", leave)
        with pytest.raises(KeyboardInterrupt):
            train(both, out=tmp_path)
    assert not (tmp_path / "checkpoints").exists()
    train(both, out=tmp_path, resume=True)
    assert_same_run(unbroken, tmp_path)


def test_a_run_of_two_phases_is_not_begun_twice(both: R2VOSExperimentConfig, unbroken: Path) -> None:
    with pytest.raises(ConfigError, match=r"already holds a run \(checkpoints/step-00000002\)"):
        train(both, out=unbroken)
    shorter = replace(both.pretrain, optimizer=replace(both.pretrain.optimizer, lr=1e-4))
    with pytest.raises(ConfigError, match=r"pretrain\.optimizer\.lr was 0\.001, is 0\.0001"):
        train(replace(both, pretrain=shorter), out=unbroken, resume=True)
    moved = replace(both, pretrain=replace(both.pretrain, root="elsewhere"))
    train(moved, out=unbroken, resume=True)  # nothing left to do; the images are no longer needed


def test_images_without_videos_is_a_run_too(
    both: R2VOSExperimentConfig, unbroken: Path, tmp_path: Path
) -> None:
    shutil.copytree(unbroken / "pretrain", tmp_path / "pretrain")
    for config in (both, replace(both, pretrain=PretrainConfig())):
        with pytest.raises(ConfigError, match=r"already holds a run \(pretrain/checkpoints/step-00000003\)"):
            train(config, out=tmp_path)


@pytest.mark.parametrize("what", ["videos", "images", "kind", "few"])
def test_what_is_missing_is_said_before_anything_is_trained(
    what: str, both: R2VOSExperimentConfig, tmp_path: Path
) -> None:
    absent = str(tmp_path / "absent")
    config, error, message = {
        "videos": (replace(both, data=replace(both.data, root=absent)), DataError, "absent"),
        "images": (replace(both, pretrain=replace(both.pretrain, root=absent)), DataError, "absent/refcoco"),
        "kind": (
            replace(both, pretrain=replace(both.pretrain, images="moving-shapes")),
            ConfigError,
            "pretrain.images must be one of moving-shapes-images, refcoco, .* got 'moving-shapes'",
        ),
        "few": (
            replace(both, train=replace(both.train, batch_size=9)),
            ConfigError,
            "one step needs 9 clips .* has 7",
        ),
    }[what]
    out = tmp_path / "run"
    with pytest.raises(error, match=message) as raised:
        train(config, out=out)
    assert not out.exists() and "\n" not in str(raised.value)


def test_images_of_the_nano_preset_are_made_on_first_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def small(root: Path, **arguments: Any) -> Path:
        return make(root, **{**arguments, "train": 3, "valid": 1, "test": 0}, workers=1)

    monkeypatch.setenv("RVOS_EDU_HOME", str(tmp_path))
    monkeypatch.setattr("rvos_edu.data.moving_shapes.make", small)
    config = load_config("nano-r2vos", ["--pretrain.epochs", "8"])
    assert isinstance(config, R2VOSExperimentConfig)
    images = pretraining(config)
    data, clips = training_clips(images)
    assert data.dataset.root == tmp_path / "moving-shapes-v1" / "level-full-seed-0-6000-images"
    assert clips == [0, 1, 2] and len(validation_videos(images).clips) == 1
    assert data[0][0].frames.shape == (1, 3, 80, 112)
    assert data[0][0].target is not None and data[0][0].target.masks.shape[1:] == (1, 20, 28)


def test_the_real_scorer_after_each_epoch(both: R2VOSExperimentConfig, tmp_path: Path) -> None:
    pretrain = replace(both.pretrain, evaluate_every=None, evaluate_samples=None)
    train(replace(both, pretrain=pretrain, train=replace(both.train, steps=1)), out=tmp_path)
    evaluations = [r for r in records(tmp_path / "pretrain") if r["event"] == "evaluate"]
    assert [r["step"] for r in evaluations] == [2, 3]  # an epoch of two steps, and the last step
    assert all(0 <= float(r[name]) <= 100 for r in evaluations for name in ("J&F", "J", "F"))


def test_checkpoints_from_before_there_was_a_pretraining(
    tiny_r2vos: R2VOSExperimentConfig, unbroken: Path, tmp_path: Path
) -> None:
    """Keys that a checkpoint does not know have their defaults."""
    single = replace(tiny_r2vos, train=replace(tiny_r2vos.train, steps=1, checkpoint_every=1))
    train(single, out=tmp_path)
    path = tmp_path / "checkpoints" / "step-00000001" / "state.json"
    saved = json.loads(path.read_text())
    del saved["config"]["pretrain"], saved["config"]["optimizer"]["lr_text_encoder"]
    path.write_text(json.dumps(saved))
    unused = PretrainConfig(images="moving-shapes-images", batch_size=7)  # as a preset may say
    longer = replace(single, pretrain=unused, train=replace(single.train, steps=2))
    train(longer, out=tmp_path, resume=True)
    assert [r["step"] for r in records(tmp_path)] == [1, 2]
    learning = replace(longer, optimizer=replace(longer.optimizer, lr_text_encoder=1e-5))
    with pytest.raises(ConfigError, match=r"optimizer\.lr_text_encoder was 0\.0, is 1e-05"):
        train(learning, out=tmp_path, resume=True)


def test_the_command_line_says_what_is_missing_in_one_line(
    both: R2VOSExperimentConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "both.yaml").write_text(to_yaml(both))
    command = ["train", "--config", str(tmp_path / "both.yaml"), "--out", str(tmp_path / "run")]
    for override, message in (
        (["--pretrain.root", str(tmp_path)], f"the dataset folder {tmp_path}/refcoco does not exist"),
        (["--pretrain.root", "null"], "refcoco is not made by this package: give its folder as root"),
        (["--pretrain.images", "refcoc"], "pretrain.images must be one of"),
        (["--pretrain.epoch", "3"], "did you mean 'pretrain.epochs'"),
    ):
        assert main([*command, *override]) == 2
        error = capsys.readouterr().err.strip()
        assert error.startswith("error: ") and message in error and "\n" not in error
    assert not (tmp_path / "run").exists()
