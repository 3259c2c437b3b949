"""Masks that wait on disk."""

from __future__ import annotations

import numpy as np
import pytest

from rvos_edu.engine.spool import MaskSpool, collect, encode, nearest

MASKS = np.random.default_rng(0).random((5, 3, 7, 9)) > 0.6  # [T, N, H, W]


def test_any_mask_can_be_read_again() -> None:
    with MaskSpool(size=(7, 9), queries=3) as spool:
        for frame in MASKS:
            spool.append(encode(frame))
        assert len(spool) == 5
        for t, n in [(4, 2), (0, 0), (2, 1), (4, 0)]:
            np.testing.assert_array_equal(spool.read(t, n), MASKS[t, n])


def test_every_frame_has_all_masks() -> None:
    with MaskSpool(size=(7, 9), queries=3) as spool, pytest.raises(ValueError, match="of 3 masks, got 2"):
        spool.append(encode(MASKS[0, :2]))


def test_nearest_by_hand() -> None:
    mask = np.array([[True, False], [False, True]])
    np.testing.assert_array_equal(nearest(mask, (4, 4)), np.kron(mask, np.ones((2, 2), bool)))
    assert nearest(mask, (2, 2)) is mask
    assert nearest(mask, (1, 1)).tolist() == [[True]]


@pytest.mark.parametrize("limit", [0, 10**9])
def test_collected_masks_are_the_stream(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rvos_edu.engine.spool.IN_MEMORY_BYTES", limit)
    found = collect(iter(MASKS[:, 0]), frames=5, size=(7, 9))
    np.testing.assert_array_equal(found, MASKS[:, 0])
    assert found.dtype == bool and isinstance(found, np.memmap) == (limit == 0)
