"""A tiny JHMDB-Sentences by hand: a name with @ ( ) ! and +, one video with fewer masks than frames."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import scipy.io
from PIL import Image

ODD, PLAIN, SHORT = "(walk!)_@home+1", "Some_Video_f_cm_np1_fr_med_0", "short"
ACTIONS = {ODD: "walk", PLAIN: "run", SHORT: "walk"}
FRAMES = {ODD: 8, PLAIN: 6, SHORT: 2}
MASKS = {ODD: 5, PLAIN: 6, SHORT: 1}
SIZE = (12, 16)  # H, W
SENTENCES = [f"{ODD},A man  walking ", f"{PLAIN},girl, with a ball", f"{SHORT},a man walking"]


def write_jhmdb(root: Path) -> Path:
    """Write the tree, without a list of samples, below `root` and return it."""
    for video in ACTIONS:
        frames_folder(root, video).mkdir(parents=True)
        for number in range(1, FRAMES[video] + 1):
            write_frame(root, video, number)
        write_masks(root, video, MASKS[video])
    write_table(root, SENTENCES)
    return root


def write_table(root: Path, sentences: list[str]) -> None:
    (root / "jhmdb_annotation.txt").write_text("\n".join(["video_id,query", *sentences]) + "\n")


def write_list(root: Path, samples: list[tuple[str, int]]) -> Path:
    """The published list, with paths of another machine."""
    rows = [
        [
            video,
            f"./jhmdb_sentences/Rename_Images/{ACTIONS.get(video)}/{video}/{number:05d}.png",
            f"./jhmdb_sentences/puppet_mask/{ACTIONS.get(video)}/{video}/puppet_mask.mat",
            MASKS.get(video, 0),
            "as in the table",
        ]
        for video, number in samples
    ]
    path = root / "jhmdb_sentences_samples_metadata.json"
    path.write_text(json.dumps(rows))
    return path


def frames_folder(root: Path, video: str) -> Path:
    return root / "Rename_Images" / ACTIONS[video] / video


def mask_path(root: Path, video: str) -> Path:
    return root / "puppet_mask" / ACTIONS[video] / video / "puppet_mask.mat"


def write_frame(root: Path, video: str, number: int, size: tuple[int, int] = SIZE) -> Path:
    """A frame of grey value 20 * number."""
    path = frames_folder(root, video) / f"{number:05d}.png"
    Image.fromarray(np.full((*size, 3), 20 * number, np.uint8)).save(path)
    return path


def mask_of(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """bool [H, W]: row `number`, columns 3..6."""
    mask = np.zeros(size, bool)
    mask[number, 3:7] = True
    return mask


def write_masks(root: Path, video: str, count: int, size: tuple[int, int] = SIZE) -> Path:
    """part_mask (H, W, T); MATLAB drops the last axis if T is 1."""
    path = mask_path(root, video)
    path.parent.mkdir(parents=True, exist_ok=True)
    masks = np.stack([mask_of(number, size) for number in range(1, count + 1)], -1).astype(np.uint8)
    scipy.io.savemat(path, {"part_mask": masks[..., 0] if count == 1 else masks}, do_compression=True)
    return path
