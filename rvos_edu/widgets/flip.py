"""Flip a clip, swap its words, and see whether the sentence still says which object is meant (MTTR, C.4)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rvos_edu.data import swap_directions
from rvos_edu.data.moving_shapes.language import Expression, Facts, fits
from rvos_edu.data.moving_shapes.layouts import Video
from rvos_edu.viz import Figure
from rvos_edu.viz.instances import InstanceClip, instance_rows
from rvos_edu.viz.style import GREEN, VERMILION
from rvos_edu.widgets.explorer import explorer

if TYPE_CHECKING:
    from ipywidgets import VBox

NAMES = ("marked in the data", "what the sentence says")


def mirrored(facts: list[Facts]) -> list[Facts]:
    """What is true of the objects of the mirrored video: places and directions change sides."""
    return [
        replace(f, direction=swap_directions(f.direction), place=(1 - f.place[0], f.place[1])) for f in facts
    ]


def fitting(facts: list[Facts], expression: Expression, *, flip: bool, swap: bool) -> list[int]:
    """Ids of the objects that the sentence is true of.

    Args:
        facts: of all objects of the video, as stored.
        expression: the sentence, as stored.
        flip: mirror the video first.
        swap: let left and right change places in the sentence.
    """
    predicates = expression.predicates
    if swap:
        predicates = tuple((attribute, swap_directions(value)) for attribute, value in predicates)
    return [f.identity for f in fits(mirrored(facts) if flip else facts, predicates)]


def verdict(marked: int, fitted: list[int]) -> str:
    """Whether a sentence and the marked object still belong together, in words."""
    if fitted == [marked]:
        return "still true"
    if not fitted:
        return "false: true of no object"
    if marked in fitted:
        return f"no longer clear: true of {len(fitted)} objects"
    return "false: true of " + ("another object" if len(fitted) == 1 else f"{len(fitted)} other objects")


def flip_figure(
    video: Video, sentence: int = 0, *, flip: bool = True, swap: bool = True, count: int = 4
) -> Figure:
    """The stored clip above, what training would see below, and whether the sentence still fits.

    Args:
        video: of Moving Shapes, which knows what its sentences mean.
        sentence: number of the sentence within the video.
        flip: mirror frames and masks.
        swap: swap left and right in the sentence.
        count: largest number of frames.

    Raises:
        IndexError: if the video has no such sentence.
    """
    expression = video.expressions[sentence]
    marked = expression.identity
    fitted = fitting(video.facts, expression, flip=flip, swap=swap)
    words = swap_directions(expression.text) if swap else expression.text
    frames, ids = (np.flip(a, 2) if flip else a for a in (video.frames, video.ids))
    done = (
        " and ".join(name for name, on in (("flipped", flip), ("words swapped", swap)) if on) or "unchanged"
    )
    stored = InstanceClip(video.frames, video.ids, f"stored: {expression.text}", marked, (marked,))
    seen = InstanceClip(
        frames, ids, f"{done}: {words}", marked, tuple(fitted), verdict(marked, fitted),
        GREEN if fitted == [marked] else VERMILION,
    )  # fmt: skip
    return instance_rows([stored, seen], count=count, names=NAMES)


def flip_widget(video: Video, sentence: int = 0) -> VBox:
    """Choose a sentence, flip, swap: the picture of `flip_figure` follows.

    Raises:
        IndexError: if the video has no such sentence.
    """
    from ipywidgets import Checkbox, Dropdown, HBox, Image

    options = [(e.text, number) for number, e in enumerate(video.expressions)]
    chosen = Dropdown(options=options, index=range(len(options))[sentence], description="sentence")
    flip, swap = Checkbox(value=True, description="flip"), Checkbox(value=False, description="swap words")
    picture = Image(format="jpeg", width=760)

    def show(_: object) -> None:
        picture.value = flip_figure(video, chosen.value, flip=flip.value, swap=swap.value).to_jpeg()

    for control in (chosen, flip, swap):
        control.observe(show, names="value")

    show(None)
    return explorer([HBox([chosen, flip, swap]), picture], twin="flip_figure")
