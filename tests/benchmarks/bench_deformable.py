"""Time of a deformable encoder layer on a CPU, against torch's dense attention on as many tokens.

    pytest -m benchmark tests/benchmarks/bench_deformable.py -s
    OMP_WAIT_POLICY=PASSIVE python -m tests.benchmarks.bench_deformable [THREADS [CASE ...]]

"video": 5 frames of 360x640 at strides 8 to 64, 256 channels, 8 heads, 4 points, hidden width 2048.
"nano": a training step (forward and backward) at the sizes of nano-r2vos, 72 frames of 80x112.
"large maps": the same with narrower maps of 20x28 to 3x4.

"dense attention" is `scaled_dot_product_attention` alone, without projections; "dense layer" is an encoder
layer around it. Each figure is the best of several rounds, in which the candidates take turns: seconds on the
clock, and of all threads together, which hardly depend on other work if waiting threads sleep (PASSIVE).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rvos_edu.nn.multimodal_transformer import EncoderLayer
from rvos_edu.nn.visual_encoder import DeformableEncoderLayer, pixel_centres

LIMIT, THREADS, ROUNDS = 2.0, 2, 5
Shapes = list[tuple[int, int]]


@dataclass(frozen=True)
class Case:
    """Sizes of one measurement."""

    frames: int
    shapes: Shapes
    width: int
    heads: int
    feedforward: int
    train: bool


@dataclass
class Cost:
    """Seconds on the clock, and of all threads together."""

    clock: float = float("inf")
    threads: float = float("inf")


CASES = {
    "video": Case(5, [(45, 80), (23, 40), (12, 20), (6, 10)], 256, 8, 2048, train=False),
    "nano": Case(72, [(10, 14), (5, 7), (3, 4)], 96, 4, 192, train=True),
    "large maps": Case(72, [(20, 28), (10, 14), (5, 7), (3, 4)], 64, 4, 128, train=True),
}


def candidates(case: Case) -> dict[str, Callable[[], Tensor]]:
    """What is measured, by name."""
    torch.manual_seed(0)
    tokens = sum(h * w for h, w in case.shapes)
    x, places = torch.randn(2, case.frames, tokens, case.width)
    references = pixel_centres(case.shapes, torch.ones(case.frames, len(case.shapes), 2))
    layer = DeformableEncoderLayer(
        case.width, case.heads, levels=len(case.shapes), points=4, feedforward=case.feedforward, dropout=0.0
    )
    nn.init.normal_(
        layer.attention.offsets.weight, std=0.05
    )  # every pixel looks elsewhere, as after training
    dense = EncoderLayer(case.width, case.heads, case.feedforward, 0.0)
    q, k, v = torch.randn(3, case.frames, case.heads, tokens, case.width // case.heads)
    for given in (x, q, k, v):
        given.requires_grad_(case.train)
    return {
        "deformable layer": lambda: layer(x, places, references, case.shapes, None),
        "deformable attention": lambda: layer.attention(x + places, references, x, case.shapes),
        "dense attention": lambda: F.scaled_dot_product_attention(q, k, v),
        "dense layer": lambda: dense(x, places, None)[0],
    }


def measure(case: Case, rounds: int = ROUNDS) -> dict[str, Cost]:
    """The best of all rounds."""
    runs = candidates(case)
    costs = {name: Cost() for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            clock, threads = time.perf_counter(), time.process_time()
            with torch.set_grad_enabled(case.train):
                out = run()
                if case.train:
                    out.square().mean().backward()
            costs[name].clock = min(costs[name].clock, time.perf_counter() - clock)
            costs[name].threads = min(costs[name].threads, time.process_time() - threads)
    return costs


def report(name: str, costs: dict[str, Cost]) -> None:
    """Print seconds, and all as multiples of dense attention."""
    base = costs["dense attention"]
    threads = torch.get_num_threads()
    print(f"{name}, {threads} threads: seconds on the clock / of all threads (times dense attention)")
    for candidate, cost in costs.items():
        ratios = f"{cost.clock / base.clock:.2f} / {cost.threads / base.threads:.2f}"
        print(f"  {candidate:22}{cost.clock:8.3f} / {cost.threads:.3f}  ({ratios})", flush=True)


@pytest.mark.benchmark
def test_within_twice_dense_attention() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        costs = measure(CASES["video"])
        report("video", costs)
    finally:
        torch.set_num_threads(before)
    assert costs["deformable layer"].clock <= LIMIT * costs["dense attention"].clock


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else THREADS)
    for chosen in sys.argv[2:] or CASES:
        report(chosen, measure(CASES[chosen]))
