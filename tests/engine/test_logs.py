"""Records of a run."""

from __future__ import annotations

from pathlib import Path

from rvos_edu.engine.logs import Averages, RunLog, read_metrics


def test_averages() -> None:
    averages = Averages()
    averages.add({"loss": 1.0, "grad_norm": 4.0})
    averages.add({"loss": 2.0, "grad_norm": float("inf")})
    assert averages.take() == {"loss": 1.5, "grad_norm": 4.0}
    averages.add({"loss": 5.0})
    assert averages.take() == {"loss": 5.0}


def test_records_are_lines_of_json(tmp_path: Path) -> None:
    with RunLog(tmp_path, step=0, total=2) as log:
        log.record("train", 1, {"loss": 0.1})
        assert read_metrics(tmp_path / "metrics.jsonl") == [{"event": "train", "step": 1, "loss": 0.1}]
        log.record("evaluate", 1, {"J&F": 50.0})
    assert [r["event"] for r in read_metrics(tmp_path / "metrics.jsonl")] == ["train", "evaluate"]
    assert list((tmp_path / "tensorboard").iterdir())


def test_resume_drops_what_came_after_the_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    with RunLog(tmp_path, step=0, total=4) as log:
        for step in (1, 2, 3):
            log.record("train", step, {"loss": float(step)})
    path.write_text(path.read_text() + '{"event": "train", "st')  # killed while writing
    with RunLog(tmp_path, step=2, total=4) as log:
        log.record("train", 3, {"loss": 30.0})
    assert [r["loss"] for r in read_metrics(path)] == [1.0, 2.0, 30.0]


def test_a_fresh_run_starts_a_fresh_file(tmp_path: Path) -> None:
    for _ in range(2):
        with RunLog(tmp_path, step=0, total=1) as log:
            log.record("train", 1, {"loss": 1.0})
    assert len(read_metrics(tmp_path / "metrics.jsonl")) == 1


def test_other_processes_write_nothing(tmp_path: Path) -> None:
    with RunLog(tmp_path, step=0, total=1, enabled=False) as log:
        log.record("train", 1, {"loss": 1.0})
        log.say("nothing")
        log.advance({"loss": 1.0})
    assert list(tmp_path.iterdir()) == []
