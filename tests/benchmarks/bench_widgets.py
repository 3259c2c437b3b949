"""How fast the explorers answer: one change of a slider or switch, picture included, within 200 ms.

pytest -m benchmark tests/benchmarks/bench_widgets.py -s
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch

LIMIT_MS = 200
REPEATS = 7


@pytest.fixture(scope="module")
def nano() -> Any:
    """Model, configuration, one clip's sample, its frames and truth."""
    import rvos_edu as rvos

    sample = rvos.data.load("moving-shapes", split="valid", train_videos=0)[0]
    frames = sample.frames.permute(0, 2, 3, 1).numpy()
    truth = sample.target.masks[sample.target.referred].numpy()
    return rvos.MTTR.from_pretrained("nano-mttr"), rvos.load_config("nano-mttr"), sample, frames, truth


def change(widget: Any, kind: str, index: int = 0) -> Callable[[int], None]:
    """A function that moves the `index`-th control of a kind to another value."""
    controls = [w for w in _all(widget) if type(w).__name__ == kind]
    control = controls[index]

    def move(i: int) -> None:
        if hasattr(control, "min"):
            control.value = control.max if i % 2 else control.min
        elif kind == "Checkbox":
            control.value = bool(i % 2)
        elif kind == "Text":
            control.value = ("the object on the left", "the object on the right")[i % 2]
        else:
            values = [o[1] if isinstance(o, tuple) else o for o in control.options]
            control.value = values[i % 2]

    return move


def _all(widget: Any) -> list[Any]:
    return [widget, *(found for child in getattr(widget, "children", ()) for found in _all(child))]


def milliseconds(name: str, move: Callable[[int], None]) -> None:
    """Print the median time of a change and compare it with the limit."""
    times = []
    for i in range(REPEATS + 1):
        started = time.perf_counter()
        move(i)
        times.append(1000 * (time.perf_counter() - started))
    median = statistics.median(times[1:])
    print(f"\n{name}: {median:.0f} ms (limit {LIMIT_MS}), {min(times[1:]):.0f} to {max(times[1:]):.0f}")
    assert median <= LIMIT_MS


@pytest.mark.benchmark
def test_segmentation(nano: Any) -> None:
    from rvos_edu.widgets.segmentation import segmentation_widget

    model, _, sample, frames, _ = nano
    widget = segmentation_widget(model, frames, sample.expression)
    milliseconds("sentence (the model runs)", change(widget, "Text"))


@pytest.mark.benchmark
def test_voting(nano: Any) -> None:
    from rvos_edu.widgets.voting import voting_record, voting_widget

    model, _, sample, frames, truth = nano
    widget = voting_widget(voting_record(model, frames, sample.expression, truth=truth))
    for index, name in enumerate(("frame", "query")):
        milliseconds(f"voting, {name}", change(widget, "IntSlider", index))
    milliseconds("voting, on and off", change(widget, "ToggleButtons"))


@pytest.mark.benchmark
def test_attention(nano: Any) -> None:
    from rvos_edu.engine.attention import attention_record
    from rvos_edu.widgets.attention import attention_widget

    model, config, sample, _, _ = nano
    widget = attention_widget(attention_record(model, sample, config=config))
    milliseconds("attention, query", change(widget, "IntSlider", 0))
    milliseconds("attention, decoder layer", change(widget, "IntSlider", 3))
    for kind in ("word", "pixel", "who reads"):
        widget.children[0].children[0].value = kind
        milliseconds(f"attention, frame of {kind}", change(widget, "IntSlider", 5))


@pytest.mark.benchmark
def test_loss() -> None:
    from rvos_edu.widgets.loss import loss_widget

    widget = loss_widget()
    for index, name in enumerate(("offset", "offset y", "size")):
        milliseconds(f"loss, {name}", change(widget, "FloatSlider", index))


@pytest.mark.benchmark
def test_flip() -> None:
    from rvos_edu.data.moving_shapes.layouts import generate_video
    from rvos_edu.widgets.flip import flip_widget

    widget = flip_widget(generate_video("full", 0, "test", 0))
    milliseconds("flip", change(widget, "Checkbox", 0))
    milliseconds("flip, sentence", change(widget, "Dropdown"))


@pytest.mark.benchmark
def test_matching(nano: Any) -> None:
    from rvos_edu.widgets.matching import MatchingHistory, matching_moment, matching_widget

    model, _, sample, frames, _ = nano
    generator = torch.Generator().manual_seed(0)
    shape = (len(frames), 10, 20, 28)
    moments = tuple(
        matching_moment(
            step,
            torch.randn(shape, generator=generator),
            torch.randn((*shape[:2], 2), generator=generator),
            sample.target,
        )
        for step in (0, 10)
    )
    widget = matching_widget(MatchingHistory(frames, sample.target, moments))
    milliseconds("matching, step", change(widget, "SelectionSlider"))
    milliseconds("matching, weight", change(widget, "FloatSlider"))
