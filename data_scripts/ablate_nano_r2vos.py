#!/usr/bin/env python
"""Which idea of R2-VOS does what: nano-r2vos trained anew without each, from the same pretrained parts.

    python data_scripts/ablate_nano_r2vos.py                         # hours: 35 minutes per row and seed
    python data_scripts/ablate_nano_r2vos.py --only shipped no-cycle # some rows
    python data_scripts/ablate_nano_r2vos.py --tabulate              # the table of what is finished

Every row goes through the two stages of train_nano_r2vos.sh, the second with half as many steps, and is then
evaluated on three test splits. What is finished is not repeated, what was interrupted goes on.
Writes RUNS/NAME-SEED/ and docs/training/ablation-nano-r2vos.md and .json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rvos_edu.engine.evaluate import run as evaluate
from rvos_edu.engine.logs import read_metrics
from rvos_edu.errors import ConfigError
from rvos_edu.files import atomic_write

ROWS: dict[str, tuple[str, ...]] = {
    "shipped": (),
    "no-cycle": ("--loss.relation", "none"),
    "point-wise": ("--loss.relation", "point-wise"),
    "no-grounding": ("--model.grounding", "none"),
    "K-1": ("--model.filters", "1"),
    "K-2": ("--model.filters", "2"),
    "K-4": ("--model.filters", "4"),
    "no-negatives": ("--data.negatives_per_clip", "0"),
}
WHAT = {
    "shipped": "as shipped: relational cycle, grounding, K = 3, negatives",
    "no-cycle": "cycle off",
    "point-wise": "cycle point-wise",
    "no-grounding": "early grounding off (the words still meet the pixels in the encoder)",
    "K-1": "K = 1",
    "K-2": "K = 2",
    "K-4": "K = 4",
    "no-negatives": "negatives off",
}
COLUMNS = {
    "J&F": "overall.jf",
    "R": "robust.random.r",
    "R, 1(A)": "robust.random.r_filtered",
    "AUC": "robust.random.auc",
    "R hard": "robust.hard.r",
    "R hard, 1(A)": "robust.hard.r_filtered",
    "AUC hard": "robust.hard.auc",
}
UNTAUGHT = {
    "no-negatives": ("R, 1(A)", "AUC", "R hard, 1(A)", "AUC hard")
}  # of a classifier that never learned
TEST_SEEDS = [101, 102, 103]
LOGS = Path(__file__).parents[1] / "docs" / "training"
COMMON = (
    "--train.workers",
    "1",
    "--train.freeze_temporal_encoder_steps",
    "100000",
    "--optimizer.warmup_steps",
    "50",
)


def stages(row: str, seed: int, runs: Path, *, steps: int, first: int) -> Iterator[tuple[Path, list[str]]]:
    """Folder and keys of both stages of a row."""
    common = [*COMMON, "--train.seed", str(seed), "--train.evaluate_every", "0"]
    begin = runs / f"{row}-{seed}-1-two-objects"
    level = ["--data.level", "1", "--data.train_videos", "null", "--train.batch_size", "4"]
    yield begin, [*level, "--train.steps", str(first), "--optimizer.schedule", "step", *common, *ROWS[row]]
    start = [
        "--init.model",
        str(begin / "model"),
        "--data.negatives_per_clip",
        "2",
        "--train.batch_size",
        "2",
    ]
    yield runs / f"{row}-{seed}", [*start, "--train.steps", str(steps), *common, *ROWS[row]]


def train(folder: Path, keys: Sequence[str]) -> None:
    """One stage in two processes; goes on where it was interrupted, does nothing if it is finished."""
    done = folder / "finished"
    if done.is_file():
        return
    torchrun = Path(sys.executable).with_name("torchrun")
    what = ["--resume"] if any(folder.glob("checkpoints/step-*")) else ["--config", "nano-r2vos", *keys]
    command = [
        str(torchrun),
        "--nproc_per_node",
        "2",
        "-m",
        "rvos_edu.cli",
        "train",
        *what,
        "--out",
        str(folder),
    ]
    threads = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "ACCELERATE_USE_CPU": "true"}
    subprocess.run(command, check=True, env=os.environ | threads)
    done.touch()


def tabulate(found: Mapping[str, Sequence[Mapping[str, float]]], *, steps: int) -> str:
    """A Markdown table: mean over training seeds, and from lowest to highest where there are several.

    Args:
        found: per row the figures of every training seed, each a mean over the test splits, in percent.
        steps: of every run.
    """
    head = ["", "training seeds", *COLUMNS]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for row, seeds in found.items():
        cells = [
            "-" if name in UNTAUGHT.get(row, ()) else _cell([f[key] for f in seeds if key in f])
            for name, key in COLUMNS.items()
        ]
        lines.append(f"| {' | '.join([WHAT[row], str(len(seeds)), *cells])} |")
    said = f"{steps} steps of the full mixture each; means over {len(TEST_SEEDS)} test splits."
    return "\n".join([*lines, "", said])


def _cell(values: Sequence[float]) -> str:
    if not values:
        return "-"
    spread = f" ({min(values):.1f} to {max(values):.1f})" if len(values) > 1 else ""
    return f"{np.mean(values):.1f}{spread}"


def collect(runs: Path) -> tuple[dict[str, list[dict[str, float]]], int]:
    """The figures of every finished run, by row, and the steps that all of them had.

    Raises:
        ConfigError: if there is none, or they differ in length.
    """
    found: dict[str, list[dict[str, float]]] = {}
    steps: set[int] = set()
    for row in ROWS:
        for path in sorted(runs.glob(f"{row}-[0-9]*/evaluation/evaluation.json")):
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            figures = {name: value["mean"] for name, value in content["figures"].items()}
            found.setdefault(row, []).append(figures)
            steps.add(read_metrics(path.parents[1] / "metrics.jsonl")[-1]["step"])
    if len(steps) != 1:
        raise ConfigError(f"{runs} must hold finished runs of one length, got lengths {sorted(steps)}")
    return found, steps.pop()


def main() -> None:
    """Train, evaluate, write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[42], help="of the training")
    parser.add_argument(
        "--only", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW", help=", ".join(ROWS)
    )
    parser.add_argument("--steps", type=int, default=2500, help="of the full mixture")
    parser.add_argument("--first-steps", type=int, default=450, help="of the two objects before it")
    parser.add_argument("--tabulate", action="store_true", help="train nothing")
    options = parser.parse_args()
    for seed in [] if options.tabulate else options.seeds:
        for row in options.only:
            for folder, keys in stages(
                row, seed, options.runs, steps=options.steps, first=options.first_steps
            ):
                train(folder, keys)
            if not (folder / "evaluation" / "evaluation.json").is_file():
                evaluate(str(folder), seeds=TEST_SEEDS, out=str(folder / "evaluation"), swap_sentences=False)
    found, steps = collect(options.runs)
    table = tabulate(found, steps=steps)
    for name, text in (("md", table), ("json", json.dumps(found, indent=1))):
        with atomic_write(LOGS / f"ablation-nano-r2vos.{name}") as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
    print(table)


if __name__ == "__main__":
    main()
