"""What a run writes down: metrics.jsonl (one JSON object per line), TensorBoard, and a progress bar."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from torch.utils.tensorboard import SummaryWriter
from tqdm.auto import tqdm

from rvos_edu.files import atomic_write

METRICS_FILE = "metrics.jsonl"


@dataclass
class Averages:
    """Running means since the last record; saved with a checkpoint so that a resumed log is the same."""

    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, values: dict[str, float]) -> None:
        """Add one step's values; those that are not finite (an fp16 overflow's gradient) do not count."""
        for name, value in values.items():
            if math.isfinite(value):
                self.sums[name] = self.sums.get(name, 0.0) + value
                self.counts[name] = self.counts.get(name, 0) + 1

    def take(self) -> dict[str, float]:
        """The means, and start afresh."""
        means = {name: total / self.counts[name] for name, total in self.sums.items()}
        self.sums, self.counts = {}, {}
        return means


class RunLog:
    """The records of a run in `out`, by the main process only (`enabled`).

    A fresh run (`step` 0) starts the file anew. A resumed one drops what was recorded after the
    checkpoint's `step`, so that the file reads as if nothing had happened.

    Args:
        out: folder of the run.
        step: number of steps already done.
        total: number of steps of the whole run, for the bar.
        enabled: False for all but the main process: nothing is written or shown.
    """

    def __init__(self, out: Path, *, step: int, total: int, enabled: bool = True) -> None:
        self.enabled = enabled
        self.bar = tqdm(total=total, initial=step, disable=not enabled, dynamic_ncols=True, unit="step")
        if not enabled:
            return
        path = out / METRICS_FILE
        keep = [r for r in read_metrics(path) if r["step"] <= step] if step and path.exists() else []
        with atomic_write(path) as temporary:
            temporary.write_text("".join(json.dumps(record) + "\n" for record in keep))
        self._file = path.open("a", encoding="utf-8", buffering=1)  # one line at a time reaches the disk
        self._board = SummaryWriter(str(out / "tensorboard"), purge_step=step + 1)

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.close()
        if self.enabled:
            self._file.close()
            self._board.close()

    def record(self, event: str, step: int, values: dict[str, float]) -> None:
        """Write one record: {"event": ..., "step": ..., **values}; floats also to TensorBoard."""
        if not self.enabled:
            return
        self._file.write(json.dumps({"event": event, "step": step, **values}) + "\n")
        for name, value in values.items():
            if name not in ("epoch", "seconds"):
                self._board.add_scalar(f"{event}/{name}", value, step)

    def advance(self, shown: dict[str, float]) -> None:
        """Move the bar by one step and show these numbers."""
        self.bar.set_postfix({name: f"{value:.3g}" for name, value in shown.items()}, refresh=False)
        self.bar.update()

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        if self.enabled:
            self.bar.write(text)


def read_metrics(path: str | Path) -> list[dict[str, Any]]:
    """Records of a metrics.jsonl; a last line that was cut short by a kill is left out."""
    records = []
    for line in Path(path).read_text(encoding="utf-8").splitlines(keepends=True):
        if line.endswith("\n"):
            records.append(json.loads(line))
    return records
