"""The sentence widget and its static twin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from rvos_edu.config import ExperimentConfig, R2VOSExperimentConfig
from rvos_edu.engine import segment as module
from rvos_edu.models import MTTR
from rvos_edu.viz import Figure
from rvos_edu.widgets import segmentation
from rvos_edu.widgets.segmentation import segmentation_figure, segmentation_widget
from tests.engine.conftest import text_encoder, tiny, tree
from tests.tiny import tiny_r2vos

pytest.importorskip("ipywidgets")
__all__ = ["text_encoder", "tiny", "tree"]  # fixtures

FRAMES = np.random.default_rng(0).integers(0, 255, (3, 32, 48, 3), dtype=np.uint8)


@pytest.fixture
def model(tiny: ExperimentConfig, text_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> MTTR:
    monkeypatch.setattr(module, "load_model", lambda model: (model, tiny))
    torch.manual_seed(0)
    return MTTR(tiny.model, tokenizer=text_encoder).eval()


def test_a_new_sentence_makes_a_new_picture(model: MTTR) -> None:
    widget = segmentation_widget(model, FRAMES, "the red square")
    row, message, picture = widget.children
    sentence, button = row.children
    before = bytes(picture.value)
    assert before == segmentation_figure(model, FRAMES, "the red square").to_png()
    sentence.value = "the green square moving left"
    assert bytes(picture.value) != before and message.value == ""
    changed = bytes(picture.value)
    button.click()
    assert bytes(picture.value) == changed


def test_the_model_runs_once_per_sentence(model: MTTR, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = segmentation.segment

    def counted(model: MTTR, frames: np.ndarray, expression: str) -> object:
        asked.append(expression)
        return real(model, frames, expression)

    monkeypatch.setattr(segmentation, "segment", counted)
    widget = segmentation_widget(model, FRAMES, "the red square")
    sentence, button = widget.children[0].children
    sentence.value = "the green square"  # typed; then the button takes the focus and is pressed
    button.click()
    assert asked == ["the red square", "the green square"]
    sentence.value = ""  # refused; the sentence before it can be asked again
    button.click()
    sentence.value = "the green square"
    assert asked[2:] == ["", "the green square"] and widget.children[1].value == ""


def test_a_bad_sentence_is_explained(model: MTTR) -> None:
    widget = segmentation_widget(model, FRAMES, "the red square")
    row, message, picture = widget.children
    before = bytes(picture.value)
    row.children[0].value = "  "
    assert "empty" in message.value and bytes(picture.value) == before


def test_the_figure_has_a_picture_per_frame(model: MTTR) -> None:
    figure = segmentation_figure(model, FRAMES, "the red square")
    assert [axes.get_title() for axes in figure.axes] == ["frame 0", "frame 1", "frame 2"]
    assert _title(figure) == "the red square"  # MTTR gives no verdict


def _title(figure: Figure) -> str:
    return figure.get_suptitle().replace("\n", " ")


@pytest.mark.parametrize(
    ("threshold", "said"),
    [(1.0, "(the sentence fits: p(does not match) "), (0.0, "(sentence rejected: p(does not match) ")],
)
def test_the_verdict_of_r2vos_stands_above_the_pictures(
    threshold: float, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = R2VOSExperimentConfig()
    config.data.short_side, config.data.max_side = 32, 48
    config.inference.align_threshold = threshold
    monkeypatch.setattr(module, "load_model", lambda model: (model, config))
    title = _title(segmentation_figure(tiny_r2vos(), FRAMES, "the red circle"))
    assert title.startswith(f"the red circle {said}")
    widget = segmentation_widget(tiny_r2vos(), FRAMES, "the red circle")
    assert bytes(widget.children[2].value).startswith(b"\x89PNG")
