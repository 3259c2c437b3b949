"""The tables' figures: as printed, flagged where they contradict each other, every row with what it takes."""

from __future__ import annotations

import pytest

from rvos_edu.checkpoints.published import PUBLISHED
from rvos_edu.errors import ConfigError
from rvos_edu.presets import load_config
from rvos_edu.tables.hours import estimate
from rvos_edu.tables.paper import COLUMNS, Nano, find_table, tables

NAMES = [
    "mttr-d1", "r2vos-a", "r2vos-b", "r2vos-c", "mttr-a2d", "mttr-jhmdb", "mttr-ref-ytvos", "r2vos-ref-ytvos",
    "r2vos-ref-davis17",
]  # fmt: skip


def test_all_tables_are_there() -> None:
    assert list(tables()) == NAMES


@pytest.mark.parametrize(
    ("table", "figures"),
    [
        (
            "mttr-d1",
            [
                [70.1, 61.0, 42.5], [69.5, 61.8, 44.0], [69.2, 61.3, 41.5], [68.5, 60.8, 42.8],
                [67.4, 59.7, 42.7],
            ],
        ),
        ("r2vos-a", [[64.9, 62.8, 67.0], [69.5, 67.5, 71.4]]),
        ("r2vos-b", [[56.4, 55.1, 57.7], [57.0, 55.3, 58.0], [57.3, 56.1, 58.4], [57.1, 55.9, 58.2]]),
        (
            "r2vos-c",
            [
                [47.3, 54.8, 56.5, 30.6], [59.2, 56.0, 58.3, 63.2], [40.0, 55.9, 58.1, 5.9],
                [49.1, 58.0, 60.9, 28.5], [62.7, 59.4, 62.9, 65.5],
            ],
        ),
        (
            "mttr-ref-ytvos",
            [[55.32, 54.0, 56.6], [54.56, None, None], [47.2, 45.2, 49.1], [47.5, 45.6, 49.3]],
        ),
    ],
)  # fmt: skip
def test_figures_are_those_printed(table: str, figures: list[list[float | None]]) -> None:
    assert [list(row.paper.values()) for row in find_table(table).rows] == figures


def test_columns_of_the_a2d_tables() -> None:
    row = find_table("mttr-a2d").row("MTTR window 10")
    assert (row.paper["iou_overall"], row.paper["P50"], row.paper["P90"], row.paper["mAP"]) == (
        72.0,
        75.4,
        16.9,
        46.1,
    )
    assert find_table("mttr-jhmdb").row("mttr WINDOW 8").paper["mAP"] == 36.6
    assert COLUMNS["P90"].figure == "images.P@0.9" and COLUMNS["P90"].heading == "P@0.9"


def test_contradictions_are_flagged_and_nothing_else() -> None:
    found = {(t.name, row.name): row.checks() for t in tables().values() for row in t.rows if row.checks()}
    assert found == {
        ("r2vos-b", "K=2"): ["J&F is printed as 57.0, the mean of J and F is 56.65"],
        ("r2vos-c", "R2-VOS Video-Swin-T"): ["J&F&R is printed as 62.7, the mean of J, F and R is 62.60"],
        ("r2vos-ref-davis17", "R2-VOS ResNet-50"): ["J&F is printed as 59.7, the mean of J and F is 59.80"],
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_row_can_be_run_or_says_why(name: str) -> None:
    table = find_table(name)
    assert set(table.columns) <= set(COLUMNS) and table.confidence in ("high", "medium", "low")
    published = {entry.name for entry in PUBLISHED}
    for row in table.rows:
        assert row.preset or row.why
        assert row.nano or row.nano_why or row.why
        assert row.published is None or row.published in published
        if row.preset:
            load_config(row.preset, [f"--{key}={value}" for key, value in row.set.items()])
        if row.nano and row.nano.preset:
            load_config(row.nano.preset, [f"--{key}={value}" for key, value in row.nano.set.items()])


def test_only_rows_of_a_known_model_have_a_stand_in() -> None:
    """A row that names no backbone stands for nothing that could be trained."""
    assert all(row.preset for table in tables().values() for row in table.rows if row.nano)
    assert find_table("r2vos-ref-davis17").row("R2-VOS ResNet-50").nano == Nano("nano-r2vos")


def test_unknown_names() -> None:
    with pytest.raises(ConfigError, match="unknown table 'mttr-d2'; did you mean 'mttr-d1'?"):
        find_table("mttr-d2")
    with pytest.raises(ConfigError, match=r"no row 'K=5'; did you mean 'K=\d'\? Rows: 'K=1', 'K=2'"):
        find_table("r2vos-b").row("K=5")


def test_which_figures_a_table_is_made_of() -> None:
    with_filter, without = find_table("r2vos-b"), find_table("r2vos-c")
    assert with_filter.figures("JF", real=True) == (
        "overall_filtered.jf",
        "robust.random.jf_filtered",
        "overall.jf",
    )
    assert without.figures("J", real=True) == ("overall.j",)
    assert without.figures("R", real=True) == ("robust.random.r",)
    davis = find_table("r2vos-ref-davis17")
    assert davis.figures("F", real=True) == ("davis.hungarian.mean.f",)
    assert davis.figures("F", real=False) == ("overall_filtered.f", "robust.random.f_filtered", "overall.f")
    assert [t.name for t in tables().values() if t.false_sentences] == ["r2vos-c"]


def test_tables_say_whether_the_filter_is_on() -> None:
    for table in tables().values():
        expected = "" if not table.name.startswith("r2vos") else "with the filter 1(A)"
        assert table.filter == ("without the filter 1(A)" if table.name == "r2vos-c" else expected)


@pytest.mark.parametrize(
    ("preset", "hours"),
    [
        ("mttr-a2d-w8", 93.0),  # 31 h on 3 GPUs, as stated
        ("mttr-a2d-w10", 116.25),  # of windows of 10 frames instead of 8
        ("mttr-ref-ytvos-w12", 180.0),  # 45 h on 4 GPUs
        ("mttr-ref-ytvos-w8", 120.0),
    ],
)
def test_gpu_hours_are_scaled_from_those_stated(preset: str, hours: float) -> None:
    found = estimate(load_config(preset))
    assert found.low == found.high == pytest.approx(hours) and f"about {hours:.0f} GPU hours" in str(found)
    epochs = load_config(preset).train.epochs
    assert estimate(load_config(preset, ["--train.epochs=7"])).low == pytest.approx(hours * 7 / epochs)


def test_gpu_hours_of_r2vos_are_scaled_from_its_pretraining() -> None:
    """12,913 sentences of videos of 27 frames, 640 pixels wide, against 321,327 of images of 480."""
    ratio = 12913 * 27 * 640 / (321327 * 480)
    found = estimate(load_config("r2vos-ref-ytvos"))
    assert found.low == pytest.approx(192 * (1 + ratio)) and found.high == pytest.approx(384 * (1 + ratio))
    assert found.span == "470-940"
    assert "pre-training 192-384, stated as 1 to 2 days on 8 V100" in found.how
    assert "training on videos 278-556" in found.how and found.how.startswith("rough estimate")
    short = estimate(load_config("r2vos-ref-ytvos", ["--pretrain.epochs=6", "--train.epochs=3"]))
    assert short.low == pytest.approx(192 * (0.5 + ratio / 4))


def test_every_row_with_a_preset_has_hours() -> None:
    rows = [row for table in tables().values() for row in table.rows if row.preset]
    assert all(estimate(load_config(row.preset)).low for row in rows)
