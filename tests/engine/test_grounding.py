"""What figures A and B show is what the model returns; shares on an object by hand; the script."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image

from rvos_edu.config import R2VOSExperimentConfig
from rvos_edu.data import collate, eval_transform
from rvos_edu.data.moving_shapes import make
from rvos_edu.engine.grounding import sentence_record, share_on
from rvos_edu.models import R2VOS
from rvos_edu.viz.grounding import GroundingPicture
from tests.engine.oracle import samples
from tests.tiny import tiny_model, tiny_r2vos

[SAMPLE] = samples("clip", [[0, 1, 2], [5, 5, 5]], [("the red square", 0, None, None)])
CONFIG = R2VOSExperimentConfig()
CONFIG.data.short_side, CONFIG.data.max_side = 32, 64


@pytest.fixture(scope="module")
def model() -> R2VOS:
    return tiny_r2vos()


def test_the_record_holds_what_the_model_returns(model: R2VOS) -> None:
    record = sentence_record(model, SAMPLE, config=CONFIG)
    batch = collate([eval_transform(CONFIG.data)(replace(SAMPLE, target=None))])
    with torch.inference_mode():
        out = model(batch.frames, batch.expressions, return_attention=True)
        fused = model.fused_text(out.sentence, out.reconstructed)[0]
    assert out.grounding is not None
    found, queries = record.grounding, record.queries
    assert found.tokens == ["<s>", "the", "red", "square", "</s>"]
    assert found.words_to_pixels.shape == found.pixels_to_words.shape == (5, 3, 2, 4)  # 32x64, stride 16
    np.testing.assert_allclose(found.words_to_pixels.sum((1, 2, 3)), 1, atol=1e-5)
    np.testing.assert_allclose(found.pixels_to_words.sum(0), 1, atol=1e-5)
    looks, reads = out.grounding.words_to_pixels[0].mean(0), out.grounding.pixels_to_words[0].mean(0)
    cell = (1 * 2 + 1) * 4 + 3  # frame 1, row 1, column 3
    np.testing.assert_allclose(found.words_to_pixels[2, 1, 1, 3], looks[2, cell], rtol=1e-5)
    np.testing.assert_allclose(found.pixels_to_words[2, 1, 1, 3], reads[cell, 2], rtol=1e-5)
    np.testing.assert_allclose(
        found.strength[1, 1, 3], out.grounding.after[0, 1, :, 1, 3].square().sum().sqrt(), rtol=1e-5
    )
    probabilities = out.class_logits[-1, 0, :, :, 0].sigmoid().T
    np.testing.assert_allclose(queries.probabilities, probabilities, rtol=1e-5)
    assert queries.chosen == int(probabilities.sum(1).argmax())
    np.testing.assert_allclose(queries.boxes[1, 2], out.boxes[-1, 0, 2, 1], rtol=1e-5)
    np.testing.assert_allclose(queries.fused, fused, rtol=1e-5)
    assert queries.masks.shape == (3, 3, 16, 32)
    np.testing.assert_array_equal(found.masks, queries.masks[queries.chosen])
    assert record.mismatch == pytest.approx(float(out.alignment_logits.sigmoid()), rel=1e-5)
    assert found.note == queries.note == f"p(does not match) {record.mismatch:.2f}"


def test_a_model_without_early_grounding_is_refused() -> None:
    with pytest.raises(ValueError, match="no early grounding"):
        sentence_record(tiny_r2vos(grounding="none"), SAMPLE, config=CONFIG)


def picture(looks: list[list[float]], strength: list[float]) -> GroundingPicture:
    """One frame of 1 x 2 pixels in 1 x 2 cells, two words."""
    return GroundingPicture(
        "a b", ["a", "b"], np.zeros((1, 1, 2, 3), np.uint8), np.zeros((1, 1, 2), bool),
        np.array(looks, np.float32).reshape(2, 1, 1, 2), np.full((2, 1, 1, 2), 0.5, np.float32),
        np.array(strength, np.float32).reshape(1, 1, 2),
    )  # fmt: skip


def test_shares_on_an_object_by_hand() -> None:
    left = np.array([[[True, False]]])
    share = share_on(picture([[0.9, 0.1], [0.5, 0.5]], [6.0, 3.0]), left)
    assert share.pixels == 0.5
    assert share.attention == pytest.approx(0.7) and share.strength == pytest.approx(2.0)
    with pytest.raises(ValueError, match=r"must be \(1, 1, 2\), neither empty nor full"):
        share_on(picture([[0.9, 0.1], [0.5, 0.5]], [6.0, 3.0]), ~left | left)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = Path(__file__).parents[2] / "data_scripts" / "draw_r2vos_figures.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_script_draws_both_figures_and_says_where_the_maps_lie(
    model: R2VOS,
    script: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = make(tmp_path / "shapes", seed=3, workers=1, train=0, valid=0, test=2)
    monkeypatch.setattr(script, "load_model", lambda name: (model, CONFIG))
    arguments = ["--root", str(root), "--out", str(tmp_path / "figures")]
    assert script.main([*arguments, "--measure", "2"]) == 0
    for name in ("figure-a", "figure-b", "figure-b-false"):
        assert Image.open(tmp_path / "figures" / f"{name}.png").width == 1350
    printed = capsys.readouterr().out
    assert "true: p(does not match)" in printed and "false: p(does not match)" in printed
    assert "(1 clips)" in printed and "(2 clips)" in printed
    assert script.main([*arguments, "--clip", "9"]) == 2
    assert script.main([*arguments, "--true", "99"]) == 2
    monkeypatch.setattr(script, "load_model", lambda name: (tiny_model(), CONFIG))
    assert script.main(arguments) == 2
    errors = capsys.readouterr().err
    assert "clip must be in 0..1, got 9" in errors and "true sentences, got number 99" in errors
    assert "is not an R2-VOS" in errors
