#!/usr/bin/env python
"""Draw the supplement's figures A and B of R2-VOS for one clip of Moving Shapes, a true and a false sentence.

    python data_scripts/draw_r2vos_figures.py
    python data_scripts/draw_r2vos_figures.py --model runs/nano-r2vos --clip 3 --true 1 --false 2 --measure 40

Writes figure-a.png (what early grounding looks at, for both sentences), figure-b.png and figure-b-false.png
(from each sentence to instance queries to masks). With --measure also counts over many clips how much of the
maps lies on the object of the true sentence.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from rvos_edu.config import R2VOSExperimentConfig
from rvos_edu.data import ClipDataset, PairDataset, load, load_pairs
from rvos_edu.data.r2_pairs import KINDS
from rvos_edu.engine.grounding import ObjectShare, sentence_record, share_on
from rvos_edu.engine.inference import evenly, load_model, truth_of
from rvos_edu.errors import ConfigError, DataError, RVOSError
from rvos_edu.models import R2VOS
from rvos_edu.structures import VideoSample
from rvos_edu.viz.grounding import grounding_figure
from rvos_edu.viz.instance_queries import query_figure

SEED = 101  # of the test split, as in the evaluations


def main(arguments: list[str] | None = None) -> int:
    """Draw, print where the maps lie; 2 after an error."""
    options = _parse(arguments)
    try:
        model, config = load_model(options.model)
        if not isinstance(model, R2VOS) or not isinstance(config, R2VOSExperimentConfig):
            raise ConfigError(f"{options.model} is not an R2-VOS: it has no early grounding to draw")
        clips = load("moving-shapes", split="test", root=options.root, seed=SEED, train_videos=0)
        false = load_pairs(clips.root, "test", kind=options.kind)
        pair = pair_of(clips, false, options.clip, options.true, options.false)
        draw(model, config, *pair, out=Path(options.out))
        if options.measure:
            measure(model, config, clips, false, options.measure)
    except (RVOSError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="nano-r2vos", help="shipped name or folder (%(default)s)")
    parser.add_argument("--root", help="folder of Moving Shapes (default: made on first use)")
    parser.add_argument("--clip", type=int, default=0, help="number of the clip (%(default)s)")
    parser.add_argument("--true", type=int, default=0, help="which of its sentences (%(default)s)")
    parser.add_argument("--false", type=int, default=0, help="which of its false sentences (%(default)s)")
    parser.add_argument("--kind", choices=KINDS, default="hard", help="of false sentences (%(default)s)")
    parser.add_argument("--measure", type=int, default=0, metavar="N", help="also the means over N clips")
    parser.add_argument("--out", default="runs/r2vos-figures", help="folder of the PNGs (%(default)s)")
    return parser.parse_args(arguments)


def pair_of(
    clips: ClipDataset, pairs: PairDataset, clip: int, true: int, false: int
) -> tuple[VideoSample, VideoSample]:
    """A clip with one of its sentences, and with one of the sentences that are false of it."""
    if not 0 <= clip < len(clips.clips):
        raise DataError(f"clip must be in 0..{len(clips.clips) - 1}, got {clip}")
    video = clips.clips[clip].video
    asked = next((i for i, key in enumerate(pairs.clips) if key.video == video), None)
    groups = clips.load_clip(clip), [] if asked is None else pairs.load_clip(asked)
    for name, group, index in zip(("true", "false"), groups, (true, false), strict=True):
        if not 0 <= index < len(group):
            raise DataError(f"video {video} has {len(group)} {name} sentences, got number {index}")
    return groups[0][true], groups[1][false]


def draw(
    model: R2VOS, config: R2VOSExperimentConfig, true: VideoSample, false: VideoSample, *, out: Path
) -> None:
    """Write the three PNGs and print where the maps lie."""
    right, wrong = (sentence_record(model, sample, config=config) for sample in (true, false))
    groundings = [
        replace(record.grounding, note=f"{name}: {record.grounding.note}")
        for name, record in (("true", right), ("false", wrong))
    ]
    figures = {
        "figure-a": grounding_figure(groundings),
        "figure-b": query_figure(right.queries),
        "figure-b-false": query_figure(wrong.queries),
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        (out / f"{name}.png").write_bytes(figure.to_png())
        print(f"written: {out / name}.png")
    for grounding in groundings:
        print(f"“{grounding.expression}”, {grounding.note}")
    _tell([(share_on(right.grounding, _object(true)), share_on(wrong.grounding, _object(true)))])


def measure(
    model: R2VOS, config: R2VOSExperimentConfig, clips: ClipDataset, pairs: PairDataset, count: int
) -> None:
    """The same shares, means over the first true and false sentences of `count` clips."""
    found = []
    for clip in tqdm(evenly(len(clips.clips), count), desc="measuring"):
        true, false = pair_of(clips, pairs, clip, 0, 0)
        right, wrong = (sentence_record(model, sample, config=config) for sample in (true, false))
        found.append((share_on(right.grounding, _object(true)), share_on(wrong.grounding, _object(true))))
    _tell(found)


def _object(sample: VideoSample) -> NDArray[np.bool_]:
    masks, referred, _ = truth_of(sample)
    return masks[referred]


def _tell(found: list[tuple[ObjectShare, ObjectShare]]) -> None:
    means = [
        ObjectShare(*(float(np.mean([getattr(pair[i], name) for pair in found]))
                      for name in ("pixels", "attention", "strength")))
        for i in range(2)
    ]  # fmt: skip
    right, wrong = means
    print(
        f"on the object of the true sentence, {100 * right.pixels:.1f} % of the pixels "
        f"({len(found)} clips): {100 * right.attention:.1f} % of the attention with the true sentence, "
        f"{100 * wrong.attention:.1f} % with the false one; f_early is {right.strength:.2f} and "
        f"{wrong.strength:.2f} times as long as elsewhere"
    )


if __name__ == "__main__":
    sys.exit(main())
