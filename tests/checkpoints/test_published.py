"""The list of published checkpoints, and which file is which."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rvos_edu.checkpoints.published import KINDS, PUBLISHED, identify, published_table
from rvos_edu.data import dataset_names
from rvos_edu.presets import load_config, preset_names


def test_every_entry_is_complete() -> None:
    names = [entry.name for entry in PUBLISHED]
    assert len(names) == len(set(names)) == 12
    for entry in PUBLISHED:
        assert entry.kind in KINDS and entry.address.startswith("https://") and entry.scores
        assert (entry.preset is None) == (entry.kind == "video-swin")
        if entry.preset is not None:
            assert entry.preset in preset_names() and load_config(entry.preset).architecture == entry.kind


def test_scores_of_the_authors() -> None:
    scores = {(e.name, s.data): s.value for e in PUBLISHED for s in e.scores}
    assert scores["mttr-a2d-w10", "a2d-sentences"] == 46.1
    assert scores["mttr-a2d-w10", "jhmdb-sentences"] == 39.2
    assert scores["mttr-a2d-w8", "a2d-sentences"] == 44.7
    assert scores["mttr-a2d-w8", "jhmdb-sentences"] == 36.6
    assert scores["mttr-ref-ytvos-w12", "refer-youtube-vos"] == 55.32
    assert scores["video-swin-b-22k", "Kinetics-400"] == 82.7
    assert "refer-youtube-vos" in dataset_names()


@pytest.mark.parametrize(
    ("kind", "file", "values", "name"),
    [
        ("mttr", "refer-youtube-vos_window-12.pth.tar", {}, "mttr-ref-ytvos-w12"),
        ("mttr", "best.pth.tar", {"best_mAP": np.float64(0.46098)}, "mttr-a2d-w10"),
        ("mttr", "best.pth.tar", {"best_mAP": np.float64(0.4472)}, "mttr-a2d-w8"),
        ("mttr", "best.pth.tar", {"best_mAP": 0.451}, None),
        ("mttr", "best.pth.tar", {"best_loss": 800.0}, None),
        ("mttr", "best.pth.tar", {"best_mAP": "high"}, None),
        ("mttr", "best.pth.tar", {"best_mAP": None}, None),
        ("mttr", "best.pth.tar", {"best_mAP": np.ones(3)}, None),
        ("r2vos", "checkpoint.pth", {}, "r2vos-ref-ytvos-published"),
        ("mttr", "checkpoint.pth", {}, None),
        ("video-swin", "swin_small_patch244_window877_kinetics400_1k.pth", {}, "video-swin-s"),
        ("video-swin", "swin3d_b_22k-7c6ae6fa.pth", {}, "video-swin-b-22k-torchvision"),
    ],
)
def test_which_file_is_which(kind: str, file: str, values: dict[str, object], name: str | None) -> None:
    found = identify(kind, Path("downloads") / file, values)
    assert (found.name if found else None) == name


def test_the_printed_list_names_source_file_and_score() -> None:
    text = published_table()
    assert "drive.google.com/file/d/1evEmZyv82vHHpY-chvoVDjUWWW1disun" in text
    assert "refer-youtube-vos_window-12.pth.tar" in text and "J&F 55.32 on refer-youtube-vos" in text
    assert "its authors do not say what this file scores" in text
