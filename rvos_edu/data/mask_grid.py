"""How much of the truth survives on the coarse grid that the models predict."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from rvos_edu.data.dataset import ClipDataset

STRIDE = 4  # of the masks that the models predict


def mask_grid_score(dataset: ClipDataset, clips: list[int]) -> float:
    """J&F in percent of the truth averaged to the mask grid (stride 4), enlarged again and cut at 0.5.

    The best that a model with masks at this stride can be expected to reach; mean over the referred
    objects of some clips.
    """
    from rvos_edu.metrics import contour_accuracy, region_similarity

    scores = []
    for clip in clips:
        targets = {s.target.referred: s.target for s in dataset.load_clip(clip) if s.target is not None}
        for referred, target in targets.items():
            truth = target.masks[referred]
            there_and_back = _through_grid(truth).numpy()
            region = region_similarity(there_and_back, truth.numpy())
            contour = contour_accuracy(there_and_back, truth.numpy())
            scores.append(float(np.mean(region) + np.mean(contour)) / 2)
    return 100 * float(np.mean(scores)) if scores else float("nan")


def _through_grid(masks: torch.Tensor) -> torch.Tensor:
    """bool [T, H, W] to the grid and back; sizes are padded with background to whole cells."""
    height, width = masks.shape[-2:]
    whole = F.pad(masks[:, None].float(), (0, -width % STRIDE, 0, -height % STRIDE))
    grid = F.avg_pool2d(whole, STRIDE)
    large = F.interpolate(grid, scale_factor=STRIDE, mode="bilinear", align_corners=False)
    return large[:, 0, :height, :width] >= 0.5
