"""Peak memory of segmenting a long video: 10,000 frames of 320x576 stay under 3 GB for the whole process.

    pytest -m benchmark tests/benchmarks/bench_segment_memory.py -s
    python -m tests.benchmarks.bench_segment_memory [FRAMES]       # prints one line of JSON

Frames are drawn as they are asked for; masks, overlay and votes are written to a temporary folder.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from rvos_edu.models import MTTR

FRAMES, SIZE = 10_000, (320, 576)
LIMIT_MB = 3_000


class DrawnVideo:
    """A red square that wanders over noise; a source of frames that holds none of them."""

    def __init__(self, count: int) -> None:
        self.frame_count: int | None = count
        self.size, self.fps = SIZE, Fraction(25)
        self._noise = np.random.default_rng(0).integers(60, 120, (*SIZE, 3), dtype=np.uint8)

    def __iter__(self) -> Iterator[np.ndarray]:
        for t in range(self.frame_count or 0):
            frame = self._noise.copy()
            y, x = 100 + int(80 * np.sin(t / 40)), 250 + int(200 * np.cos(t / 90))
            frame[y : y + 70, x : x + 70] = (220, 40, 40)
            yield frame


def measure(count: int) -> dict[str, float]:
    """Segment `count` drawn frames with the shipped nano model (random weights if it is not there)."""
    from rvos_edu.engine import segment as module

    video = DrawnVideo(count)
    module.open_frames = lambda frames: video  # type: ignore[assignment]
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        result = module.segment(_model(), "drawn", "the red square", out=Path(folder) / "out")
        found = int(sum(mask.sum() for mask in result.masks[:: max(1, count // 100)]))
        files = sum(1 for _ in (Path(folder) / "out" / "masks").iterdir())
    assert files == count and result.masks.shape == (count, *SIZE)
    return {
        "frames": count,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "seconds": time.perf_counter() - started,
        "pixels_found": found,
    }


def _model() -> MTTR:
    import torch

    from rvos_edu.errors import CheckpointError
    from rvos_edu.models.pretrained import find_model
    from rvos_edu.presets import load_config

    try:
        return MTTR.from_pretrained("nano-mttr")
    except CheckpointError:
        torch.manual_seed(0)
        return MTTR(load_config("nano-mttr").model, tokenizer=find_model("nano-roberta"))


@pytest.mark.benchmark
def test_peak_memory() -> None:
    command = [sys.executable, "-m", "tests.benchmarks.bench_segment_memory", str(FRAMES)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    print(out)
    assert json.loads(out.splitlines()[-1])["peak_mb"] < LIMIT_MB


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]) if len(sys.argv) > 1 else FRAMES)))
