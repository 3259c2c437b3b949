#!/usr/bin/env python
"""Get A2D-Sentences ready.

    python data_scripts/prepare_a2d_sentences.py --root datasets/a2d_sentences
    python data_scripts/prepare_a2d_sentences.py --root datasets/a2d_sentences \\
        --archives downloads/Release.tar downloads/a2d_annotation_with_instances.zip

ROOT holds Release/{videoset.csv,clips320H} and text_annotations/. Prints where the data are published and
under which terms, unpacks what you downloaded, looks at every file, counts against the papers, builds the
index, and writes ROOT/prepare-report.txt. Safe to interrupt and to run again.
"""

from __future__ import annotations

import sys

from rvos_edu.data.prepare import run_script, script_parser


def main(arguments: list[str] | None = None) -> int:
    """Prepare; 0, 1 if there are problems, 2 after an error."""
    return run_script(["a2d-sentences"], script_parser(__doc__).parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
