"""Put trained nano weights into the package: float16, checksums, and the log of the training beside the docs.

python -m rvos_edu.engine.ship nano-video-swin nano-roberta nano-mttr nano-r2vos     # from runs/<name>
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import torch

from rvos_edu.checksums import ASSETS, write_checksums
from rvos_edu.errors import CheckpointError
from rvos_edu.files import atomic_dir, atomic_write
from rvos_edu.models import model_from_pretrained
from rvos_edu.models.pretrained import CONFIG_FILE, WEIGHTS_FILE

LOGS = Path(__file__).parents[2] / "docs" / "training"
PARTS = {
    "nano-video-swin": {"video_swin.safetensors": WEIGHTS_FILE},
    "nano-roberta": {
        name: name for name in (CONFIG_FILE, WEIGHTS_FILE, "tokenizer.json", "tokenizer_config.json")
    },
}


def ship(name: str, run: Path, *, assets: Path = ASSETS, logs: Path = LOGS) -> Path:
    """Copy one trained part or model from its run into `assets/<name>`, and its log into `logs`.

    Args:
        name: nano-video-swin, nano-roberta, or a model.
        run: what the training wrote.

    Raises:
        CheckpointError: if the run holds no weights or no log; then nothing is changed.
    """
    target = assets / name
    log = run / ("log.jsonl" if name in PARTS else "metrics.jsonl")
    for path in (*(run / source for source in PARTS.get(name, ())), log):
        if not path.is_file():
            raise CheckpointError(f"{run} holds no {path.name}: train {name} first")
    if name in PARTS:
        with atomic_dir(target) as folder:
            for source, wanted in PARTS[name].items():
                shutil.copyfile(run / source, folder / wanted)
    else:
        model_from_pretrained(run / "model").save_pretrained(target, dtype=torch.float16)
    logs.mkdir(parents=True, exist_ok=True)
    stages = sorted(run.parent.glob(f"{run.name}-[0-9]-*"))  # what the model was trained from
    for stage, path in {name: log, **{stage.name: stage / log.name for stage in stages}}.items():
        with atomic_write(logs / f"{stage}.jsonl") as temporary:
            shutil.copyfile(path, temporary)
    return target


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="+", help="nano-video-swin, nano-roberta, nano-mttr, nano-r2vos")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs")
    arguments = parser.parse_args()
    for name in arguments.names:
        print(ship(name, arguments.runs / name))
    print(write_checksums())


if __name__ == "__main__":
    main()
