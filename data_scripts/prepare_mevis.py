#!/usr/bin/env python
"""Get MeViS ready.

    python data_scripts/prepare_mevis.py --root datasets/mevis
    python data_scripts/prepare_mevis.py --root datasets/mevis --archives downloads/train.tar

ROOT holds train/, valid_u/ and valid/. Prints where the data are published and under which terms, unpacks
what you downloaded, looks at every file, counts against the papers, builds the index, and writes
ROOT/prepare-report.txt. Safe to interrupt and to run again.
"""

from __future__ import annotations

import sys

from rvos_edu.data.prepare import run_script, script_parser


def main(arguments: list[str] | None = None) -> int:
    """Prepare; 0, 1 if there are problems, 2 after an error."""
    return run_script(["mevis"], script_parser(__doc__).parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
