"""`rvos-edu evaluate --skip-bad`: what is faulty is left out, counted, told; else the command stops."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from rvos_edu.cli import main
from rvos_edu.config import ExperimentConfig, R2VOSExperimentConfig
from rvos_edu.data import make_pairs
from rvos_edu.data.r2_pairs import pairs_file, write_pairs
from rvos_edu.data.ref_davis import convert_ref_davis
from rvos_edu.engine import evaluate as module
from tests.data.davis_pieces import LATER, VALID, write_pieces
from tests.engine.conftest import write_tree
from tests.engine.oracle import ColourModel
from tests.tiny import tiny_r2vos

CONFIG = ExperimentConfig()
CONFIG.data.short_side, CONFIG.data.max_side = 32, 48
NAME = "refer-youtube-vos"


class AnyWords(ColourModel):
    """Takes every sentence; what it finds does not matter here."""

    def _named(self, sentence: str) -> int:
        return 0


@pytest.fixture
def out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(module, "load_model", lambda name: (AnyWords(), CONFIG))
    return tmp_path / "out"


def damage(root: Path) -> None:
    """A frame of one of three videos is missing, and a sentence of another is empty."""
    (root / "valid/JPEGImages/valid000/00005.jpg").unlink()
    path = root / "meta_expressions/valid/meta_expressions.json"
    content = json.loads(path.read_text())
    content["videos"]["valid001"]["expressions"]["1"]["exp"] = " "
    path.write_text(json.dumps(content))


def line(root: Path, out: Path, *, data: str = NAME) -> list[str]:
    return ["evaluate", "--data", data, "--root", str(root), "--split", "valid", "--out", str(out)]


def facts(out: Path) -> dict:
    return json.loads((out / "evaluation.json").read_text())


def test_the_rest_is_scored_and_the_number_told(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_tree(tmp_path / "data", {"valid": 3})
    assert main(line(root, out)) == 0 and facts(out)["skipped"] == 0
    assert "left out" not in capsys.readouterr().out
    damage(root)
    assert main(line(root, out)) == 2
    assert "expression 1 of video 'valid001' is empty" in capsys.readouterr().err
    assert main([*line(root, out), "--skip-bad"]) == 0
    title = f"nano-mttr on {NAME} (valid): 2 clips, 4 expressions, faulty entries left out: 2, "
    assert title in capsys.readouterr().out and title in (out / "table.txt").read_text()
    assert title in (out / "index.html").read_text()
    assert (facts(out)["skipped"], facts(out)["clips"]) == (2, [2])


def test_pairs_about_what_is_left_out_are_not_asked(tmp_path: Path, out: Path) -> None:
    root = write_tree(tmp_path / "data", {"valid": 3})
    write_pairs(pairs_file(root, "valid"), make_pairs(root, "valid"))
    ask = [*line(root, out), "--skip-bad", "--false-sentences"]
    assert main(ask) == 0 and facts(out)["figures"]["robust.random.count"]["mean"] == 7
    damage(root)
    pairs = [p for p in make_pairs_of(root) if "valid000" not in (p["video"], p["text_video"])]
    pairs = [p for p in pairs if (p["text_video"], p["exp_id"]) != ("valid001", "1")]
    assert main(ask) == 0
    assert facts(out)["figures"]["robust.random.count"]["mean"] == len(pairs) < 7


def test_r2vos_shows_false_sentences_of_the_rest(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page runs the model once more on pairs; faulty entries of their list are left out like videos."""
    config = R2VOSExperimentConfig()
    config.data.short_side, config.data.max_side = 32, 48
    monkeypatch.setattr(module, "load_model", lambda name: (tiny_r2vos(), config))
    root = write_tree(tmp_path / "data", {"valid": 3})
    path = pairs_file(root, "valid")
    write_pairs(path, make_pairs(root, "valid"))
    content = json.loads(path.read_text())
    first = next(p for p in content["pairs"] if "valid000" not in (p["video"], p["text_video"]))
    first["label"] = 0
    path.write_text(json.dumps(content))
    damage(root)
    ask = [*line(root, out), "--false-sentences"]
    assert main(ask) == 2 and not out.exists()
    capsys.readouterr()
    assert main([*ask, "--skip-bad"]) == 0
    pairs = [p for p in content["pairs"] if "valid000" not in (p["video"], p["text_video"]) and p["label"]]
    pairs = [p for p in pairs if (p["text_video"], p["exp_id"]) != ("valid001", "1")]
    assert facts(out)["figures"]["robust.random.count"]["mean"] == len(pairs) > 0
    assert facts(out)["skipped"] == 3 and "faulty entries left out: 3" in capsys.readouterr().out
    assert "What was segmented for false sentences" in (out / "index.html").read_text()


def make_pairs_of(root: Path) -> list[dict]:
    return json.loads(pairs_file(root, "valid").read_text())["pairs"]


def test_a_submission_without_the_faulty_video_is_not_to_be_handed_in(tmp_path: Path, out: Path) -> None:
    root = write_tree(tmp_path / "data", {"valid": 3})
    shutil.rmtree(root / "valid/Annotations")
    damage(root)
    assert main([*line(root, out), "--skip-bad"]) == 0
    assert facts(out)["skipped"] == 2 and (out / "submission.zip").is_file()
    problems = facts(out)["submission"]["problems"]
    assert "NOT to be handed in" in (out / "table.txt").read_text() and len(problems) == 2
    assert "valid000" in problems[0] and "valid001/1" in problems[1]


def test_davis_scores_the_sequences_that_have_all_their_sentences(tmp_path: Path, out: Path) -> None:
    pieces = write_pieces(tmp_path / "pieces")
    root = tmp_path / "davis"
    convert_ref_davis(pieces / "DAVIS", pieces / "davis_text_annotations", root)
    path = root / "meta_expressions/valid/meta_expressions.json"
    content = json.loads(path.read_text())
    content["videos"][VALID]["expressions"]["1"]["exp"] = ""
    path.write_text(json.dumps(content))
    assert main([*line(root, out, data="ref-davis17"), "--skip-bad"]) == 0
    assert [p.name for p in (out / "masks/anno_0").iterdir()] == [LATER]
    assert facts(out)["skipped"] == 1 and "davis.hungarian.mean.jf" in facts(out)["figures"]
