"""The shipped models on twelve videos that training never saw: what the README says of 600, in bands."""

from __future__ import annotations

import pytest

from rvos_edu.data import load
from rvos_edu.data.moving_shapes import make
from rvos_edu.engine.evaluate import evaluate
from rvos_edu.engine.robust_protocol import add_false_pairs, false_pairs_of
from rvos_edu.engine.summary import EvaluationResult
from rvos_edu.models import model_from_pretrained
from rvos_edu.presets import load_config

MODELS = ("nano-mttr", "nano-r2vos")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, EvaluationResult]:
    root = make(tmp_path_factory.mktemp("shipped") / "full", seed=77, workers=1, train=0, valid=0, test=12)
    data, found = load("moving-shapes", root=root, split="test"), {}
    for name in MODELS:
        model, config = model_from_pretrained(name), load_config(name)
        found[name] = evaluate(model, data, config=config, candidates=False, swap=True, progress=False)
        add_false_pairs(found[name], model, false_pairs_of(data), config=config, progress=False)
    return found


@pytest.mark.parametrize("name", MODELS)
def test_the_named_object_is_found(name: str, results: dict[str, EvaluationResult]) -> None:
    overall, swapped = results[name].overall, results[name].swapped
    assert overall.jf > 70 and overall.right > 80 and overall.chance < 60
    assert swapped is not None and swapped.swapped_jf < 20  # another sentence, another object


def test_only_r2vos_says_no(results: dict[str, EvaluationResult]) -> None:
    for kind, auc, rejected in (("random", 95, 85), ("hard", 85, 75)):
        mttr, r2vos = (results[name].robust[kind] for name in MODELS)
        assert r2vos.r > mttr.r + 30  # without the filter
        assert mttr.auc is None and r2vos.auc > auc
        assert r2vos.r_filtered > r2vos.r and r2vos.kept > 90 and r2vos.rejected > rejected
        assert r2vos.jf_filtered > r2vos.jf - 5
    assert results["nano-r2vos"].robust["random"].r_filtered > 85
