#!/usr/bin/env python
"""Build the negatives of R2-Youtube-VOS: every sentence of a split with a video that it does not describe.

    python data_scripts/make_r2_youtube_vos.py FOLDER --split valid           # Refer-YouTube-VOS's layout
    python data_scripts/make_r2_youtube_vos.py FOLDER --split test --kind hard # Moving Shapes only

Writes FOLDER/meta_expressions/SPLIT/r2_pairs.json (r2_pairs_hard.json; other seeds add _seedN). The file says
what is proven about the pairs and what is not. Categories of objects are read from FOLDER/SPLIT/meta.json, if
it is there. The authors of R2-VOS did not keep their own set: numbers on this one are not those of the paper.
"""

from __future__ import annotations

import argparse
import sys

from rvos_edu.data.r2_pairs import KINDS, pairs_file, write_pairs
from rvos_edu.data.r2_youtube_vos import make_pairs
from rvos_edu.errors import RVOSError


def main(arguments: list[str] | None = None) -> int:
    """Make the pairs and print what is known about them; 2 after an error."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("root", help="folder of the dataset")
    parser.add_argument("--split", default="valid", help="train, valid or test (default %(default)s)")
    parser.add_argument("--kind", choices=KINDS, default="random", help="default %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of the pairing (default %(default)s)")
    options = parser.parse_args(arguments)
    try:
        path = pairs_file(options.root, options.split, kind=options.kind, seed=options.seed)
        pairs = make_pairs(options.root, options.split, kind=options.kind, seed=options.seed)
        write_pairs(path, pairs)
    except (RVOSError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    videos = len({pair.video for pair in pairs.pairs})
    print(f"written: {path}: {len(pairs.pairs)} pairs about {videos} videos, {pairs.expressions} expressions")
    print(f"proven: {pairs.proven}\ndoubt: {pairs.doubt}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
