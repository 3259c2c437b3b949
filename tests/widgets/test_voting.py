"""The voting explorer: one forward pass, then every change is drawn from its record."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from rvos_edu.config import ExperimentConfig
from rvos_edu.engine.segment import segment
from rvos_edu.errors import DataError
from rvos_edu.metrics import region_similarity
from rvos_edu.models import MTTR
from rvos_edu.widgets import voting as module
from rvos_edu.widgets.voting import VotingView, voting_figure, voting_record, voting_widget
from tests.engine.conftest import text_encoder, tiny, tree

pytest.importorskip("ipywidgets")
__all__ = ["text_encoder", "tiny", "tree"]  # fixtures

FRAMES = np.random.default_rng(0).integers(0, 255, (4, 32, 48, 3), dtype=np.uint8)
TRUTH = np.zeros((4, 32, 48), bool)
TRUTH[:, 8:20, 10:30] = True


@pytest.fixture
def model(tiny: ExperimentConfig, text_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> MTTR:
    monkeypatch.setattr(module, "load_model", lambda model: (model, tiny))
    torch.manual_seed(0)
    return MTTR(tiny.model, tokenizer=text_encoder).eval()


@pytest.fixture
def record(model: MTTR) -> VotingView:
    return voting_record(model, FRAMES, " The  red square", truth=TRUTH)


def test_the_record_is_what_segment_finds(model: MTTR, record: VotingView, tiny: ExperimentConfig) -> None:
    for voted in (True, False):
        result = segment(model, FRAMES, "the red square", voting=voted, config=tiny, max_frames=4, overlap=0)
        queries = record.queries(voting=voted)
        np.testing.assert_array_equal(record.masks[queries, range(4)], result.masks)
    np.testing.assert_allclose(record.probabilities, result.probabilities, atol=1e-6)
    assert record.masks.shape == (5, 4, 32, 48) and record.expression == "the red square"
    assert record.overlaps is not None
    np.testing.assert_allclose(record.overlaps[3], region_similarity(record.masks[3], TRUTH))


def test_without_truth_nothing_is_scored(model: MTTR) -> None:
    record = voting_record(model, FRAMES, "the red square")
    assert record.truth is None and record.overlaps is None
    with pytest.raises(DataError, match="empty"):
        voting_record(model, FRAMES, "  ")
    with pytest.raises(ValueError, match="uint8"):
        voting_record(model, FRAMES / 255.0, "the red square")


def test_every_control_changes_the_picture_and_the_model_rests(
    model: MTTR, record: VotingView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "predict", lambda *_, **__: pytest.fail("the model ran again"))
    different = record.probabilities.copy()
    different[(record.voted + 1) % 5, 2] = 1.0  # one frame prefers another query
    record = VotingView(FRAMES, record.masks, different, "s", TRUTH, record.overlaps)
    widget = voting_widget(record)
    (frame, query, rule), picture = widget.children[0].children, widget.children[1]
    assert query.value == record.voted and rule.value is True
    assert bytes(picture.value) == voting_figure(record).to_jpeg()
    seen = {bytes(picture.value)}
    for control, value in ((frame, 2), (query, (record.voted + 2) % 5), (rule, False)):
        control.value = value
        seen.add(bytes(picture.value))
    assert len(seen) == 4
    last = voting_figure(record, frame=2, query=(record.voted + 2) % 5, voting=False).to_jpeg()
    assert bytes(picture.value) == last
    assert "running kernel" in repr(widget) and "voting_figure" in repr(widget)
