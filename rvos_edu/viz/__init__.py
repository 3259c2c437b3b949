"""Figures from plain arrays: masks over frames, attention, votes, curves. They work without a display."""

from rvos_edu.viz.attention import attention_over_frames, attention_over_words
from rvos_edu.viz.curves import category_bars, training_curves
from rvos_edu.viz.overlay import ClipPicture, clip_grid, film_strip, overlay
from rvos_edu.viz.style import Figure
from rvos_edu.viz.voting import voting_chart

__all__ = [
    "ClipPicture",
    "Figure",
    "attention_over_frames",
    "attention_over_words",
    "category_bars",
    "clip_grid",
    "film_strip",
    "overlay",
    "training_curves",
    "voting_chart",
]
