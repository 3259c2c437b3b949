#!/usr/bin/env python
"""Get R2-Youtube-VOS ready: the valid videos of Refer-YouTube-VOS, and 834 false pairs that are made here.

    python data_scripts/prepare_r2_youtube_vos.py --root datasets/refer_youtube_vos

ROOT is the folder of Refer-YouTube-VOS. The pairs go to ROOT/meta_expressions/valid/r2_pairs.json, unless
they are there and fit; those that do not fit any more are kept beside them, as r2_pairs.json.old1
(make_r2_youtube_vos.py makes those of other seeds); the file says what is proven about
them and what is not. Then every file is looked at, the pairs are verified against the split, and
ROOT/prepare-report.txt is written.
"""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

from rvos_edu.data import faulty_pairs, make_pairs
from rvos_edu.data.prepare import run_script, script_parser
from rvos_edu.data.r2_pairs import pairs_file, write_pairs
from rvos_edu.errors import DataError


def main(arguments: list[str] | None = None) -> int:
    """Prepare; 0, 1 if there are problems, 2 after an error."""
    options = script_parser(__doc__).parse_args(arguments)

    def make() -> str | None:
        path, why = pairs_file(options.root, "valid"), ""
        if path.is_file() and not (wrong := _misfit(options.root)):
            return f"{path}: made before"
        pairs = make_pairs(options.root, "valid")
        if path.is_file():
            names = (path.with_name(f"{path.name}.old{n}") for n in count(1))
            old = path.replace(next(name for name in names if not name.exists()))
            why = f"{wrong}. Made anew, the former ones are kept as {old}; "
        write_pairs(path, pairs)
        return f"{why}written: {path}: {len(pairs.pairs)} pairs. {pairs.proven} {pairs.doubt}"

    return run_script(["r2-youtube-vos"], options, convert=make)


def _misfit(root: Path) -> str:
    """Why the pairs that are there cannot be used; "" if they fit, whatever is wrong with the frames."""
    try:
        return next(iter(faulty_pairs(root, "valid").values()), "")
    except DataError as error:
        return str(error)


if __name__ == "__main__":
    sys.exit(main())
