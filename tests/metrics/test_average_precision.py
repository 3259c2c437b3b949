"""mAP: by hand, streaming, duplicates, silence, bad input."""

from __future__ import annotations

import numpy as np
import pytest

from rvos_edu.metrics import AveragePrecision, average_precision


def bars(*widths: int) -> np.ndarray:
    """[N, 1, 20]: bars of these widths from the left."""
    masks = np.zeros((len(widths), 1, 20), bool)
    for mask, width in zip(masks, widths, strict=True):
        mask[:, :width] = True
    return masks


def test_by_hand() -> None:
    # IoU 10/10 passes all ten thresholds; 6/10 passes .50, .55 and .60 (COCO counts an IoU at the threshold).
    assert average_precision(bars(10), [bars(10)], [[0.3]]).mean == pytest.approx(1)
    result = average_precision(bars(10), [bars(6)], [[0.3]])
    assert result.mean == pytest.approx(0.3) and result.at_50 == pytest.approx(1) and result.at_75 == 0
    assert result.small == pytest.approx(0.3) and np.isnan(result.medium) and np.isnan(result.large)
    assert result.images == 1


def test_a_wrong_mask_ranked_first_halves_the_precision() -> None:
    result = average_precision(bars(10), [bars(1, 10)], [[0.9, 0.8]])
    assert result.mean == pytest.approx(0.5) and result.mean_best == 0
    chosen = AveragePrecision()
    chosen.add("a", bars(10)[0], bars(1, 10), [0.9, 0.8], best=1)
    assert chosen.compute().mean_best == pytest.approx(1)
    assert chosen.compute().mean == pytest.approx(0.5)


def test_scores_rank_across_images() -> None:
    truths, masks = bars(10, 10), [bars(10), bars(1)]
    confident_and_right = average_precision(truths, masks, [[0.9], [0.1]])
    assert confident_and_right.mean == pytest.approx(51 / 101)  # recall .5 reached at precision 1
    unsure_and_right = average_precision(truths, masks, [[0.1], [0.9]])
    assert unsure_and_right.mean == pytest.approx(51 / 101 / 2)


def test_images_of_any_size_one_by_one_merged_and_repeated(capfd: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    truths = [rng.random((5 + i, 9)) > 0.5 for i in range(6)]
    masks = [rng.random((4, 5 + i, 9)) > 0.5 for i in range(6)]
    for i in range(6):
        masks[i][i % 4] = truths[i]
    scores = rng.random((6, 4))
    first, second = AveragePrecision(), AveragePrecision()
    for i in (0, 2, 4, 0):
        first.add(f"image {i}", truths[i], masks[i], scores[i])
    for i in (5, 3, 1, 0):
        second.add(f"image {i}", truths[i], masks[i], scores[i])
    assert (len(first), len(second)) == (3, 4)
    first.merge(second)
    assert len(first) == 6
    assert first.compute() != average_precision(truths[:5], masks[:5], scores[:5])
    whole = average_precision(truths, masks, scores)
    assert first.compute().mean == whole.mean and first.compute().mean_best == whole.mean_best
    assert capfd.readouterr().out == ""


def test_the_hundred_most_confident_masks_of_an_image_count() -> None:
    """COCOeval's own limit, which the published code leaves as it is; table D.1 goes up to 300 queries."""
    for before, mean in ((99, 1 / 100), (100, 0)):
        masks = np.concatenate([bars(*[1] * before), bars(10), bars(*[1] * 30)])
        result = average_precision(bars(10), [masks], [np.linspace(1, 0.1, len(masks))])
        assert result.mean == pytest.approx(mean)


def test_odd_but_valid() -> None:
    result = AveragePrecision().compute()
    assert result.images == 0 and np.isnan(result.mean)
    assert average_precision(
        np.ones((1, 1, 1), bool), np.ones((1, 1, 1, 1), bool), [[0.5]]
    ).mean == pytest.approx(1)
    empty = average_precision(bars(10), np.zeros((1, 3, 1, 20), bool), [[0.5, 0.5, 0.5]])
    assert empty.mean == 0


def test_bad_input_names_what_was_seen() -> None:
    collected = AveragePrecision()
    truth, masks = bars(10)[0], bars(10, 6)
    with pytest.raises(ValueError, match=r"masks must be bool, got uint8 with values 0\.\.255"):
        collected.add(1, truth, masks.astype(np.uint8) * 255, [1, 1])
    with pytest.raises(ValueError, match=r"truth must be \[H, W\], got shape \(1, 1, 20\)"):
        collected.add(1, truth[None], masks, [1, 1])
    with pytest.raises(ValueError, match=r"like truth \(1, 20\), got \(2, 1, 19\)"):
        collected.add(1, truth, masks[..., :19], [1, 1])
    with pytest.raises(ValueError, match=r"scores must be \[N\], one per mask \(2, 1, 20\), got \(3,\)"):
        collected.add(1, truth, masks, [1, 1, 1])
    with pytest.raises(ValueError, match="scores must be finite"):
        collected.add(1, truth, masks, [1, np.nan])
    with pytest.raises(ValueError, match="best must be in 0..1, got 2"):
        collected.add(1, truth, masks, [1, 1], best=2)
    with pytest.raises(ValueError, match="same length, got 1, 1, 2"):
        average_precision(bars(10), [masks], [[1, 1], [1, 1]])
    assert len(collected) == 0


def test_more_masks_than_a_byte_counts() -> None:
    """Three hundred queries, as in the paper's table D.1; one of them is the truth and the most confident."""
    rng = np.random.default_rng(0)
    truth = np.zeros((8, 9), bool)
    truth[2:6, 3:7] = True
    masks = rng.random((300, 8, 9)) > 0.5
    masks[299] = truth
    found = average_precision([truth], [masks], [np.linspace(0, 1, 300)])
    assert [found.mean, found.mean_best, found.at_50] == pytest.approx([1.0] * 3, abs=1e-9)
