"""A histogram of one number per sentence, with the mean marked."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from rvos_edu.viz.style import SKY, VERMILION, Figure, new_figure, styled


@styled
def histogram(
    values: ArrayLike,
    *,
    bins: int = 20,
    limits: tuple[float, float] = (0, 100),
    mark: float | None = None,
    label: str = "J&F (percent)",
    title: str | None = None,
) -> Figure:
    """How often which values occur.

    Args:
        values: [M].
        bins: number of bars of equal width over `limits`.
        limits: smallest and largest value shown.
        mark: a value to mark with a line, such as the mean.
        label: of the values.
        title: of the figure.

    Raises:
        ValueError: if there is no value, one is not finite, or one lies outside `limits`.
    """
    array = np.asarray(values, float).ravel()
    low, high = limits
    if not array.size or not ((array >= low) & (array <= high)).all():
        seen = f"{array.min():g}..{array.max():g}" if array.size else "none"
        raise ValueError(f"values must be numbers in {low:g}..{high:g}, got {seen}")
    figure = new_figure(2.6, title=title)
    axes = figure.subplots()
    axes.hist(array, bins=bins, range=limits, color=SKY, edgecolor="white")
    if mark is not None:
        axes.axvline(mark, color=VERMILION, label=f"mean {mark:.1f}")
        axes.legend(loc="upper left")
    axes.set_xlim(low, high)
    axes.set_xlabel(label)
    axes.set_ylabel("how many")
    axes.grid(axis="y")
    return figure
