"""Choose negatives in each process of a launch: run_negatives.py ROOT CLIPS_OF_0 CLIPS_OF_1."""

from __future__ import annotations

import json
import random
import sys

from accelerate import Accelerator

from rvos_edu.data.moving_shapes.truth import MovingShapesTruth
from rvos_edu.engine.negatives import choose_negatives
from tests.engine.negative_batches import a_batch


def main() -> None:
    root, *clips = sys.argv[1:]
    accelerator = Accelerator(cpu=True)
    rank = accelerator.process_index
    batch = a_batch(root, [int(clip) for clip in clips[rank].split(",")])
    truth = MovingShapesTruth(root, "test")
    found = choose_negatives(batch, rng=random.Random(rank), truth=truth, accelerator=accelerator)
    answer = {"rank": rank, "expressions": found.expressions, "clips": found.clips.tolist()}
    line = json.dumps(answer | {"made": found.counts.made, "true": found.counts.true})
    sys.stdout.write(f"{line}\n")  # one write: two processes share the pipe
    sys.stdout.flush()


if __name__ == "__main__":
    main()
