"""The doctor: each finding, and what mends it."""

from __future__ import annotations

import importlib.metadata as metadata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from packaging.requirements import Requirement

from rvos_edu import doctor
from rvos_edu.checksums import write_checksums
from rvos_edu.doctor import Finding, Status
from rvos_edu.doctor_self_test import Judgement, judge_two_sentences, segment_one_clip, train_one_step


def _one(findings: Iterator[Finding]) -> Finding:
    (finding,) = findings
    return finding


def test_exit_code_and_lines(capsys: pytest.CaptureFixture[str]) -> None:
    def fine() -> Iterator[Finding]:
        yield Finding(Status.OK, "a", "fine")

    def odd() -> Iterator[Finding]:
        yield Finding(Status.WARNING, "b", "odd", "do this")

    def broken() -> Iterator[Finding]:
        yield Finding(Status.OK, "c", "first part")
        raise OSError("it broke\nbadly")

    assert doctor.run(checks={"a": fine, "b": odd}) == 0
    assert capsys.readouterr().out.splitlines() == [
        "ok       a            fine",
        "warning  b            odd",
        "                      -> do this",
        "",
        "1 ok, 1 warnings, 0 problems",
    ]
    assert doctor.run(checks={"c": broken, "a": fine}) == 1
    text = capsys.readouterr().out
    assert "problem  c            OSError: it broke\n" in text and "ok       a            fine" in text
    assert doctor.run(checks={"self-test": broken}, self_test=False) == 0


def test_python_and_packages_of_this_environment_are_as_required() -> None:
    assert _one(doctor.check_python()).status is Status.OK
    core = next(iter(doctor.check_packages()))
    assert core.status is Status.OK and f"torch {torch.__version__.split('+')[0]}" in core.seen


def test_old_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.python_version", lambda: "3.9.1")
    finding = _one(doctor.check_python())
    assert finding.status is Status.PROBLEM and ">=3.11" in finding.mend


def test_missing_and_old_packages_are_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["numpy>=99", "packaging", "nowhere-to-be-found>=1; extra == 'course'", "pytest; extra == 'dev'"]
    monkeypatch.setattr(metadata, "requires", lambda name: lines)
    core, course = doctor.check_packages()
    assert core.status is Status.PROBLEM and core.mend == "pip install 'numpy>=99'"
    assert f"found {metadata.version('numpy')}" in core.seen
    assert course.status is Status.WARNING and course.seen == "nowhere-to-be-found>=1: not installed"


def test_a_package_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", missing)
    finding = _one(doctor.check_packages())
    assert finding.status is Status.PROBLEM and finding.mend == "run `make setup`"


def test_requirements_of_other_platforms_do_not_count() -> None:
    elsewhere = Requirement("x; sys_platform == 'nowhere'")
    assert not doctor._belongs(elsewhere, "") and not doctor._belongs(elsewhere, "course")
    assert doctor._belongs(Requirement("x; extra == 'course'"), "course")
    assert not doctor._belongs(Requirement("x; extra == 'dev'"), "course")


def test_devices_name_the_cores() -> None:
    findings = list(doctor.check_devices())
    assert findings[0].topic == "processor" and "cores" in findings[0].seen
    assert findings[1].topic == "accelerator"


def test_a_gpu_that_torch_cannot_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/nvidia-smi")
    finding = list(doctor.check_devices())[1]
    assert finding.status is Status.WARNING and "pytorch.org" in finding.mend


@pytest.mark.parametrize(
    ("threads", "policy", "status", "mend"),
    [
        (2, "PASSIVE", Status.OK, ""),
        (8, "PASSIVE", Status.WARNING, "OMP_NUM_THREADS=2"),
        (2, "active", Status.WARNING, "OMP_WAIT_POLICY=PASSIVE"),
    ],
)
def test_threads(
    threads: int, policy: str, status: Status, mend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_cores", lambda: 2)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setenv("OMP_WAIT_POLICY", policy)
    finding = _one(doctor.check_threads())
    assert finding.status is status and mend in finding.mend


def test_widgets_without_their_extension(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert _one(doctor.check_widgets()).status is Status.OK
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    finding = _one(doctor.check_widgets())
    assert finding.status is Status.WARNING and "rvos_edu[course]" in finding.mend


def test_video_can_be_written() -> None:
    assert _one(doctor.check_video()).status is Status.OK


def test_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RVOS_EDU_HOME", str(tmp_path / "not" / "made" / "yet"))
    monkeypatch.setattr(doctor, "ROOM_NEEDED", 1)
    assert _one(doctor.check_home()).status is Status.OK
    assert not (tmp_path / "not").exists()

    monkeypatch.setattr(doctor, "ROOM_NEEDED", 1 << 80)
    full = _one(doctor.check_home())
    assert full.status is Status.WARNING and "RVOS_EDU_HOME" in full.mend

    (tmp_path / "file").touch()
    monkeypatch.setenv("RVOS_EDU_HOME", str(tmp_path / "file"))
    blocked = _one(doctor.check_home())
    assert blocked.status is Status.PROBLEM and "RVOS_EDU_HOME" in blocked.mend


def test_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "ASSETS", tmp_path)
    assert "is missing" in _one(doctor.check_weights()).seen
    (tmp_path / "model.bin").write_bytes(b"abc")
    write_checksums(tmp_path)
    good = _one(doctor.check_weights())
    assert good.status is Status.OK and good.seen.startswith("1 files, 0.0 MB")
    (tmp_path / "mine.bin").touch()
    assert _one(doctor.check_weights()).status is Status.WARNING
    (tmp_path / "model.bin").write_bytes(b"abd")
    bad = _one(doctor.check_weights())
    assert bad.status is Status.PROBLEM and bad.seen == "changed: model.bin" and "git checkout" in bad.mend


def test_self_test_is_repeatable() -> None:
    assert train_one_step() == train_one_step()


def test_a_model_that_misses_the_object_or_keeps_a_false_sentence_is_a_problem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def statuses(iou: float, **judgement: object) -> list[Status]:
        said = replace(Judgement("a star", "a cross", 0.9, (0.1, 0.8), right=True), **judgement)  # type: ignore[arg-type]
        monkeypatch.setattr("rvos_edu.doctor_self_test.segment_one_clip", lambda: ("a star", iou))
        monkeypatch.setattr("rvos_edu.doctor_self_test.judge_two_sentences", lambda: said)
        return [finding.status for finding in doctor.check_training_and_segmenting()]

    assert statuses(0.9) == [Status.OK] * 3
    assert statuses(0.1) == [Status.OK, Status.PROBLEM, Status.OK]
    assert statuses(0.9, right=False) == statuses(0.9, overlap=0.1) == [Status.OK, Status.OK, Status.PROBLEM]


def test_a_judgement_in_words() -> None:
    said = str(Judgement("a star", "a cross", 0.91, (0.034, 0.98), right=True))
    assert said == "'a star': IoU with the truth 0.91, p(does not match) 0.03; 'a cross': 0.98"


def test_the_shipped_models_do_what_the_self_test_expects() -> None:
    sentence, overlap = segment_one_clip()
    assert sentence and overlap >= doctor.IOU_EXPECTED
    found = judge_two_sentences()
    assert found.right and found.overlap >= doctor.IOU_EXPECTED
    assert found.mismatches[0] < 0.1 and found.mismatches[1] > 0.9
    assert found.false.split()[1] not in found.true
