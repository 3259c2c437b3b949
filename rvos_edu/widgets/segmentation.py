"""Type a sentence and see which object it finds: a widget over `segment`, and the same picture without it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from rvos_edu.engine.segment import segment
from rvos_edu.engine.segment_output import verdict
from rvos_edu.errors import RVOSError
from rvos_edu.models import VideoModel
from rvos_edu.viz import Figure, film_strip
from rvos_edu.widgets.explorer import explorer

if TYPE_CHECKING:
    from ipywidgets import VBox


def segmentation_figure(model: VideoModel, frames: np.ndarray, expression: str, *, count: int = 4) -> Figure:
    """Up to `count` frames with the masks that the sentence finds, and the verdict of R2-VOS above them.

    Args:
        model: trained.
        frames: uint8 [T, H, W, 3].
        expression: the sentence.
        count: largest number of pictures.

    Raises:
        DataError: for an empty or too long sentence.
    """
    result = segment(model, frames, expression)
    said = f" ({verdict(result)})" if result.aligned is not None else ""
    return film_strip(frames, result.masks, title=result.expression + said, count=count)


def segmentation_widget(model: VideoModel, frames: np.ndarray, expression: str) -> VBox:
    """A text field and a button above the picture of `segmentation_figure`.

    A sentence that cannot be read is explained above the picture, which stays. The model runs once per
    sentence, though leaving the field for the button and pressing the button both ask for it.
    """
    from ipywidgets import HTML, Button, HBox, Image, Text

    sentence = Text(value=expression, description="sentence", continuous_update=False)
    button = Button(description="Find it", button_style="primary")
    message, picture = HTML(), Image(format="png", width=760)
    answered: str | None = None

    def show(_: object) -> None:
        nonlocal answered
        if sentence.value == answered:
            return
        try:
            picture.value = segmentation_figure(model, frames, sentence.value).to_png()
            message.value = ""
        except RVOSError as error:
            message.value = f"<b>{escape(str(error))}</b>"
        answered = sentence.value

    button.on_click(show)
    sentence.observe(show, names="value")

    show(None)
    return explorer([HBox([sentence, button]), message, picture], twin="segmentation_figure")
