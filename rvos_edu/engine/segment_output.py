"""Files of a segmentation: overlay video, mask PNGs, votes as JSON and picture."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from rvos_edu.data.video import VideoWriter
from rvos_edu.engine.frame_source import FrameSource
from rvos_edu.engine.outputs import result_dir
from rvos_edu.structures import Segmentation
from rvos_edu.viz.overlay import overlay
from rvos_edu.viz.voting import voting_chart

MARKER = "votes.json"  # tells a folder of this command from others


def write_result(
    out: Path,
    result: Segmentation,
    source: FrameSource,
    masks: Iterable[np.ndarray],
    *,
    voting: bool,
    progress: bool = False,
) -> None:
    """Write `overlay.mp4`, `masks/%05d.png` (0 and 255), `votes.json` and `votes.png`.

    `masks` gives those of `result` one by one, so that one frame is in memory at a time. The overlay has
    the video's own size and frame rate. The folder is whole or not there; it replaces an earlier result.

    Raises:
        DataError: if `out` holds something else.
        StorageError: if the disk is full.
    """
    with result_dir(out, marker=MARKER) as folder:
        pictures = folder / "masks"
        pictures.mkdir()
        frames = tqdm(source, desc="writing", total=len(result.masks), disable=not progress)
        with VideoWriter(folder / "overlay.mp4", fps=source.fps, size=source.size) as writer:
            for index, (frame, mask) in enumerate(zip(frames, masks, strict=True)):
                writer.write(overlay(frame, mask))
                Image.fromarray(mask.astype(np.uint8) * 255).save(pictures / f"{index:05d}.png")
        votes = {
            "expression": result.expression,
            "voting": voting,
            "query": result.query,
            "votes": result.votes.round(4).tolist(),
            "probabilities": result.probabilities.round(4).tolist(),
        }
        (folder / MARKER).write_text(json.dumps(votes), encoding="utf-8")
        chart = voting_chart(result.probabilities, chosen=result.query, title=result.expression)
        (folder / "votes.png").write_bytes(chart.to_png())
