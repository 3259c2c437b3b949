"""Splits without masks: the zip for the server, what can be measured all the same, and what cannot."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rvos_edu.cli import main
from rvos_edu.config import ExperimentConfig, R2VOSExperimentConfig, R2VOSInferenceConfig
from rvos_edu.data import VideoDataset, make_pairs
from rvos_edu.data.moving_shapes import make
from rvos_edu.data.r2_pairs import pairs_file, write_pairs
from rvos_edu.data.submission_format import submission_format
from rvos_edu.engine import evaluate as module
from rvos_edu.engine import submission
from rvos_edu.engine.evaluate import run
from rvos_edu.engine.inference import predict
from rvos_edu.engine.robust import FalsePairScore, summarise_robustness
from rvos_edu.engine.robust_protocol import false_pairs_of
from rvos_edu.engine.scoring import OutputScore
from rvos_edu.engine.submission import segment_split, submission_writer, write_submission
from rvos_edu.engine.summary import summarise_hidden
from rvos_edu.errors import ConfigError, DataError
from rvos_edu.structures import VideoSample
from tests.engine.conftest import write_tree
from tests.engine.oracle import Clips, ColourModel, Judging, samples
from tests.tiny import tiny_model, tiny_r2vos

SERVER = submission_format("refer-youtube-vos")
CONFIG = ExperimentConfig()
CONFIG.data.short_side, CONFIG.data.max_side = 16, 32
SMALL = ExperimentConfig()
SMALL.data.short_side, SMALL.data.max_side = 32, 48


def blind(clip: list[VideoSample]) -> list[VideoSample]:
    return [replace(sample, target=None) for sample in clip]


MOVING = samples("moving", [[0, 1, 2], [5, 5, 5]], [("object one", 0, None, 2), ("object two", 1, None, 2)])
LATE = samples("late", [[0, 0], [None, 4]], [("object two", 1, None, None)])


def stored(path: Path) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(path) as archive:
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        images = {name: Image.open(io.BytesIO(archive.read(name))) for name in archive.namelist()}
    assert {image.mode for image in images.values()} == {"L"}
    return {name: np.asarray(image) for name, image in images.items()}


def test_one_png_per_frame_empty_ones_too_and_the_same_bytes_again(tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        with submission_writer(tmp_path / name, SERVER) as writer:
            clips = Clips(blind(MOVING), blind(LATE))
            scores = segment_split(ColourModel(), clips, config=CONFIG, writer=writer, progress=False)  # type: ignore[arg-type]
            assert not (tmp_path / name).exists()  # not before all is written
    found = stored(tmp_path / "a.zip")
    assert list(found) == [
        *(f"Annotations/moving/{e}/{f}.png" for e in "01" for f in ("00000", "00005", "00010")),
        "Annotations/late/0/00000.png", "Annotations/late/0/00005.png",
    ]  # fmt: skip
    truth = MOVING[0].target
    assert truth is not None
    np.testing.assert_array_equal(found["Annotations/moving/0/00005.png"], truth.masks[0, 1] * np.uint8(255))
    assert not found["Annotations/late/0/00000.png"].any()
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert [(s.clip, s.video, s.expression_id, s.query) for s in scores] == [
        (0, "moving", "0", 0), (0, "moving", "1", 1), (1, "late", "0", 1),
    ]  # fmt: skip
    assert [s.area for s in scores] == pytest.approx([16 / 512, 16 / 512, 16 / 1024])
    assert [s.pixels for s in scores] == [3 * 16, 3 * 16, 16]
    assert all(s.mismatch is None and not s.rejected for s in scores)


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), submission_writer(tmp_path / "s.zip", SERVER) as writer:
        writer.add(MOVING[0], np.zeros((3, 16, 32), bool))
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_the_writer_refuses_what_the_server_would(tmp_path: Path) -> None:
    with submission_writer(tmp_path / "s.zip", SERVER) as writer:
        writer.add(MOVING[0], np.zeros((3, 16, 32), bool))
        with pytest.raises(DataError, match="expression 0 of video moving would be in the submission twice"):
            writer.add(MOVING[0], np.zeros((3, 16, 32), bool))
        for wrong in (np.zeros((3, 32, 16), bool), np.zeros((2, 16, 32), bool), np.zeros((3, 16, 32), int)):
            with pytest.raises(ValueError, match=r"masks must be bool \(3, 16, 32\), got "):
                writer.add(MOVING[1], wrong)


@pytest.mark.parametrize(
    ("on", "threshold", "emptied"), [(True, 0.5, True), (True, 0.99, False), (False, 0.5, False)]
)
def test_the_filter_empties_masks_where_the_settings_want_it(
    tmp_path: Path, on: bool, threshold: float, emptied: bool
) -> None:
    config = R2VOSExperimentConfig(inference=R2VOSInferenceConfig(align_filter=on, align_threshold=threshold))
    config.data.short_side, config.data.max_side = 16, 32
    with submission_writer(tmp_path / "s.zip", SERVER) as writer:
        first, second = segment_split(Judging(), Clips(blind(MOVING)), config=config, writer=writer)  # type: ignore[arg-type]
    found = stored(tmp_path / "s.zip")
    assert found["Annotations/moving/0/00000.png"].any()
    assert found["Annotations/moving/1/00000.png"].any() != emptied
    assert (first.rejected, second.rejected) == ((False, emptied) if on else (None, None))
    assert second.area == pytest.approx(16 / 512)  # without the filter
    assert second.mismatch == pytest.approx(1 / (1 + np.exp(-3)))
    hidden = summarise_hidden([first, second]).hidden
    assert hidden is not None and hidden.rejected == ((50.0 if emptied else 0.0) if on else None)


def test_one_video_and_few_predictions_are_in_memory_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    alive: list[str] = []
    real = submission.predictions

    def watched(model: object, clips: list[list[VideoSample]], **options: object) -> Iterator[object]:
        assert len(clips) == 1
        for sample, found in zip(clips[0], real(model, clips, **options), strict=True):  # type: ignore[arg-type]
            alive.append(sample.video)
            yield found

    monkeypatch.setattr(submission, "predictions", watched)
    clips = Clips(blind(MOVING), blind(LATE))
    segment_split(ColourModel(), clips, config=CONFIG, progress=False)  # type: ignore[arg-type]
    assert alive == ["moving", "moving", "late"]
    with pytest.raises(DataError, match="there is no expression to segment"):
        segment_split(ColourModel(), Clips(), config=CONFIG, progress=False)  # type: ignore[arg-type]


def output(area: float, mismatch: float | None) -> OutputScore:
    return OutputScore(0, "v", "0", "x", None, 0, area, round(1e6 * area), mismatch, False)


def false(area: float, mismatch: float | None) -> FalsePairScore:
    return FalsePairScore("random", "v", "0", "y", area, round(1e6 * area), mismatch)


def test_r_needs_no_truth_by_hand() -> None:
    got = summarise_robustness(
        [output(0.2, 0.1), output(0.3, 0.7)],
        [false(0.1, 0.9), false(0.1, 0.2), false(0.0, 0.6)],
        threshold=0.5,
    )
    assert got.r == pytest.approx(100 * (1 - 0.2 / 3 / 0.25))
    assert got.r_filtered == pytest.approx(100 * (1 - (0.1 / 3) / 0.1))
    assert got.false_alarms == pytest.approx(200 / 3) and got.false_alarms_filtered == pytest.approx(100 / 3)
    assert got.auc == pytest.approx(100 * (2 + 1 + 1) / 6)  # 0.9 above both, 0.2 and 0.6 above one of two
    assert (got.kept, got.rejected) == (50.0, pytest.approx(200 / 3))
    assert (
        got.jf is got.jfr is got.j_filtered is got.f_filtered is got.jf_filtered is got.jfr_filtered is None
    )


def test_false_alarms_do_not_favour_small_masks() -> None:
    """A model with one pixel per false pair has nearly the best R, and the worst rate of false alarms."""
    got = summarise_robustness([output(0.5, None)], [false(1e-5, None)] * 3, threshold=0.5)
    assert got.r == pytest.approx(99.998) and got.false_alarms == 100.0
    assert got.false_alarms_filtered is None


@pytest.fixture(scope="module")
def hidden_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Refer-YouTube-VOS as it is published: no masks and no obj_id in valid."""
    root = write_tree(tmp_path_factory.mktemp("hidden") / "ytvos", {"valid": 2})
    shutil.rmtree(root / "valid" / "Annotations")
    path = root / "meta_expressions" / "valid" / "meta_expressions.json"
    content = json.loads(path.read_text())
    for video in content["videos"].values():
        for expression in video["expressions"].values():
            del expression["obj_id"]
    path.write_text(json.dumps(content))
    return root


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "load_model", lambda name: (ColourWords(), SMALL))
    return tmp_path


class ColourWords(ColourModel):
    """Finds nothing in particular; takes the sentences of the tree."""

    def _named(self, sentence: str) -> int:
        return ("red", "green", "blue").index(sentence.split()[1])


def test_masks_are_those_of_predict(hidden_root: Path, tmp_path: Path) -> None:
    data, model = VideoDataset(hidden_root, split="valid"), tiny_model()
    scores, report = write_submission(model, data, tmp_path / "s.zip", SERVER, config=SMALL, progress=False)
    assert report.ok and report.expected == {"videos": 2, "expressions": 5, "PNG": 20} and len(scores) == 5
    found = stored(tmp_path / "s.zip")
    for clip in range(2):
        of_clip = data.load_clip(clip)
        for sample, prediction in zip(of_clip, predict(model, [of_clip], config=SMALL)[0], strict=True):
            names = [f"Annotations/{sample.video}/{sample.expression_id}/{f}.png" for f in sample.frame_names]
            np.testing.assert_array_equal(
                np.stack([found[name] for name in names]), prediction.voted * np.uint8(255)
            )


def test_a_submission_to_mevis_has_no_folder_above_the_videos(hidden_root: Path, tmp_path: Path) -> None:
    root = shutil.copytree(hidden_root, tmp_path / "mevis")
    shutil.copy(root / "meta_expressions" / "valid" / "meta_expressions.json", root / "valid")
    data, form = VideoDataset(root, split="valid"), submission_format("mevis")
    _, report = write_submission(tiny_model(), data, tmp_path / "s.zip", form, config=SMALL, progress=False)
    assert report.ok and report.data == "mevis" and report.found["PNG"] == 20
    first = f"{data.records[0].video}/0/{data.records[0].frames[0]}.png"
    assert next(iter(stored(tmp_path / "s.zip"))) == first


def test_evaluate_writes_a_submission_and_says_what_it_cannot_measure(
    hidden_root: Path, command: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = run("m", data="refer-youtube-vos", root=str(hidden_root), split="valid", out="out")
    assert sorted(p.name for p in (command / "out").iterdir()) == [
        "evaluation.json", "expressions.jsonl", "index.html", "submission.zip", "table.txt",
    ]  # fmt: skip
    table = (command / "out" / "table.txt").read_text()
    assert table in capsys.readouterr().out
    assert "m on refer-youtube-vos (valid): 2 clips, 5 expressions" in table
    assert "J, F, J&F                                        no: needs the masks\n" in table
    assert "needs false pairs: --false-sentences" in table and "1(A)" not in table
    assert "submission.zip: 20 of 20 PNG, no problems found: hand it in to have J and F measured." in table
    content = json.loads((command / "out" / "evaluation.json").read_text())
    assert set(content["figures"]) == {"hidden.count", "hidden.area", "hidden.empty"}
    assert content["not_measured"]["J, F, J&F"] == "needs the masks"
    assert content["submission"]["found"]["PNG"] == 20 and content["submission"]["problems"] == []
    assert len((command / "out" / "expressions.jsonl").read_text().splitlines()) == 5
    page = (command / "out" / "index.html").read_text()
    assert "What was segmented" in page and "Best and worst" not in page
    assert page.count("data:image/png;base64,") == 1
    assert report.results[0].overall.jf is None and report.hidden
    assert main(["data", "submission", "out/submission.zip", "--root", str(hidden_root)]) == 0


def test_a_part_of_the_split_is_not_to_be_handed_in(hidden_root: Path, command: Path) -> None:
    report = run("m", data="refer-youtube-vos", root=str(hidden_root), split="valid", out="out", limit=1)
    table = report.table()
    assert "submission.zip: 8 of 20 PNG, NOT to be handed in: missing video: 1 video without" in table


def test_protocols_that_need_masks_are_refused(hidden_root: Path, command: Path) -> None:
    with pytest.raises(ConfigError, match="need masks, refer-youtube-vos valid has none"):
        run("m", data="refer-youtube-vos", root=str(hidden_root), split="valid", swap_sentences=True)
    assert not list(command.glob("runs/*"))


def test_where_masks_are_owned_j_and_f_are_measured_as_ever(command: Path) -> None:
    root = write_tree(command / "owned", {"valid": 2})
    report = run("m", data="refer-youtube-vos", root=str(root), split="valid", out="out")
    assert report.results[0].overall.jf is not None and not report.hidden
    assert not (command / "out" / "submission.zip").exists()


def test_r_of_a_real_split_without_masks(
    hidden_root: Path, command: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root = shutil.copytree(hidden_root, tmp_path / "copy")
    options = {"data": "refer-youtube-vos", "root": str(root), "split": "valid", "out": "out"}
    monkeypatch.setattr(submission, "predictions", None)  # pairs are looked for before hours of work
    with pytest.raises(DataError, match=r"r2_pairs\.json is missing: make it with data_scripts"):
        run("m", **options, false_sentences=True)
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    config = R2VOSExperimentConfig(data=replace(R2VOSExperimentConfig().data, short_side=32, max_side=48))
    monkeypatch.setattr(module, "load_model", lambda name: (tiny_r2vos(), config))
    write_pairs(pairs_file(root, "valid"), make_pairs(root, "valid"))
    report = run("m", **options)  # nothing else can be measured, so they need not be asked for
    figures = report.results[0].figures()
    assert figures["robust.random.count"] == 5
    assert {
        "robust.random.r",
        "robust.random.false_alarms",
        "robust.random.auc",
        "robust.random.kept",
    } <= set(figures)
    assert not any(name.endswith((".j_filtered", ".jf", ".jfr")) for name in figures)
    table = report.table()
    assert "false sentences                 R  false alarms     AUC   true kept  false rejected" in table
    assert "random pairs, with 1(A)" in table and "outputs that 1(A) empties" in table
    assert "see below" in table and "hard" not in table
    page = (tmp_path / "out" / "index.html").read_text()
    assert page.count("data:image/png;base64,") == 4 and "J&amp;F, filtered" not in page
    assert not run("m", **options, false_sentences=False).results[0].robust


def test_the_submission_is_filtered_by_1a_unless_told_otherwise(
    hidden_root: Path, command: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = R2VOSExperimentConfig(data=replace(R2VOSExperimentConfig().data, short_side=32, max_side=48))
    monkeypatch.setattr(module, "load_model", lambda name: (tiny_r2vos(), config))
    options = {"data": "refer-youtube-vos", "root": str(hidden_root), "split": "valid", "out": "out"}
    pixels = {}
    for wanted in (None, False):
        report = run("m", **options, align_threshold=0.0, align_filter=wanted)
        found = stored(command / "out" / "submission.zip").values()
        pixels[wanted] = sum(int((image > 0).sum()) for image in found)
        assert report.results[0].figures().get("hidden.rejected") == (100 if wanted is None else None)
        told = {None: "the submission is filtered", False: "switched off"}[wanted]
        assert f"1(A) rejects a sentence from a probability of 0 on; {told}" in report.table()
        about = json.loads((command / "out" / "evaluation.json").read_text())["alignment"]
        assert about == {"threshold": 0.0, "filter": wanted is None}
        assert ("outputs that 1(A) empties" in report.table()) == (wanted is None)
        assert sum(score.pixels for score in report.results[0].outputs) > 0
    assert pixels == {None: 0, False: sum(score.pixels for score in report.results[0].outputs)}
    assert config.inference.align_filter and config.inference.align_threshold == 0.5  # the preset stays
    with pytest.raises(ConfigError, match=r"must be a probability, in 0\.\.1, got 2"):
        run("m", **options, align_threshold=2.0)
    monkeypatch.setattr(module, "load_model", lambda name: (tiny_model(), SMALL))
    with pytest.raises(ConfigError, match="align_threshold and align_filter are for R2-VOS"):
        run("m", **options, align_filter=False)


def test_moving_shapes_without_its_masks_has_proven_pairs_and_no_server(
    command: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root = make(tmp_path / "shapes", level="1", workers=1, train=0, valid=0, test=2)
    shutil.rmtree(root / "test" / "Annotations")
    data = VideoDataset(root, split="test")
    assert [pairs.pairs.kind for pairs in false_pairs_of(data, hidden=True)] == ["random", "hard"]
    assert false_pairs_of(data, wanted=False, hidden=True) == []
    data.left_out = frozenset({data.clips[0].video})
    with pytest.raises(DataError, match=r"r2_pairs\.json holds no false sentence about anything that was"):
        false_pairs_of(data, wanted=True)
    assert [pairs.pairs.kind for pairs in false_pairs_of(data)] == ["hard"]
    data.left_out = frozenset()
    with pytest.raises(DataError, match="r2-youtube-vos has false sentences only"):
        module.truth_is_hidden(false_pairs_of(data)[0])
    monkeypatch.setattr(module, "load_model", lambda name: (tiny_model(), SMALL))
    report = run("m", root=str(root), out="out")
    assert set(report.results[0].robust) == {"random", "hard"}
    assert not (command / "out" / "submission.zip").exists()
    assert "no server known for this dataset" in report.table()
