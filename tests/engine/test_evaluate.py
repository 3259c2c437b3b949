"""Scores of a model whose answers are known by hand, the command, and bad input."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rvos_edu.config import ExperimentConfig, R2VOSExperimentConfig, R2VOSInferenceConfig
from rvos_edu.engine import evaluate as module
from rvos_edu.engine import evaluation_data
from rvos_edu.engine.evaluate import evaluate, quick_score, run
from rvos_edu.engine.inference import clip_batches, evenly, predict
from rvos_edu.engine.protocols import shuffle_frames_of
from rvos_edu.engine.scoring import right_object
from rvos_edu.errors import ConfigError, DataError
from tests.engine.oracle import Clips, ColourModel, Judging, rectangles, samples

CONFIG = ExperimentConfig()
CONFIG.data.short_side, CONFIG.data.max_side = 16, 32

MOVING = samples(
    "moving",
    [[0, 1, 2, 3], [5, 5, 5, 5]],
    [("object one", 0, "colour", 2), ("moving right", 0, "motion", 2), ("object two", 1, "colour", 2)],
)
LATE = samples("late", [[0, 0, 0, 0], [None, 4, 4, 4]], [("object two", 1, "late entry", None)])
WRONG = samples("wrong", [[0, 0, 0, 0], [4, 4, 4, 4]], [("object two", 0, "shape", None)])


def score(*clips: list, **options: object):
    return evaluate(ColourModel(), Clips(*clips), config=CONFIG, progress=False, **options)  # type: ignore[arg-type]


def test_a_perfect_model_scores_100() -> None:
    result = score(MOVING)
    assert result.overall.count == 3
    assert result.overall.jf == result.overall.j == result.overall.f == result.overall.jf_frame == 100.0
    assert result.overall.right == 100.0
    assert list(result.categories) == ["colour", "motion"]
    assert result.categories["motion"].chance == 50.0
    assert result.images is not None
    assert result.images.count == 12
    assert result.images.precision == [100.0] * 5
    assert result.images.overall_iou == result.images.mean_iou == 100.0
    assert result.images.mean_average_precision == pytest.approx(100.0)
    assert result.shuffled is None and result.swapped is None and result.late_entry_gain is None


def test_a_wrong_object_scores_0() -> None:
    result = score(WRONG)
    assert result.overall.j == 0.0 and result.overall.right == 0.0
    assert result.images is not None
    # The voted masks miss; the masks of all queries, right ones too but with a low probability, count in mAP.
    assert result.images.mean_iou == 0.0 and result.images.precision == [0.0] * 5
    assert result.images.mean_average_precision_best == 0.0
    # Four wrong masks at 0.99, then right and empty ones in turn at 0.5: precision 4 / 11 when all are found.
    assert result.images.mean_average_precision == pytest.approx(100 * 4 / 11)


def test_voting_beats_the_choice_per_frame_on_late_entries() -> None:
    result = score(LATE, MOVING)
    late = result.late_entry
    assert late.count == 1 and result.overall.count == 4
    assert late.jf == 100.0
    # In the first frame query 0, the other object, wins: an empty truth against a square. J = F = 0 there.
    assert late.jf_frame == 75.0
    assert result.late_entry_gain == 25.0
    assert result.images is not None and result.images.count == 12 + 3  # only frames that show the object
    assert result.images_per_frame is not None and result.images_per_frame.mean_iou == 100.0


def test_the_other_sentence_loses_the_object() -> None:
    result = score(MOVING, LATE, swap=True)
    assert result.swapped is not None
    assert result.swapped.count == 3  # LATE has one object with sentences
    assert (result.swapped.jf, result.swapped.swapped_jf, result.swapped.drop) == (100.0, 0.0, 100.0)
    assert [s.swapped_jf for s in result.expressions] == [0.0, 0.0, 0.0, None]


def test_shuffled_frames_are_scored_for_motion_sentences() -> None:
    result = score(MOVING, LATE, shuffle=True, seed=7)
    [shuffled] = shuffle_frames_of([MOVING[1]], seed=7)
    assert shuffled.target is not None
    place = [int(m.any(0).int().argmax()) for m in shuffled.target.masks[0]]
    assert result.shuffled is not None
    assert result.shuffled.count == 1 and result.shuffled.chance == 50.0
    assert result.shuffled.right == (100.0 if place[-1] > place[0] else 0.0)
    assert result.categories["motion"].right == 100.0


def test_every_clip_is_encoded_once() -> None:
    model = ColourModel()
    evaluate(model, Clips(MOVING, WRONG), config=CONFIG, progress=False)  # type: ignore[arg-type]
    assert model.clips_encoded == 2


def test_batches_hold_clips_of_equal_length() -> None:
    short = samples("short", [[0, 1]], [("object one", 0, None, None)])
    clips = Clips(MOVING, short, LATE, WRONG)
    found = [[clip.index for clip in batch] for batch in clip_batches(clips, [0, 1, 2, 3], 2)]  # type: ignore[arg-type]
    assert found == [[0], [1], [2, 3]]
    assert score(MOVING, short, LATE, WRONG, batch_size=3).overall.count == 6


def test_clips_of_another_size_go_into_a_batch_of_their_own() -> None:
    small = [replace(s, frames=s.frames[..., :24], target=_cropped(s)) for s in MOVING]
    small = [replace(s, original_size=(16, 24)) for s in small]
    found = clip_batches(Clips(MOVING, small, small), [0, 1, 2], 3)  # type: ignore[arg-type]
    assert [[clip.index for clip in batch] for batch in found] == [[0], [1, 2]]
    both = score(MOVING, small, batch_size=2)
    assert both.overall.jf == 100.0


def _cropped(sample):  # type: ignore[no-untyped-def]
    return replace(sample.target, masks=sample.target.masks[..., :24])


def test_predictions_list_the_masks_of_all_queries() -> None:
    [[prediction, *_]] = predict(ColourModel(), [MOVING], config=CONFIG)  # type: ignore[arg-type]
    masks = np.stack(list(prediction.candidates([1, 3])))
    truth = rectangles([[1, 3], [5, 5]]).numpy()
    np.testing.assert_array_equal(masks[:, :2], truth.transpose(1, 0, 2, 3))
    assert prediction.query == 0 and prediction.votes.argmax() == 0
    assert prediction.probabilities.shape == (3, 4)


def test_right_object_by_hand() -> None:
    masks = rectangles([[0, 0], [2, None]]).numpy()
    output = np.zeros_like(masks[0])
    assert right_object(masks[0], masks, 0) is True
    assert right_object(masks[0], masks, 1) is False
    assert right_object(output, masks, 0) is False  # nothing found: no object is better than another
    assert right_object(masks[0], masks[:1], 0) is None
    output[:, 4:8, 8:12] = True  # object 1 in its one visible frame, also drawn where it is absent
    assert right_object(output, masks, 1) is True


def test_quick_score_keeps_the_mode_and_follows_the_limit() -> None:
    model = ColourModel().train()
    found = quick_score(model, Clips(MOVING, WRONG), CONFIG, limit=2)  # type: ignore[arg-type]
    assert model.training
    assert found.jf == 100.0  # half of the four expressions: the first clip
    assert quick_score(model, Clips(MOVING, WRONG), CONFIG).jf == pytest.approx(75.0)  # type: ignore[arg-type]


def test_evenly() -> None:
    assert evenly(10, 5) == [0, 2, 4, 6, 8]
    assert evenly(3, None) == evenly(3, 9) == [0, 1, 2]


def test_nothing_to_evaluate() -> None:
    with pytest.raises(DataError, match="dataset is empty"):
        score()
    blind = [replace(s, target=None) for s in MOVING]
    with pytest.raises(DataError, match="video moving has no masks to evaluate against"):
        score(blind)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "load_model", lambda name: (ColourModel(), CONFIG))
    clips = {0: Clips(MOVING, LATE), 4: Clips(MOVING, LATE, WRONG)}
    monkeypatch.setattr(evaluation_data, "load", lambda name, *, seed, **options: clips[seed])
    return tmp_path


def test_the_command_writes_table_json_and_page(command: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = run("nano-mttr", seeds=[0, 4])
    folder = command / "runs" / "evaluate-nano-mttr-moving-shapes-test"
    assert sorted(p.name for p in folder.iterdir()) == [
        "evaluation.json", "expressions.jsonl", "index.html", "table.txt",
    ]  # fmt: skip
    content = json.loads((folder / "evaluation.json").read_text())
    assert content["seeds"] == [0, 4] and content["clips"] == [2, 3]
    assert content["figures"]["overall.jf"]["high"] == 100.0
    assert content["figures"]["overall.jf"]["low"] == pytest.approx(80.0)
    assert content["figures"]["overall.jf"]["mean"] == pytest.approx(90.0)
    assert content["figures"]["swapped.drop"]["mean"] == 100.0
    assert "shuffled.right" in content["figures"]
    assert len((folder / "expressions.jsonl").read_text().splitlines()) == 4 + 5
    table, printed = (folder / "table.txt").read_text(), capsys.readouterr().out
    assert table in printed
    assert "moving-shapes-test: evaluation.json, expressions.jsonl, index.html, table.txt\n" in printed
    assert "motion                  2   100.0" in table
    assert "J&F 90.0 (80.0 to 100.0), without voting" in table
    page = (folder / "index.html").read_text()
    assert page.count("data:image/png;base64,") == 2 and "http" not in page
    assert report.results[0].overall.jf == 100.0


def judging(**settings: Any) -> R2VOSExperimentConfig:
    config = R2VOSExperimentConfig(inference=R2VOSInferenceConfig(**settings))
    config.data.short_side, config.data.max_side = 16, 32
    return config


def test_the_filter_counts_wherever_the_model_judges() -> None:
    """Both sentences with "two" are emptied: right in one frame of eight, without the object."""
    clips: Any = Clips(MOVING, LATE)
    for on in (True, False):  # the settings decide about masks, figures of both kinds are always there
        result = evaluate(Judging(), clips, config=judging(align_filter=on), progress=False)  # type: ignore[arg-type]
        assert result.overall.jf == 100.0 and result.overall_filtered is not None
        found = result.overall_filtered
        assert (found.j, found.f, found.jf) == (56.25, 56.25, 56.25)  # (1 + 1 + 0 + 1/4) / 4
        assert found.kept == 50.0 and result.figures()["overall_filtered.jf"] == 56.25
    lenient = evaluate(Judging(), clips, config=judging(align_threshold=0.99), progress=False)  # type: ignore[arg-type]
    assert lenient.overall_filtered is not None
    assert (lenient.overall_filtered.jf, lenient.overall_filtered.kept) == (100.0, 100.0)
    silent = score(MOVING, LATE)
    assert silent.overall_filtered is None and "overall_filtered.jf" not in silent.figures()


def test_the_command_says_what_the_filter_does(command: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "load_model", lambda name: (Judging(), judging()))
    report = run("x", out="out")
    assert not report.results[0].robust  # no false sentences are asked
    told = "with the filter 1(A): J&F 56.2, J 56.2, F 56.2, 50.0 % of the sentences kept"
    assert told in report.table().splitlines()
    assert told.replace("&", "&amp;") in (command / "out" / "index.html").read_text()
    content = json.loads((command / "out" / "evaluation.json").read_text())
    assert content["figures"]["overall_filtered.jf"]["mean"] == 56.25
    assert "1(A)" not in run_plain(monkeypatch)


def run_plain(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(module, "load_model", lambda name: (ColourModel(), CONFIG))
    return run("x", out="plain").table()


def test_the_command_replaces_only_its_own_results(command: Path) -> None:
    (command / "mine").mkdir()
    (command / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match="mine holds other files"):
        run(out="mine")
    assert (command / "mine" / "thesis.txt").read_text() == "years of work"
    run(out="results")
    run(out="results", limit=1)
    assert json.loads((command / "results" / "evaluation.json").read_text())["clips"] == [1]


def test_bad_arguments(command: Path) -> None:
    with pytest.raises(ConfigError, match="limit must be at least 1, got 0"):
        run(limit=0)
    with pytest.raises(ConfigError, match="several seeds need moving-shapes without a root"):
        run(data="refer-youtube-vos", seeds=[1, 2])


def test_evaluation_makes_no_gradients() -> None:
    [[prediction, *_]] = predict(ColourModel(), [MOVING], config=CONFIG)  # type: ignore[arg-type]
    assert not prediction.mask_logits.requires_grad and isinstance(prediction.mask_logits, torch.Tensor)
