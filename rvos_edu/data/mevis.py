"""MeViS (Ding et al., ICCV 2023) by name."""

from __future__ import annotations

from pathlib import Path

from rvos_edu.data.dataset import ClipDataset
from rvos_edu.data.layout import Ask, Layout, Source
from rvos_edu.data.mevis_check import check_mevis
from rvos_edu.data.mevis_dataset import SPLITS, Mevis


def _open(root: Path, ask: Ask) -> ClipDataset:
    return Mevis(root, split=ask.split, window=ask.window, transform=ask.transform, skip=ask.skip)


def _make(source: Path, root: Path) -> Path:
    from rvos_edu.data.moving_shapes.mevis_export import export_mevis

    return export_mevis(source, root)


LAYOUT = Layout(
    "mevis",
    "MeViS",
    SPLITS,
    _open,
    check_mevis,
    _make,
    expected={
        "train": {"videos": 1662, "expressions": 23051},
        "valid_u": {"videos": 50, "expressions": 793},
        "valid": {"videos": 140, "expressions": 2236},
    },
    sources=(
        Source(
            "frames, sentences and masks",
            "github.com/henghuiding/MeViS",
            "CC BY-NC-SA",
            checksums={
                "train/mask_dict.json": "f9d9b01a2a6d7a004e2e7a664ce2b9b1576218e975030f8e4df4f66111fb253f",
                "valid_u/mask_dict.json": "6e711a3f713cd95a825f536323e434b4d80f85a8e4e66d0cd662408e8779db50",
            },
        ),
    ),
)
