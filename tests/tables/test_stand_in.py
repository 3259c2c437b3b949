"""Moving Shapes in the layout of the dataset whose protocol a table follows."""

from __future__ import annotations

from pathlib import Path

import pytest

from rvos_edu.data import load
from rvos_edu.data.moving_shapes import make
from rvos_edu.tables.paper import find_table
from rvos_edu.tables.plan import Options, plan
from rvos_edu.tables.stand_in import stand_in


@pytest.mark.parametrize(
    "table, row, data, split",
    [
        ("mttr-a2d", "MTTR window 8", "a2d-sentences", "test"),
        ("mttr-jhmdb", "MTTR window 8", "jhmdb-sentences", "test"),
        ("r2vos-ref-davis17", "R2-VOS ResNet-50", "ref-davis17", "valid"),
        ("r2vos-b", "K=1", "moving-shapes", "test"),
    ],
)
def test_which_layout_a_row_is_measured_in(
    tmp_path: Path, table: str, row: str, data: str, split: str
) -> None:
    known = find_table(table)
    planned = plan(known, known.row(row), Options("moving-shapes", tmp_path))
    assert (planned.data, planned.split, planned.why) == (data, split, "")


def test_made_once_from_the_given_videos(tmp_path: Path) -> None:
    source = make(tmp_path / "source", level="1", train=2, valid=2, test=3)
    folder = stand_in("jhmdb-sentences", level="1", root=source, out=tmp_path / "out")
    assert folder == tmp_path / "out/data/jhmdb-sentences"
    assert (
        len(load("jhmdb-sentences", split="test", root=folder, window=4)) == 9
    )  # three frames of three videos
    (folder / "jhmdb_annotation.txt").write_text("changed by hand")
    assert stand_in("jhmdb-sentences", level="1", root=source, out=tmp_path / "out") == folder
    assert (folder / "jhmdb_annotation.txt").read_text() == "changed by hand"
