"""Train several configurations one after the other in each process of a launch: run_several.py FOLDER.

FOLDER/NAME.yaml is trained into FOLDER/NAME.
"""

from __future__ import annotations

import sys
from pathlib import Path

from rvos_edu.engine.train import train
from rvos_edu.presets import load_config


def main() -> None:
    for path in sorted(Path(sys.argv[1]).glob("*.yaml")):
        train(load_config(path), out=path.with_suffix(""))


if __name__ == "__main__":
    main()
