#!/usr/bin/env python
"""Get R2-Youtube-VOS ready: the valid videos of Refer-YouTube-VOS, and 834 false pairs that are made here.

    python data_scripts/prepare_r2_youtube_vos.py --root datasets/refer_youtube_vos

ROOT is the folder of Refer-YouTube-VOS. The pairs go to ROOT/meta_expressions/valid/r2_pairs.json, unless
they are there and fit (make_r2_youtube_vos.py makes those of other seeds); the file says what is proven about
them and what is not. Then every file is looked at, the pairs are verified against the split, and
ROOT/prepare-report.txt is written.
"""

from __future__ import annotations

import sys

from rvos_edu.data import load_pairs, make_pairs
from rvos_edu.data.prepare import run_script, script_parser
from rvos_edu.data.r2_pairs import pairs_file, write_pairs
from rvos_edu.errors import DataError


def main(arguments: list[str] | None = None) -> int:
    """Prepare; 0, 1 if there are problems, 2 after an error."""
    options = script_parser(__doc__).parse_args(arguments)

    def make() -> str | None:
        path, why = pairs_file(options.root, "valid"), ""
        if path.is_file():
            try:
                load_pairs(options.root, "valid")
                return f"{path}: made before"
            except DataError as error:  # sentences or videos have changed since
                why = f"{error}. Made anew; "
        pairs = make_pairs(options.root, "valid")
        write_pairs(path, pairs)
        return f"{why}written: {path}: {len(pairs.pairs)} pairs. {pairs.proven} {pairs.doubt}"

    return run_script(["r2-youtube-vos"], options, convert=make)


if __name__ == "__main__":
    sys.exit(main())
