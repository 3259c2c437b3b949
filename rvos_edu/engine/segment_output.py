"""Files of a segmentation: overlay video, mask PNGs, votes and verdict as JSON and picture."""

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
from rvos_edu.viz.overlay import overlay, stamped
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
    the video's own size and frame rate; its frames say so where the sentence was rejected. The folder is
    whole or not there; it replaces an earlier result.

    Raises:
        DataError: if `out` holds something else.
        StorageError: if the disk is full.
    """
    note = f"does not fit: p {result.mismatch:.2f}" if result.rejected else ""
    with result_dir(out, marker=MARKER) as folder:
        pictures = folder / "masks"
        pictures.mkdir()
        frames = tqdm(source, desc="writing", total=len(result.masks), disable=not progress)
        with VideoWriter(folder / "overlay.mp4", fps=source.fps, size=source.size) as writer:
            for index, (frame, mask) in enumerate(zip(frames, masks, strict=True)):
                picture = overlay(frame, mask)
                writer.write(stamped(picture, note) if note else picture)
                Image.fromarray(mask.astype(np.uint8) * 255).save(pictures / f"{index:05d}.png")
        votes = {
            "expression": result.expression,
            "voting": voting,
            "query": result.query,
            "aligned": result.aligned,
            "mismatch": None if result.mismatch is None else round(result.mismatch, 4),
            "rejected": result.rejected,
            "votes": result.votes.round(4).tolist(),
            "probabilities": result.probabilities.round(4).tolist(),
        }
        (folder / MARKER).write_text(json.dumps(votes), encoding="utf-8")
        title = result.expression + ("" if result.aligned is None else f" ({verdict(result)})")
        chart = voting_chart(result.probabilities, chosen=result.query, title=title)
        (folder / "votes.png").write_bytes(chart.to_png())


def verdict(result: Segmentation) -> str:
    """Whether the sentence fits the video, in words; empty for models that do not decide that."""
    if result.aligned is None or result.mismatch is None:
        return ""
    probability = f"p(does not match) {result.mismatch:.2f}"
    if result.aligned:
        return f"the sentence fits: {probability}"
    if result.rejected:
        return f"sentence rejected: {probability}, all masks are empty"
    return f"the sentence does not fit: {probability}; the filter is off, masks are kept"
