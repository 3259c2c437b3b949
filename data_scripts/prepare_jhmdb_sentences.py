#!/usr/bin/env python
"""Get JHMDB-Sentences ready.

    python data_scripts/prepare_jhmdb_sentences.py --root datasets/jhmdb_sentences
    python data_scripts/prepare_jhmdb_sentences.py --root datasets/jhmdb_sentences \\
        --archives downloads/Rename_Images.tar.gz downloads/puppet_mask.zip

ROOT holds Rename_Images/, puppet_mask/ and jhmdb_annotation.txt. Prints where the data are published and
under which terms, unpacks what you downloaded, looks at every file, counts against the papers, builds the
index, and writes ROOT/prepare-report.txt. Safe to interrupt and to run again.
"""

from __future__ import annotations

import sys

from rvos_edu.data.prepare import run_script, script_parser


def main(arguments: list[str] | None = None) -> int:
    """Prepare; 0, 1 if there are problems, 2 after an error."""
    return run_script(["jhmdb-sentences"], script_parser(__doc__).parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
