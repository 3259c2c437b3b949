"""Numbers as pictures: training curves and bars by category."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter
from numpy.typing import NDArray

from rvos_edu.viz.style import BLACK, BLUE, GREEN, GREY, ORANGE, SKY, VERMILION, Figure, new_figure, styled

LOSSES = {"loss": BLACK, "dice": BLUE, "focal": VERMILION, "reference": GREEN}
TOGETHER = ("all", "overall")  # categories that stand for every expression
SCORES = {"J&F": BLACK, "J": BLUE, "F": VERMILION}
Record = Mapping[str, Any]


def _column(records: Sequence[Record], key: str) -> NDArray[np.float64]:
    """The values of one key; nan where a record lacks it."""
    return np.array([float(record.get(key, np.nan)) for record in records])


def smooth(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Centred running mean [n]; at the ends over what is there. Values that are not finite do not count."""
    known = np.isfinite(values)
    ones = np.ones(window)
    total = np.convolve(np.where(known, values, 0), ones, "full")
    number = np.convolve(known, ones, "full")
    start = (window - 1) // 2
    part = slice(start, start + len(values))
    return np.where(number[part] > 0, total[part] / np.maximum(number[part], 1), np.nan)


@styled
def training_curves(records: Sequence[Record], *, title: str | None = None) -> Figure:
    """Losses (log scale), J&F and the learning rate, against step (left) and time of training (right).

    Args:
        records: of metrics.jsonl, in any order. Those with "loss" are training steps: step, loss, dice,
            focal, reference, lr, seconds (since the start of training). Those with "J&F" are evaluations:
            step, J&F, J, F in percent; they are placed in time by their step.
        title: of the figure.

    Raises:
        ValueError: if there is neither a training step nor an evaluation, or a record lacks its step.
    """
    if any("step" not in record for record in records):
        raise ValueError("every record needs a step, got one without")
    ordered = sorted(records, key=lambda record: float(record["step"]))
    steps = [record for record in ordered if "loss" in record]
    scores = [record for record in ordered if "J&F" in record]
    if not steps and not scores:
        raise ValueError(f'no record with "loss" or "J&F" among {len(records)} records')
    has_rate = any(float(record.get("lr", 0)) > 0 for record in steps)
    panels = [(name, ratio) for name, ratio, there in (
        ("losses", 1.0, bool(steps)), ("scores", 1.0, bool(scores)), ("rate", 0.45, has_rate)
    ) if there]  # fmt: skip
    clock = _column(steps or scores, "seconds")
    unit, divisor = time_unit(float(np.nanmax(clock)) if np.isfinite(clock).any() else 0.0)
    heights = [ratio for _, ratio in panels]
    figure = new_figure(2.3 * sum(heights) + 0.6 + (0.4 if title else 0), title=title)
    grid = figure.subplots(len(panels), 2, squeeze=False, sharex="col", sharey="row", height_ratios=heights)
    draw = {"losses": _draw_losses, "scores": _draw_scores, "rate": _draw_rate}
    for (name, _), row in zip(panels, grid, strict=True):
        subject = scores if name == "scores" else steps
        places = _column(subject, "step"), _times(subject, steps) / divisor
        for axes, x in zip(row, places, strict=True):
            draw[name](axes, x, subject)
            axes.grid()
            axes.set_xlim(left=0)
        row[1].tick_params(labelleft=False)
        _label(row[0], name)
    grid[-1, 0].set_xlabel("step")
    grid[-1, 1].set_xlabel(f"time of training ({unit})")
    grid[-1, 0].xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    return figure


def time_unit(seconds: float) -> tuple[str, float]:
    """A unit that suits a span, and how many seconds it has."""
    return ("s", 1.0) if seconds < 180 else ("min", 60.0) if seconds < 3 * 3600 else ("h", 3600.0)


def _times(subject: Sequence[Record], steps: Sequence[Record]) -> NDArray[np.float64]:
    """Seconds of training at which each record lies: by its step, on the clock of the training steps."""
    if not steps:
        return _column(subject, "seconds")
    return np.interp(_column(subject, "step"), _column(steps, "step"), _column(steps, "seconds"))


def _draw_losses(axes: Axes, x: NDArray[np.float64], steps: Sequence[Record]) -> None:
    window = max(1, len(steps) // 40)
    for name, colour in LOSSES.items():
        values = _column(steps, name)
        values[values <= 0] = np.nan  # a log scale has no place for 0
        if not np.isfinite(values).any():
            continue
        label = "total" if name == "loss" else name
        if window > 1:
            axes.plot(x, values, color=colour, linewidth=0.8, alpha=0.25)
        axes.plot(x, smooth(values, window), color=colour, label=label, marker="o" if len(x) == 1 else None)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _draw_scores(axes: Axes, x: NDArray[np.float64], scores: Sequence[Record]) -> None:
    for name, colour in SCORES.items():
        values = _column(scores, name)
        if not np.isfinite(values).any():
            continue
        bold = name == "J&F"
        axes.plot(
            x, values, color=colour, label=name, linewidth=2.2 if bold else 1.2,
            linestyle="-" if bold else "--", marker="o", markersize=4 if bold else 0, zorder=3 if bold else 2,
        )  # fmt: skip
    last = float(_column(scores, "J&F")[-1])
    axes.annotate(
        f"{last:.1f}",
        (x[-1], last),
        xytext=(0, 6),
        textcoords="offset points",
        ha="center",
        fontweight="bold",
    )
    axes.set_ylim(0, 100)


def _draw_rate(axes: Axes, x: NDArray[np.float64], steps: Sequence[Record]) -> None:
    axes.plot(x, _column(steps, "lr"), color=GREY)
    axes.set_ylim(bottom=0)
    axes.ticklabel_format(axis="y", style="sci", scilimits=(0, 0), useMathText=True)


def _label(axes: Axes, name: str) -> None:
    axes.set_ylabel({"losses": "loss", "scores": "percent", "rate": "learning\nrate"}[name])
    if name == "losses":
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, handlelength=1.4, columnspacing=1.0)
    elif name == "scores":
        axes.legend(loc="lower right", ncols=3, handlelength=1.8, columnspacing=1.0)


def _check_percent(scores: Mapping[str, float]) -> dict[str, float]:
    if not scores:
        raise ValueError("category_bars needs at least one category, got none")
    for name, value in scores.items():
        if not 0 <= value <= 100:
            raise ValueError(f"scores must be percent in 0..100, got {value:g} for {name!r}")
    return {name: float(value) for name, value in scores.items()}


@styled
def category_bars(
    scores: Mapping[str, float],
    *,
    other: Mapping[str, float] | None = None,
    names: tuple[str, str] = ("with voting", "per frame"),
    counts: Mapping[str, int] | None = None,
    spans: Mapping[str, tuple[float, float]] | None = None,
    label: str = "J&F (percent)",
    title: str | None = None,
) -> Figure:
    """One bar per category, longest first; "all" or "overall" stays on top.

    Args:
        scores: category -> percent.
        other: a second bar each, such as without voting.
        names: what `scores` and `other` are called.
        counts: category -> number of expressions, written next to its name.
        spans: category -> (lowest, highest) over seeds, drawn as a whisker.
        label: of the axis.
        title: of the figure.

    Raises:
        ValueError: if there is no category, or a value lies outside 0..100.
    """
    known = _check_percent(scores)
    _check_percent(other or scores)
    order = sorted(known, key=lambda name: (name not in TOGETHER, -known[name]))
    bar = 0.38 if other else 0.7
    figure = new_figure((0.52 if other else 0.36) * len(order) + 0.75 + (0.4 if title else 0), title=title)
    axes = figure.subplots()
    place = np.arange(len(order), dtype=float)
    offset = bar / 2 if other else 0.0
    _bars(axes, place - offset, [known[n] for n in order], bar, BLUE, [(spans or {}).get(n) for n in order])
    if other:
        _bars(axes, place + offset, [float(other.get(n, np.nan)) for n in order], bar, SKY)
        for name, colour in zip(names, (BLUE, SKY), strict=True):
            axes.barh([0], [0], color=colour, label=name)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower right", ncols=2)
    counted = [f"{name}  ({counts[name]:,})" if counts and name in counts else name for name in order]
    for name, label_ in zip(order, axes.set_yticks(place, counted), strict=True):
        label_.label1.set_fontweight("bold" if name in TOGETHER else "normal")
    axes.set_ylim(len(order) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.set_xlabel(label)
    axes.tick_params(axis="y", length=0, labelsize=10)
    axes.grid(axis="x")
    return figure


def _bars(
    axes: Axes,
    place: NDArray[np.float64],
    values: Sequence[float],
    height: float,
    colour: str,
    spans: Sequence[tuple[float, float] | None] | None = None,
) -> None:
    """Bars with their number just inside the end, or outside when short; whiskers in orange."""
    axes.barh(place, values, height=height, color=colour)
    for y, value, span in zip(place, values, spans or [None] * len(values), strict=True):
        if not np.isfinite(value):
            continue
        low, high = span or (value, value)
        inside = min(value, low) > 12
        axes.annotate(
            f"{value:.1f}", (min(value, low) if inside else max(value, high), y),
            xytext=(-5 if inside else 5, 0), textcoords="offset points", va="center_baseline",
            ha="right" if inside else "left", fontsize=9, fontweight="bold",
            color="white" if inside and colour == BLUE else "black",
        )  # fmt: skip
        if span:
            axes.errorbar(
                value, y, xerr=[[value - low], [high - value]], color=ORANGE, capsize=3, linewidth=1.8
            )
