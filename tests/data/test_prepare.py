"""Unpack, verify, count, index, report; the scripts; `rvos-edu data make` and `data index`."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from rvos_edu.cli import main
from rvos_edu.data import dataset_names, layout_of, load
from rvos_edu.data import prepare as prepare_module
from rvos_edu.data.layout import Source
from rvos_edu.data.moving_shapes import make
from rvos_edu.data.prepare import prepare
from rvos_edu.data.r2_pairs import pairs_file
from rvos_edu.data.registry import LAYOUTS
from rvos_edu.errors import DataError
from tests.data.a2d_tree import write_a2d
from tests.data.test_refcoco import write as write_refcoco
from tests.fixtures import LONG
from tests.scripts import data_script

NAME = "refer-youtube-vos"
SCRIPTS = {
    "a2d_sentences": "a2d-sentences",
    "jhmdb_sentences": "jhmdb-sentences",
    "refer_youtube_vos": NAME,
    "ref_davis17": "ref-davis17",
    "mevis": "mevis",
    "refcoco": "refcoco",
    "r2_youtube_vos": "r2-youtube-vos",
}


@pytest.fixture
def archive(tree: Path) -> Path:
    """The tiny dataset as a zip."""
    path = tree.with_name("data.zip")
    with zipfile.ZipFile(path, "w") as opened:
        for file in sorted(p for p in tree.rglob("*") if p.is_file()):
            opened.write(file, str(file.relative_to(tree)))
    return path


def test_from_archive_to_index(archive: Path, tmp_path: Path) -> None:
    root, said = tmp_path / "root", list[str]()
    found = prepare([NAME], root, archives=[archive], say=said.append)
    text = "\n".join(said)
    assert found.problems == [] and "Addresses are as published, this script has not tried them:" in text
    assert "youtube-vos.org/dataset/rvos" in text and "terms: registration" in text
    assert f"{archive}: 33 files unpacked into {root}" in text and "No problems found." in text
    assert "the published split has 3471 and 12913" in text
    assert f"{NAME} train: 2 clips, 3 items; first opening" in text and "of the index made" in text
    assert (root / "prepare-report.txt").read_text() == text + "\n"
    assert len(load(NAME, root=root, split="train", window=12)) == 3


def test_the_second_run_reads_nothing_again(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    prepare([NAME], root, archives=[archive], say=lambda text: None)
    first = (root / "prepare-report.txt").read_text()
    assert "Everything was in the index" not in first
    monkeypatch.setattr("rvos_edu.data.images._read", None)  # no image, no mask
    said: list[str] = []
    prepare([NAME], root, archives=[archive], say=said.append)
    text = "\n".join(said)
    assert (
        f"{archive}: unpacked before" in text
        and "Everything was in the index: nothing had to be read" in text
    )
    assert "read from the index" in text


def test_all_problems_are_in_the_report(tree: Path) -> None:
    for path in (tree / "train/JPEGImages" / LONG).iterdir():
        path.unlink()
    for path in (tree / "train/Annotations" / LONG).iterdir():
        path.write_bytes(b"")
    found = prepare([NAME], tree, say=lambda text: None)
    report = (tree / "prepare-report.txt").read_text()
    assert len(found.problems) == 11 and "All problems (11)" in report
    assert all(report.count(f"{LONG}/{n:05d}.png cannot be read") >= 1 for n in (15, 45, 80))
    assert "train: 1 clips, 1 items, faulty entries left out: 1" in report


def test_checksums(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = "meta_expressions/train/meta_expressions.json"
    sums = {good: hashlib.sha256((tree / good).read_bytes()).hexdigest(), "gone.json": "0" * 64}
    sums["meta_expressions/valid/meta_expressions.json"] = "f" * 64
    expected = {"valid": {"videos": 1, "expressions": 2}}
    layout = replace(layout_of(NAME), sources=(Source("text", "somewhere", "free", sums),), expected=expected)
    monkeypatch.setitem(LAYOUTS, NAME, layout)
    said: list[str] = []
    (problem,) = prepare([NAME], tree, say=said.append).problems
    assert "valid/meta_expressions.json has the SHA-256" in problem and "published is ffff" in problem
    assert f"{tree / good}: checksum as published" in said
    assert f"{tree / 'gone.json'}: not there, its checksum was not compared" in said
    expected["valid"]["videos"] = 507  # a part of it, or an export
    assert prepare([NAME], tree, say=said.append).problems == []
    (note,) = (text for text in said if text.startswith("NOT THE PUBLISHED DATA: "))
    assert "valid/meta_expressions.json has the SHA-256" in note and "published is ffff" in note


def test_without_data(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere does not exist: get the data first"):
        prepare([NAME], tmp_path / "nowhere", say=lambda text: None)
    with pytest.raises(DataError, match="unknown dataset 'x'"):
        prepare(["x"], tmp_path, say=lambda text: None)
    (tmp_path / "empty").mkdir()
    found = prepare([NAME], tmp_path / "empty", say=lambda text: None)
    assert found.problems and "holds no sentences" in found.problems[0]
    assert "cannot be opened even without what is faulty" in str(found)


# ------------------------------------------------------------------------------------------------- scripts


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_explain_themselves(script: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        data_script(f"prepare_{script}").main(["--help"])
    printed = capsys.readouterr().out
    assert stopped.value.code == 0 and f"prepare_{script}.py --root" in printed and "--archives" in printed


@pytest.mark.parametrize("script, name", SCRIPTS.items())
def test_scripts_on_nothing(
    script: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if name not in dataset_names():
        pytest.skip(f"{name} is not in the registry")
    (tmp_path / "root").mkdir()
    code = data_script(f"prepare_{script}").main(["--root", str(tmp_path / "root")])
    printed = capsys.readouterr()
    assert code in (1, 2) and "Traceback" not in printed.err
    assert layout_of(name).sources, "says where to get it"


def test_script_of_refer_youtube_vos(archive: Path, tmp_path: Path) -> None:
    script = data_script("prepare_refer_youtube_vos")
    line = ["--root", str(tmp_path / "root"), "--archives", str(archive)]
    assert script.main(line) == 0
    (tmp_path / "root/train/JPEGImages" / LONG / "00015.jpg").unlink()
    assert script.main(line) == 1
    (tmp_path / "bad.zip").write_bytes(b"no archive")
    assert script.main([*line, str(tmp_path / "bad.zip")]) == 2


@pytest.mark.parametrize("script, name", SCRIPTS.items())
def test_scripts_on_exports(
    script: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "made"
    assert main(["data", "make", name, "--root", str(root), *TINY]) == 0
    assert data_script(f"prepare_{script}").main(["--root", str(root)]) == 0, capsys.readouterr().out
    assert "0 problems; " in (root / "prepare-report.txt").read_text()


def test_script_of_a2d_sentences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The archives as they are published: that of the masks has no folder text_annotations."""
    whole, root = write_a2d(tmp_path / "whole"), tmp_path / "root"
    with tarfile.open(tmp_path / "Release.tar", "w") as release:
        release.add(whole / "Release", "Release")
    masks = whole / "text_annotations/a2d_annotation_with_instances"
    with zipfile.ZipFile(tmp_path / "a2d_annotation_with_instances.zip", "w") as opened:
        for file in masks.rglob("*.h5"):
            opened.write(file, str(file.relative_to(masks.parent)))
    root.mkdir()
    for name in ("a2d_annotation.txt", "a2d_missed_videos.txt"):
        shutil.copy(masks.parent / name, root)
    archives = [str(tmp_path / name) for name in ("Release.tar", "a2d_annotation_with_instances.zip")]
    line = ["--root", str(root), "--archives", *archives]
    assert data_script("prepare_a2d_sentences").main(line) == 0, capsys.readouterr().out
    place = root / "text_annotations/a2d_annotation_with_instances"
    assert f"{root / place.name}: moved to {place}" in (root / "prepare-report.txt").read_text()
    assert sorted(p.name for p in root.iterdir() if p.name[0] != ".") == [
        *("Release", "prepare-report.txt", "text_annotations")
    ]
    assert len(load("a2d-sentences", root=root, split="train", window=4)) == len(
        load("a2d-sentences", root=whole, split="train", window=4)
    )
    assert data_script("prepare_a2d_sentences").main(line) == 0
    assert "moved" not in (root / "prepare-report.txt").read_text()


def test_script_of_refcoco(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_refcoco(tmp_path / "root")
    script = data_script("prepare_refcoco")
    assert script.main(["--root", str(root), "--json"]) == 0
    converted = sorted(p.name for p in (root / "refcoco").glob("instances_*"))
    assert converted == [f"instances_refcoco_{split}.json" for split in ("testA", "testB", "train", "val")]
    assert "train2014.zip" in capsys.readouterr().out
    assert script.main(["--root", str(root), "--json"]) == 0
    assert "instances_refcoco_val.json: written before" in capsys.readouterr().out


def test_script_of_r2_youtube_vos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make(tmp_path / "shapes", level="1", workers=1, train=0, valid=3, test=0)
    (root / "moving_shapes.json").unlink()  # as if it were real
    script = data_script("prepare_r2_youtube_vos")
    assert script.main(["--root", str(root)]) == 0
    printed = capsys.readouterr().out
    assert "r2_pairs.json: " in printed and "Nobody has looked at the pairs" in printed
    assert script.main(["--root", str(root)]) == 0 and "made before" in capsys.readouterr().out
    sentences = root / "meta_expressions" / "valid" / "meta_expressions.json"
    content = json.loads(sentences.read_text())
    pairs = pairs_file(root, "valid")
    before = pairs.read_bytes()
    frame = next((root / "valid/JPEGImages").glob("*/*.jpg"))
    elsewhere = frame.rename(tmp_path / frame.name)  # no fault of the pairs
    assert script.main(["--root", str(root)]) == 1 and "made before" in capsys.readouterr().out
    assert pairs.read_bytes() == before
    elsewhere.rename(frame)
    pairs.write_text(before.decode().replace('"seed": 0', '"seed": 3'))  # copied here under another name
    assert script.main(["--root", str(root)]) == 0
    assert "seed 3, which belong in meta_expressions/valid/r2_pairs_seed3.json" in capsys.readouterr().out
    assert pairs.read_bytes() == before and Path(f"{pairs}.old1").is_file()
    del content["videos"][min(content["videos"])]  # one turned out to belong to the test split
    sentences.write_text(json.dumps(content))
    assert script.main(["--root", str(root)]) == 0
    assert "make the pairs anew with data_scripts/make_r2" in (said := capsys.readouterr().out)
    assert f"Made anew, the former ones are kept as {pairs}.old2; written: " in said and "0 problems" in said
    assert Path(f"{pairs}.old2").read_bytes() == before != pairs.read_bytes()


# -------------------------------------------------------------------------------------------- command line

TINY = ["--train", "3", "--valid", "2", "--test", "2", "--workers", "1"]


@pytest.mark.parametrize("name", dataset_names())
def test_made_in_every_layout(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is made passes its check, and opens a second time from the index."""
    root = tmp_path / "made"
    assert main(["data", "make", name, "--root", str(root), *TINY]) == 0
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []
    assert main(["data", "check", name, "--root", str(root)]) == 0, capsys.readouterr().out
    capsys.readouterr()
    assert main(["data", "index", name, "--root", str(root)]) == 0
    assert all(f"{name} " in line and "second " in line for line in capsys.readouterr().out.splitlines())
    assert main(["data", "make", name, "--root", str(root), *TINY]) == 2
    assert "made" in capsys.readouterr().err


def test_small_easy_refcoco_is_prepared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "made"
    assert main(["data", "make", "refcoco", "--root", str(root), "--level", "1", *TINY]) == 0
    assert data_script("prepare_refcoco").main(["--root", str(root)]) == 0, capsys.readouterr().out


def test_unknown_layouts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("make", "check", "index"):
        assert main(["data", command, "refcocoo", "--root", str(tmp_path / "made")]) == 2
        assert "unknown dataset 'refcocoo'; did you mean 'refcoco'?" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_index_says_what_is_wrong(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree / "train/JPEGImages" / LONG / "00015.jpg").unlink()
    line = ["data", "index", NAME, "--root", str(tree)]
    assert main(line) == 2 and "00015.jpg is missing" in capsys.readouterr().err
    assert main([*line, "--skip-bad"]) == 0
    assert "train: 1 clips, 1 items, faulty entries left out: 1" in capsys.readouterr().out
    shutil.rmtree(tree / "meta_expressions")
    assert main(line) == 2


def test_a_report_does_not_make_the_index_stale(tree: Path) -> None:
    from rvos_edu.data.index import tree_stamps

    before = tree_stamps(tree)
    (tree / "prepare-report.txt").write_text("x")
    (tree / ".unpacked").mkdir()
    assert tree_stamps(tree) == before
    content = json.loads((tree / "meta_expressions/test/meta_expressions.json").read_text())
    (tree / "meta_expressions/test/meta_expressions.json").write_text(json.dumps(content, indent=2))
    assert tree_stamps(tree) != before


def test_exit_codes_are_those_of_the_command_line() -> None:
    from rvos_edu import cli_parser

    for code in ("FOUND_PROBLEMS", "ERROR", "INTERRUPTED"):
        assert getattr(prepare_module, code) == getattr(cli_parser, code)
