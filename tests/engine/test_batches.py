"""The order of batches: a pure function of seed and step, shared out among processes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rvos_edu.engine.batches import BatchPlan
from rvos_edu.errors import ConfigError


def plan(
    clips: int = 10, *, batch: int = 2, accumulate: int = 1, processes: int = 1, seed: int = 0
) -> BatchPlan:
    return BatchPlan(list(range(clips)), batch, accumulate, processes, seed)


def test_an_epoch_sees_every_clip_once() -> None:
    batches = list(plan().micro_batches(range(10), 0))
    assert plan().steps_per_epoch == 5
    assert [epoch for batch in batches for epoch, _ in batch] == [0] * 10 + [1] * 10
    first, second = ([clip for batch in half for _, clip in batch] for half in (batches[:5], batches[5:]))
    assert sorted(first) == sorted(second) == list(range(10)) and first != second


def test_starting_in_the_middle_gives_the_same_rest() -> None:
    whole = list(plan(accumulate=2).micro_batches(range(9), 0))
    assert list(plan(accumulate=2).micro_batches(range(3, 9), 0)) == whole[6:]


def test_seeds_differ() -> None:
    orders = {tuple(map(tuple, plan(seed=seed).micro_batches(range(5), 0))) for seed in range(3)}
    assert len(orders) == 3


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(0, 9))
def test_processes_share_the_clips_of_each_step(
    batch: int, accumulate: int, processes: int, step: int
) -> None:
    clips = 3 * batch * accumulate * processes + 1
    shared = plan(clips, batch=batch, accumulate=accumulate, processes=processes)
    alone = plan(clips, batch=batch * processes, accumulate=accumulate)
    expected = list(alone.micro_batches(range(step, step + 1), 0))
    parts = [list(shared.micro_batches(range(step, step + 1), rank)) for rank in range(processes)]
    for micro in range(accumulate):
        assert [pair for part in parts for pair in part[micro]] == expected[micro]


def test_too_few_clips() -> None:
    with pytest.raises(ConfigError, match=r"one step needs 12 clips .* but the training data has 10"):
        plan(batch=3, accumulate=2, processes=2)
