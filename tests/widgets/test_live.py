"""The live picture of a training run and its static twin."""

from __future__ import annotations

import pytest

from rvos_edu.viz import training_curves
from rvos_edu.widgets import live
from rvos_edu.widgets.live import LiveCurves

pytest.importorskip("ipywidgets")


class Clock:
    """A clock that the test moves."""

    now = 100.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(live, "time", clock)
    return clock


def step(number: int) -> dict[str, float]:
    return {
        "step": number,
        "loss": 20.0 / number,
        "dice": 0.5 / number,
        "focal": 0.1 / number,
        "reference": 2.0,
        "lr": 1e-4,
        "seconds": 0.3 * number,
    }


def test_the_picture_grows_and_is_the_static_twin(clock: Clock) -> None:
    curves = LiveCurves(title="a run", seconds=0)
    picture = curves.widget()
    assert picture.value == b""
    seen = set()
    for number in (1, 2, 3):
        curves.add(step(number))
        seen.add(bytes(picture.value))
    assert len(seen) == 3
    curves.add({"step": 3, "J&F": 50.0, "J": 48.0, "F": 52.0})
    assert bytes(picture.value) not in seen
    assert bytes(picture.value) == curves.figure().to_jpeg()
    twin = training_curves(curves.records, title="a run")
    assert [axes.get_ylabel() for axes in curves.figure().axes] == [axes.get_ylabel() for axes in twin.axes]


def test_it_draws_no_more_often_than_asked(clock: Clock) -> None:
    curves = LiveCurves(seconds=5)
    picture = curves.widget()
    curves.add(step(1))
    first = bytes(picture.value)
    clock.now += 4.9
    curves.add(step(2))
    assert bytes(picture.value) == first != b""
    clock.now += 0.2
    curves.add(step(3))
    third = bytes(picture.value)
    assert third != first
    curves.add(step(4))
    assert bytes(picture.value) == third
    curves.draw()  # the end of a run does not wait
    assert bytes(picture.value) == curves.figure().to_jpeg() != third


def test_it_draws_nothing_where_nothing_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    curves = LiveCurves(seconds=0)
    with monkeypatch.context() as patch:
        patch.setattr(live, "training_curves", lambda *_, **__: pytest.fail("drawn without a widget"))
        curves.add(step(1))
    assert bytes(curves.widget().value) == curves.figure().to_jpeg()  # shown late, it catches up
    assert curves.widget() is curves.widget() and "running kernel" in repr(curves.widget())


@pytest.mark.parametrize("record", [{"loss": 1.0}, {"step": 3}, {"step": 3, "lr": 1e-4}])
def test_a_record_that_cannot_be_drawn_is_refused(record: dict[str, float]) -> None:
    curves = LiveCurves()
    with pytest.raises(ValueError, match="a record needs a step, and a loss or J&F"):
        curves.add(record)
    assert not curves.records
    with pytest.raises(ValueError, match="no record"):
        curves.figure()
