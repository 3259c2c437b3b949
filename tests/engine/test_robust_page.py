"""False sentences on the page: table C, threshold and ROC figures, which pairs are shown, whole pages."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rvos_edu.config import ExperimentConfig, R2VOSExperimentConfig
from rvos_edu.data.moving_shapes import make
from rvos_edu.engine import evaluate as module
from rvos_edu.engine.evaluation_data import level_and_seeds
from rvos_edu.engine.robust import FalsePairScore
from rvos_edu.engine.robust_page import roc_figure, telling_pairs, threshold_figure
from rvos_edu.engine.robust_table import robust_lines, robust_table
from rvos_edu.engine.scoring import ExpressionScore
from rvos_edu.engine.summary import EvaluationResult, Spread, summarise_group
from rvos_edu.errors import ConfigError, DataError
from tests.tiny import tiny_model, tiny_r2vos


def spread(**figures: float) -> dict[str, Spread]:
    known = {name.replace("__", "."): value for name, value in figures.items()}
    return {name: Spread(value, value, value) for name, value in known.items()}


PLAIN = spread(
    overall__j=50, overall__f=60, robust__hard__count=9, robust__hard__r=40, robust__hard__jfr=50,
    robust__hard__false_alarms=95,
)  # fmt: skip


def test_table_c_of_a_model_that_does_not_judge_has_one_row_per_kind() -> None:
    assert robust_table(PLAIN) == [
        ["false sentences", "J&F&R", "J", "F", "R", "false alarms"],
        ["hard pairs", "50.0", "50.0", "60.0", "40.0", "95.0"],
    ]
    assert len(robust_table(spread(overall__j=50))) == 1


def test_table_c_of_a_model_that_judges_has_a_second_row_and_says_what_is_missing() -> None:
    filtered = {"r": 90, "j": 48, "f": 58, "auc": 97, "kept": 95, "rejected": 88.04}
    filtered["false_alarms"] = 11.96
    names = {
        "false_alarms": "false_alarms_filtered",
        "r": "r_filtered",
        "j": "j_filtered",
        "f": "f_filtered",
    }  # and no J&F&R: R was None at a seed
    more = spread(**{f"robust__hard__{names.get(key, key)}": value for key, value in filtered.items()})
    header, plain, with_filter = robust_table({**PLAIN, **more})
    assert header[4:] == ["R", "false alarms", "AUC", "true kept", "false rejected"]
    assert plain == ["hard pairs", "50.0", "50.0", "60.0", "40.0", "95.0", "-", "-", "-"]
    assert with_filter == [
        "hard pairs, with 1(A)", "-", "48.0", "58.0", "90.0", "12.0", "97.0", "95.0", "88.0",
    ]  # fmt: skip
    lines = robust_lines([header, plain, with_filter])
    assert len({len(line) for line in lines}) == 1 and lines[1] == "-" * len(lines[0])
    assert lines[2].startswith("hard pairs  ") and lines[3].endswith("88.0")


def true(mismatch: float) -> ExpressionScore:
    return ExpressionScore(
        0, "v", "0", "x", None, 0.6, 0.8, 0.6, 0.8, None, None, False, None, None, 0, 0.5, 400, 0.0, mismatch
    )


def false(mismatch: float | None, area: float = 0.25, kind: str = "random") -> FalsePairScore:
    return FalsePairScore(kind, "v", "0", "y", area, round(800 * area), mismatch)


def result(right: list[float], wrong: list[float]) -> EvaluationResult:
    scores = [true(p) for p in right]
    group = summarise_group(scores)
    pairs = [false(p) for p in wrong] + [false(0.0, kind="hard")]
    robust = dict.fromkeys(("random", "hard"))
    return EvaluationResult(group, {}, group, None, None, None, None, scores, robust, pairs)  # type: ignore[arg-type]


def test_threshold_figure_is_the_mean_over_seeds() -> None:
    figure = threshold_figure([result([0.105, 0.305], [0.605]), result([0.105, 0.305], [0.205])], 0.25)
    left, right = figure.axes
    assert (left.get_title(), right.get_title()) == ("random pairs", "hard pairs")
    lines = {line.get_label(): np.asarray(line.get_ydata()) for line in left.lines[:4]}
    at = {round(float(x), 2): i for i, x in enumerate(np.asarray(left.lines[0].get_xdata()))}
    assert [lines["true sentences kept"][at[x]] for x in (0.1, 0.2, 0.4)] == [0, 50, 100]
    assert [lines["false sentences rejected"][at[x]] for x in (0.1, 0.4, 0.7)] == [100, 50, 0]
    assert np.isnan(lines["R, filtered"][at[0.1]])  # nothing is kept
    assert lines["R, filtered"][at[0.4]] == pytest.approx((100 + 50) / 2)  # 1 - 0.25 / 0.5 at the second seed
    assert lines["J&F, filtered"][at[0.2]] == pytest.approx(35)
    assert "50.0 R, filtered" in left.texts[0].get_text()  # at 0.25: 100 and 1 - 0.25 / 0.25


def test_roc_figure_puts_the_pairs_of_all_seeds_into_one_curve() -> None:
    figure = roc_figure([result([0.1], [0.9]), result([0.3], [0.2])], 0.25)
    random = next(line for line in figure.axes[0].lines if str(line.get_label()).startswith("random pairs"))
    assert random.get_label() == "random pairs, AUC 75.0"
    np.testing.assert_allclose(random.get_xdata(), [0, 0, 50, 50, 100])
    np.testing.assert_allclose(random.get_ydata(), [0, 50, 50, 100, 100])
    dots = [line.get_xydata() for line in figure.axes[0].lines if line.get_marker() == "o"]
    found = [np.asarray(dot).tolist() for dot in dots]
    assert found == [[[50, 50]], [[50, 0]], []]  # the last is that of the legend


def test_pairs_shown_are_the_largest_on_each_side_of_the_threshold() -> None:
    small, large = false(0.4, 0.1), false(0.1, 0.3)
    rejected, hard = false(0.5, 0.2), false(0.9, 0.4, "hard")
    assert telling_pairs([small, large, rejected, hard], 0.5) == {
        "let through": [large],
        "rejected": [rejected, hard],
    }
    assert telling_pairs([false(None)], 0.5) == {}


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("page") / "full", seed=3, workers=1, train=0, valid=0, test=3)


def page_of(
    model: object, config: object, shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    monkeypatch.setattr(module, "load_model", lambda name: (model, config))
    module.run("any", root=str(shapes), limit=2, out=str(tmp_path / "out"), swap_sentences=False)
    return (tmp_path / "out" / "index.html").read_text()


def test_a_page_of_r2vos(shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = R2VOSExperimentConfig()
    config.data.short_side, config.data.max_side = 32, 48
    page = page_of(tiny_r2vos(), config, shapes, tmp_path, monkeypatch)
    assert page.count("data:image/png;base64,") == 2 + 3  # bars and clips; thresholds, ROC, false sentences
    for text in ("Sentences that fit nothing", "random pairs, with 1(A)", "<th>false rejected</th>"):
        assert page.count(text) == 1
    assert (tmp_path / "out" / "false_pairs.jsonl").is_file()


def test_a_folder_is_called_what_it_was_made_as(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = ExperimentConfig()
    config.data.short_side, config.data.max_side = 32, 48
    easy = make(tmp_path / "easy", level="1", seed=5, workers=1, train=0, valid=0, test=2)
    page = page_of(tiny_model(), config, easy, tmp_path, monkeypatch)
    content = json.loads((tmp_path / "out/evaluation.json").read_text())
    assert (content["level"], content["seeds"]) == ("1", [5]) and "(test, level 1, seed 5)" in page
    for asked, said in (({"level": "full"}, "level full"), ({"seeds": [0]}, r"seeds \[0\]")):
        with pytest.raises(ConfigError, match=f"made with level 1 and seed 5 .*asked for: {said}; leave"):
            module.run("any", root=str(easy), out=str(tmp_path / "other"), **asked)
    about = easy / "moving_shapes.json"
    about.write_text("{}")
    with pytest.raises(DataError, match='moving_shapes.json is damaged: expected "level" and "seed"'):
        module.run("any", root=str(easy), out=str(tmp_path / "other"))
    about.unlink()
    module.run("any", root=str(easy), out=str(tmp_path / "other"), false_sentences=False)
    assert json.loads((tmp_path / "other/evaluation.json").read_text())["level"] is None
    with pytest.raises(ConfigError, match="easy has no levels .*, got '1'"):
        module.run("any", root=str(easy), level="1", out=str(tmp_path / "other"))
    assert level_and_seeds("moving-shapes-images", None, "1", [5]) == ("1", [5])
    assert level_and_seeds("moving-shapes", None, None, None) == ("full", [0])
    with pytest.raises(ConfigError, match="mevis has no levels .*, got '1'"):
        module.run("any", data="mevis", level="1", out=str(tmp_path / "other"))


def test_a_page_of_mttr_has_the_table_only(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = ExperimentConfig()
    config.data.short_side, config.data.max_side = 32, 48
    page = page_of(tiny_model(), config, shapes, tmp_path, monkeypatch)
    assert page.count("data:image/png;base64,") == 2
    assert "hard pairs" in page and "1(A)" not in page
