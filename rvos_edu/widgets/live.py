"""Curves that grow while a model trains: a widget, and the same picture without it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rvos_edu.viz import Figure, training_curves

if TYPE_CHECKING:
    from ipywidgets import Image

WAITING = "A live picture: it needs a running kernel. `figure()` gives the same drawing without one."


class LiveCurves:
    """Losses, J&F and learning rate of a run, redrawn while it goes on.

    Args:
        title: of the figure.
        seconds: least time between two drawings while training, so that drawing costs little of it.
    """

    def __init__(self, *, title: str | None = None, seconds: float = 3.0) -> None:
        self.title = title
        self.seconds = seconds
        self.records: list[dict[str, Any]] = []
        self._picture: Image | None = None
        self._drawn = float("-inf")  # moment of the last drawing

    def add(self, record: Mapping[str, Any]) -> None:
        """Keep a record, as in metrics.jsonl, and redraw the widget if it is time to.

        Raises:
            ValueError: for a record without step, or with neither a loss nor J&F.
        """
        if "step" not in record or not {"loss", "J&F"} & set(record):
            raise ValueError(f"a record needs a step, and a loss or J&F, got {sorted(map(str, record))}")
        self.records.append(dict(record))
        if time.perf_counter() - self._drawn >= self.seconds:
            self.draw()

    def draw(self) -> None:
        """Redraw the widget, if it is shown, with all records so far."""
        if self._picture is not None and self.records:
            self._picture.value = self.figure().to_jpeg()
            self._drawn = time.perf_counter()

    def figure(self) -> Figure:
        """The static twin: what the widget shows after the last record.

        Raises:
            ValueError: before the first record.
        """
        return training_curves(self.records, title=self.title)

    def widget(self) -> Image:
        """The picture to display before training starts; the same one at every call."""
        if self._picture is None:
            from ipywidgets import Image

            class Picture(Image):
                def __repr__(self) -> str:  # what a page without a kernel shows
                    return WAITING

            self._picture = Picture(format="jpeg", width=760)
            self.draw()
        return self._picture
