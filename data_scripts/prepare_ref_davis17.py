#!/usr/bin/env python
"""Get Ref-DAVIS17 ready: DAVIS 2017 (unsupervised, 480p) and the sentences of four annotators, in one layout.

    python data_scripts/prepare_ref_davis17.py --root datasets/ref_davis17 \\
        --davis downloads/DAVIS --texts downloads/davis_text_annotations
    python data_scripts/prepare_ref_davis17.py --root datasets/ref_davis17

The first form converts the two folders into ROOT, once; the second looks at what is there. Prints where the
data are published and under which terms, unpacks archives, looks at every file, counts against the papers,
builds the index, and writes ROOT/prepare-report.txt. Safe to interrupt and to run again.
"""

from __future__ import annotations

import sys
from pathlib import Path

from rvos_edu.data.prepare import run_script, script_parser


def main(arguments: list[str] | None = None) -> int:
    """Prepare; 0, 1 if there are problems, 2 after an error."""
    parser = script_parser(__doc__)
    parser.add_argument("--davis", type=Path, help="folder DAVIS, as its archives unpack")
    parser.add_argument("--texts", type=Path, help="folder davis_text_annotations")
    options = parser.parse_args(arguments)
    if (options.davis is None) != (options.texts is None):
        parser.error("--davis and --texts go together")

    def convert() -> str | None:
        if options.davis is None:
            return None
        if (options.root / "meta_expressions").is_dir():
            return f"{options.root}: converted before"
        from rvos_edu.data.ref_davis import convert_ref_davis

        convert_ref_davis(options.davis, options.texts, options.root)
        return f"{options.davis} and {options.texts} converted into {options.root}"

    return run_script(["ref-davis17"], options, convert=convert)


if __name__ == "__main__":
    sys.exit(main())
