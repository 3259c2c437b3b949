#!/usr/bin/env python
"""Get Ref-DAVIS17 ready: DAVIS 2017 (unsupervised, 480p) and the sentences of four annotators, in one layout.

    python data_scripts/prepare_ref_davis17.py --root datasets/ref_davis17 \\
        --davis downloads/DAVIS --texts downloads/davis_text_annotations
    python data_scripts/prepare_ref_davis17.py --root datasets/ref_davis17 \\
        --archives downloads/DAVIS-2017-Unsupervised-trainval-480p.zip downloads/davis_text_annotations.zip
    python data_scripts/prepare_ref_davis17.py --root datasets/ref_davis17

The first two convert the published pieces into ROOT, once (archives are unpacked into ROOT-pieces first); the
last only looks at what is there. Prints where the data are published and under which terms, looks at every
file, counts against the papers, builds the index, and writes ROOT/prepare-report.txt. Safe to interrupt and
to run again.
"""

from __future__ import annotations

import sys
from pathlib import Path

from rvos_edu.data.archives import unpack
from rvos_edu.data.prepare import run_script, script_parser
from rvos_edu.errors import DataError


def main(arguments: list[str] | None = None) -> int:
    """Prepare; 0, 1 if there are problems, 2 after an error."""
    parser = script_parser(__doc__)
    parser.add_argument("--davis", type=Path, help="folder DAVIS, as its archives unpack")
    parser.add_argument("--texts", type=Path, help="folder davis_text_annotations")
    options = parser.parse_args(arguments)
    pieces = options.root.with_name(options.root.name + "-pieces")
    archives, options.archives = options.archives, []  # the conversion has its folder for itself

    def convert() -> str | None:
        for archive in archives:
            unpack(archive, pieces)
        davis, texts = (
            path or (pieces if pieces.is_dir() else None) for path in (options.davis, options.texts)
        )
        if davis is None and texts is None:
            return None
        if davis is None or texts is None:
            raise DataError("--davis and --texts go together: DAVIS has no sentences of its own")
        from rvos_edu.data.ref_davis import convert_ref_davis

        convert_ref_davis(davis, texts, options.root)
        return f"{options.root} holds the conversion of {davis} and {texts}"

    return run_script(["ref-davis17"], options, convert=convert)


if __name__ == "__main__":
    sys.exit(main())
