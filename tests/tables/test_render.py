"""Text, Markdown and JSON of a table from outcomes made by hand."""

from __future__ import annotations

import json
from pathlib import Path

from rvos_edu.tables.paper import find_table
from rvos_edu.tables.plan import Options, plan
from rvos_edu.tables.render import as_json, markdown, text, write
from rvos_edu.tables.reproduce import Outcome

TABLE = find_table("r2vos-b")
OPTIONS = Options("moving-shapes", Path("out"), steps=7, limit=5)


def outcomes() -> list[Outcome]:
    plans = [plan(TABLE, row, OPTIONS) for row in TABLE.rows]
    done = Outcome(plans[0], "done", "", {"JF": 60.0, "J": 55.15, "F": None}, clips=5, expressions=12)
    failed = Outcome(plans[2], "failed", "no space")
    return [done, Outcome(plans[1], "not run", "not asked for"), failed, Outcome(plans[3], "not run", "why")]


def test_text() -> None:
    lines = text(TABLE, outcomes(), OPTIONS).splitlines()
    assert lines[0] == "R2-VOS, number of dynamic filters K"
    assert "; refer-youtube-vos valid, with the filter 1(A), ResNet-50" in lines[1]
    assert lines[2].startswith("Measured: nano models trained for 7 steps on Moving Shapes, 5 videos")
    rows = {line.split()[0]: line.split()[1:] for line in lines if line.startswith("K=") and ":" not in line}
    assert rows["K=1"] == ["56.4", "60.0", "+3.6", "55.1", "55.1", "+0.0", "57.7", "-"]
    assert rows["K=2"] == ["57.0", "not", "run", "55.3", "not", "run", "58.0", "not", "run"]
    assert rows["K=3"] == ["57.3", "failed", "56.1", "failed", "58.4", "failed"]
    assert "K=1: done: nano-r2vos-filters-1, 5 clips, 12 sentences" in lines
    assert "K=3: failed: no space" in lines
    assert lines[-1] == "K=2: J&F is printed as 57.0, the mean of J and F is 56.65; kept as printed"


def test_markdown() -> None:
    lines = markdown(TABLE, outcomes(), OPTIONS).splitlines()
    rows = [line for line in lines if line.startswith("| K=1 |")]
    assert rows[0].startswith(
        "| K=1 | 56.4 | 60.0 | +3.6 | 55.1 | 55.1 | +0.0 | 57.7 | - |  | done: nano-r2vos"
    )
    assert "`r2vos-ref-ytvos --model.filters 1`" in rows[1]
    assert "about 470-940 GPU hours (rough estimate: " in rows[1]
    assert "- K=2: J&F is printed as 57.0, the mean of J and F is 56.65; kept as printed" in lines


def test_json_keeps_all_digits_and_null_for_what_is_missing() -> None:
    content = json.loads(as_json(TABLE, outcomes(), OPTIONS))
    first, second = content["rows"][:2]
    assert first["measured"] == {"JF": 60.0, "J": 55.15, "F": None}
    assert abs(first["difference"]["JF"] - 3.6) < 1e-9 and first["gpu_hours"] == [469.8, 939.5]
    assert second["measured"] == {"JF": None, "J": None, "F": None} and second["checks"]
    assert content["run"] == {"data": "moving-shapes", "steps": 7, "limit": 5, "level": None}


def test_files(tmp_path: Path) -> None:
    paths = write(tmp_path, TABLE, outcomes(), OPTIONS)
    assert [path.name for path in paths] == [f"r2vos-b.{s}" for s in ("txt", "md", "json", "png")]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(path.name for path in paths)
    assert paths[0].read_text() == text(TABLE, outcomes(), OPTIONS) + "\n"
