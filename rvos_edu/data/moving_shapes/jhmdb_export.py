"""Moving Shapes in the layout of JHMDB-Sentences: PNG frames, MAT files of masks, three frames per video.

The test split, one object and one sentence per video. What is odd in the published files is here as well:
names with @ ( ) ! and +, videos with fewer masks than frames, and paths in the list of samples that begin
with a folder of the machine that made it.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import scipy.io
from PIL import Image
from tqdm.auto import tqdm

from rvos_edu.data.jhmdb_tables import (
    HEADER,
    IMAGES,
    MASKS,
    drawn_numbers,
    samples_file,
    sentences_file,
)
from rvos_edu.data.moving_shapes.annotated_frames import ShapesVideo, new_folder, read_shapes
from rvos_edu.errors import DataError

SPLIT = "test"
ODD_NAMES = ("({}!)_move@the_park+1", "{}_@_night_(2)", "wow!_{}", "{}+{}")
_MAT_TEXT = 116  # bytes of free text at the beginning of a MAT file
_FEWEST = 3  # masks of a video


def export_jhmdb(source: str | Path, root: str | Path) -> Path:
    """Write the test split of Moving Shapes below `root`; the same source gives the same bytes.

    Args:
        source: folder of a dataset that `make` wrote.
        root: is made; `JHMDBSentences(root, split="test", ...)` reads it.

    Raises:
        DataError: if `source` is not Moving Shapes or has no test videos, or `root` already holds something.
    """
    source, root = Path(source), Path(root)
    with new_folder(root) as temporary:
        lines, samples = [HEADER], []
        videos = tqdm(read_shapes(source, SPLIT), desc="Videos", unit="video", delay=2.0)
        for number, shapes in enumerate(videos):
            written = _write_video(temporary, shapes, number)
            if written is not None:
                line, rows = written
                lines.append(line)
                samples += rows
        if not samples:
            raise DataError("jhmdb-sentences is made of test videos, and there are none (`data make --test`)")
        sentences_file(temporary).write_text("\n".join(lines) + "\n", encoding="utf-8")
        samples_file(temporary).write_text(json.dumps(samples), encoding="utf-8")
    return root


def video_name(name: str, number: int) -> str:
    """Every fifth one is plain, the others hold characters that shells and patterns of names trip over."""
    odd = ODD_NAMES[number % 5] if number % 5 < len(ODD_NAMES) else "Shapes_{}_f_nm_np1_fr_med_0"
    return odd.format(name, number)


def _write_video(root: Path, shapes: ShapesVideo, number: int) -> tuple[str, list[list[object]]] | None:
    """The line of the table and the rows of the list; None if no sentence is true in all frames."""
    chosen = _choose(shapes)
    if chosen is None:
        return None
    identity, action, words = chosen
    masks = (shapes.ids == identity).transpose(1, 2, 0).astype(np.uint8)  # [H, W, T]
    total = masks.shape[2]
    if number % 3 == 1 and total > _FEWEST:
        total -= 1  # the last frame has no mask
    video = video_name(shapes.name, number)
    folder = root / IMAGES / action / video
    folder.mkdir(parents=True)
    for time, frame in enumerate(shapes.frames, 1):
        Image.fromarray(frame).save(folder / f"{time:05d}.png", compress_level=1)
    path = root / MASKS / action / video / "puppet_mask.mat"
    path.parent.mkdir(parents=True)
    path.write_bytes(mat_bytes({"part_mask": masks[:, :, :total]}))
    place = f"./jhmdb_sentences/{{}}/{action}/{video}/{{}}"
    rows: list[list[object]] = [
        [video, place.format(IMAGES, f"{n:05d}.png"), place.format(MASKS, path.name), total, words]
        for n in drawn_numbers(video, total, 0)
    ]
    return f"{video},{words}", rows


def _choose(shapes: ShapesVideo) -> tuple[int, str, str] | None:
    """The object that is seen for longest and has a sentence that is true in every frame that shows it."""
    facts = sorted(shapes.facts, key=lambda f: -len(shapes.shows(f.identity)))
    for fact in facts:
        words = shapes.sentence(fact.identity, range(len(shapes.frames)))
        if words is not None:
            return fact.identity, f"move_{fact.direction}", words
    return None


def mat_bytes(arrays: dict[str, np.ndarray]) -> bytes:
    """A MAT file (version 5) whose head does not tell when it was made."""
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, arrays, do_compression=True)
    content = buffer.getvalue()
    return b"MATLAB 5.0 MAT-file".ljust(_MAT_TEXT) + content[_MAT_TEXT:]
