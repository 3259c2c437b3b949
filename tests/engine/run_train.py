"""A training run in a process of its own: run_train.py CONFIG OUT [--resume] [--kill-at STEP]."""

from __future__ import annotations

import argparse
import os
import signal
from pathlib import Path

import rvos_edu.engine.train as engine
from rvos_edu.presets import load_config


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("config")
    parser.add_argument("out", type=Path)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--kill-at", type=int, help="die by SIGKILL when this step has been recorded")
    arguments = parser.parse_args()

    class MortalLog(engine.RunLog):
        def record(self, event: str, step: int, values: dict[str, float]) -> None:
            super().record(event, step, values)
            if step == arguments.kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    engine.RunLog = MortalLog  # type: ignore[misc]
    engine.train(load_config(arguments.config), out=arguments.out, resume=arguments.resume)


if __name__ == "__main__":
    main()
