"""Explore a vote: what every frame prefers, whose mask is the output, TSVS on or off (MTTR, 3.7 and D.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from rvos_edu.engine.inference import load_model, predict
from rvos_edu.metrics import region_similarity
from rvos_edu.models import MTTR
from rvos_edu.nn.text_encoder import clean
from rvos_edu.structures import VideoSample
from rvos_edu.viz import Figure
from rvos_edu.viz.style import check_frames
from rvos_edu.viz.voting_explorer import VotingView, voting_explorer
from rvos_edu.widgets.explorer import explorer

if TYPE_CHECKING:
    from ipywidgets import VBox


def voting_record(
    model: MTTR, frames: np.ndarray, expression: str, *, truth: np.ndarray | None = None
) -> VotingView:
    """All that the pictures need, from one forward pass: every query's probability and mask in every frame.

    The whole clip is one window.

    Args:
        model: trained.
        frames: uint8 [T, H, W, 3].
        expression: the sentence.
        truth: bool [T, H, W]; then J of every query in every frame is measured too.

    Raises:
        DataError: for an empty or too long sentence.
        ValueError: if a type or a shape does not fit.
    """
    pictures = check_frames("frames", frames)
    network, config = load_model(model)
    height, width = pictures.shape[1:3]
    sample = VideoSample(
        frames=torch.tensor(pictures).permute(0, 3, 1, 2),
        expression=clean(expression),
        target=None,
        annotated=tuple(range(len(pictures))),
        video="",
        expression_id="",
        frame_names=tuple(f"{t:05d}" for t in range(len(pictures))),
        original_size=(height, width),
    )
    [[prediction]] = predict(network, [[sample]], config=config)
    masks = np.stack(list(prediction.candidates(list(range(len(pictures))))), 1)  # [N, T, H, W]
    overlaps = None if truth is None else np.stack([region_similarity(mask, truth) for mask in masks])
    return VotingView(pictures, masks, prediction.probabilities, sample.expression, truth, overlaps)


def voting_figure(
    record: VotingView, *, frame: int = 0, query: int | None = None, voting: bool = True
) -> Figure:
    """What the widget shows for one setting of its sliders: see `voting_explorer`.

    Args:
        record: made by `voting_record`.
        frame: shown large.
        query: whose mask is shown large; default: the voted one.
        voting: TSVS on or off.

    Raises:
        ValueError: if there is no such frame or query.
    """
    return voting_explorer(record, frame=frame, query=query, voting=voting)


def voting_widget(record: VotingView) -> VBox:
    """Sliders for frame and query and a switch for TSVS, above the picture of `voting_figure`.

    The model does not run again: every change is drawn from the record.
    """
    from ipywidgets import HBox, Image, IntSlider, ToggleButtons

    queries, length = record.probabilities.shape
    frame = IntSlider(0, min=0, max=length - 1, description="frame")
    query = IntSlider(record.voted, min=0, max=queries - 1, description="query")
    rule = ToggleButtons(
        options=[("on", True), ("off", False)],
        value=True,
        description="TSVS",
        style={"button_width": "60px"},
    )
    picture = Image(format="jpeg", width=810)

    def show(_: object) -> None:
        figure = voting_figure(record, frame=frame.value, query=query.value, voting=rule.value)
        picture.value = figure.to_jpeg()

    for control in (frame, query, rule):
        control.observe(show, names="value")
    show(None)
    return explorer([HBox([frame, query, rule]), picture], twin="voting_figure")
