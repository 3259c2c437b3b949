"""Pretraining of the nano Video Swin: labels of a clip, flips, the standardised last stage, a tiny run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from rvos_edu.checkpoints import load_kinetics_video_swin
from rvos_edu.config import TemporalEncoderConfig
from rvos_edu.data.moving_shapes import generate_video
from rvos_edu.engine.pretrain_clips import CELL, CLASSES, labelled_clip, prepare
from rvos_edu.engine.pretrain_video import Recogniser, Settings, pretrain, standardise

SIZES = TemporalEncoderConfig(embed_dim=8, depths=[1, 1, 2], heads=[1, 2, 2], window=[2, 3, 3], drop_path=0.0)
MOTION = list(CLASSES).index("direction")


@pytest.fixture(scope="module")
def drawn() -> tuple[np.ndarray, np.ndarray]:
    return labelled_clip((7000, "train", 0))


def generator(*, x: bool, y: bool, slow: bool) -> torch.Generator:
    """A generator whose first three numbers flip or slow a clip down as asked for."""
    for seed in range(100):
        draws = torch.rand(3, generator=torch.Generator().manual_seed(seed)) < 0.5
        if draws.tolist() == [x, y, slow]:
            return torch.Generator().manual_seed(seed)
    raise AssertionError("no such seed")


def test_labels_say_what_covers_a_cell(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    frames, labels = drawn
    video = generate_video("full", 7000, "train", 0)
    length, height, width = video.ids.shape
    assert frames.shape == (2 * length, height, width, 3) and frames.dtype == np.uint8
    assert labels.shape == (len(CLASSES), length, height // CELL, width // CELL)
    covered = 0
    for t, row, column in np.ndindex(*labels.shape[1:]):
        y, x = CELL * row, CELL * column
        counts = np.bincount(video.ids[t, y : y + CELL, x : x + CELL].ravel(), minlength=1)
        if counts[0] == CELL**2:
            assert labels[:, t, row, column].tolist() == [0, -1, -1, -1, -1]
        elif counts[1:].max() > 0.5 * CELL**2:
            body = video.scene.bodies[int(counts[1:].argmax())]
            named = [names[i] for names, i in zip(CLASSES.values(), labels[:, t, row, column], strict=True)]
            assert named == [body.colour, body.shape, body.size, body.direction, body.entry]
            covered += 1
    assert covered > 20


def test_every_second_frame_is_a_frame_of_the_video(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    """Only the noise is drawn anew."""
    video = generate_video("full", 7000, "train", 0)
    difference = np.abs(drawn[0][::2].astype(int) - video.frames)
    assert difference.mean() < 4 * video.scene.noise and np.median(difference) <= 2 * video.scene.noise


def clip_and_labels() -> tuple[Tensor, Tensor]:
    frames = torch.randint(0, 256, (1, 4, 32, 48, 3), generator=torch.Generator().manual_seed(0))
    labels = torch.full((1, len(CLASSES), 2, 2, 3), -1, dtype=torch.int8)
    labels[0, MOTION, 0] = torch.tensor([[1, 2, 3], [4, 0, -1]])  # left right up / down still unknown
    return frames.to(torch.uint8), labels


@pytest.mark.parametrize(
    "x, y, expected",
    [
        (False, False, [[1, 2, 3], [4, 0, -1]]),
        (True, False, [[3, 1, 2], [-1, 0, 4]]),
        (False, True, [[3, 0, -1], [1, 2, 4]]),
        (True, True, [[-1, 0, 3], [4, 1, 2]]),
    ],
)
def test_flips_swap_directions_and_move_cells(x: bool, y: bool, expected: list[list[int]]) -> None:
    frames, labels = clip_and_labels()
    plain, _ = prepare(frames, labels, None)
    clip, swapped = prepare(frames, labels, generator(x=x, y=y, slow=False))
    axes = [axis for axis, wanted in ((-1, x), (-2, y)) if wanted]
    assert clip.equal(plain.flip(axes) if axes else plain)
    assert swapped[0, MOTION, 0].tolist() == expected
    assert labels[0, MOTION, 0].tolist() == [[1, 2, 3], [4, 0, -1]]  # the stored ones stay


def test_a_slow_clip_shows_every_second_frame_twice() -> None:
    frames, labels = clip_and_labels()
    plain, _ = prepare(frames, labels, None)
    clip, same = prepare(frames, labels, generator(x=False, y=False, slow=True))
    assert clip.equal(plain[:, :, [0, 0, 2, 2]]) and same.equal(labels.long())
    assert plain[0, 0, 0, 0, 0].item() == pytest.approx((int(frames[0, 0, 0, 0, 0]) / 255 - 0.485) / 0.229)


def test_standardise_rescales_the_last_stage_and_nothing_else() -> None:
    torch.manual_seed(0)
    swin = Recogniser(SIZES).swin.eval()
    for block in swin.features[-1]:  # as after training: a stream of size 10 or so with a mean
        block.mlp[3].weight.data.mul_(40)
        block.mlp[3].bias.data.normal_(3.0, 2.0)
    frames = torch.randint(0, 256, (2, 4, 48, 64, 3), dtype=torch.uint8)
    clip, _ = prepare(frames, torch.zeros(0), None)

    def stages() -> list[Tensor]:
        found = [swin.patch_embed(clip)]
        for part in swin.features:
            found.append(part(found[-1]))
        return found

    with torch.no_grad():
        before = stages()
        standardise(swin, frames)
        after = stages()
    assert all(a.equal(b) for a, b in zip(before[:-2], after[:-2], strict=True))
    out = after[-1]
    torch.testing.assert_close(out.mean((0, 1, 2, 3)), torch.zeros(out.shape[-1]), atol=1e-4, rtol=0)
    assert out.std().item() == pytest.approx(1.0, abs=1e-3)
    centred = before[-1] - before[-1].mean((0, 1, 2, 3))
    torch.testing.assert_close(out, centred / centred.std(), atol=1e-2, rtol=0)


def test_a_tiny_run_writes_weights_that_load_and_a_log(tmp_path: Path) -> None:
    settings = Settings(clips=4, valid_clips=2, steps=4, batch_size=2, warmup=2, precision="no")
    path = pretrain(SIZES, settings, tmp_path / "run")
    encoder = load_kinetics_video_swin(path, window=SIZES.window)
    assert (encoder.config.embed_dim, encoder.config.depths, encoder.config.heads) == (
        8,
        [1, 1, 2],
        [1, 2, 2],
    )
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert lines[0]["settings"]["seed"] == settings.seed and lines[0]["model"]["window"] == [2, 3, 3]
    assert [path.name for path in sorted((tmp_path / "run").iterdir())] == [
        "log.jsonl",
        "video_swin.safetensors",
    ]


def test_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    settings = Settings(clips=3, valid_clips=1, steps=3, batch_size=2, warmup=2, precision="no")
    first, second = (pretrain(SIZES, settings, tmp_path / name) for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()
