#!/usr/bin/env python
"""Get RefCOCO, RefCOCO+ and RefCOCOg ready, those of them whose folders are there.

    python data_scripts/prepare_refcoco.py --root datasets/coco
    python data_scripts/prepare_refcoco.py --root datasets/coco --archives downloads/refcoco.zip
    python data_scripts/prepare_refcoco.py --root datasets/coco --archives downloads/train2014.zip --json

ROOT holds refcoco/, refcoco+/, refcocog/ and train2014/ (or images/mscoco/images/train2014/). Prints where
the data are published and under which terms, unpacks what you downloaded, looks at every file, counts against
the papers, builds the index, and writes ROOT/prepare-report.txt. Safe to interrupt and to run again. --json
also writes the form of MDETR and ReferFormer, instances_<name>_<split>.json with one image and one annotation
per sentence.
"""

from __future__ import annotations

import sys
from pathlib import Path

from rvos_edu.data.archives import unpack
from rvos_edu.data.layout import Layout
from rvos_edu.data.prepare import ERROR, run_script, script_parser
from rvos_edu.data.refcoco_index import kept_table
from rvos_edu.data.refcoco_json import json_file, write_json_table
from rvos_edu.data.refcoco_records import REFERENCES
from rvos_edu.data.registry import layout_of
from rvos_edu.errors import RVOSError, SplitError


def main(arguments: list[str] | None = None) -> int:
    """Prepare; 0, 1 if there are problems, 2 after an error."""
    parser = script_parser(__doc__)
    parser.add_argument("--json", action="store_true", help="also write the form of MDETR and ReferFormer")
    options = parser.parse_args(arguments)
    try:
        said = []
        for archive in options.archives:
            count = unpack(archive, options.root)
            said.append(f"{archive}: {count} files unpacked" if count else f"{archive}: unpacked before")
        options.archives = []  # which datasets there are is known only now
        names = [name for name in REFERENCES if (options.root / name).is_dir()] or list(REFERENCES)
        code = run_script(names, options, convert=lambda: "\n".join(said))
        if options.json and code == 0:
            for name in names:
                write_all(options.root, layout_of(name))
    except (RVOSError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return ERROR
    return code


def write_all(root: Path, layout: Layout) -> None:
    """The converted form of every split that is there, unless it was written before."""
    for split in layout.splits:
        path = json_file(root, layout.name, split)
        if path.is_file():
            print(f"{path}: written before")
            continue
        try:
            write_json_table(path, layout.name, kept_table(root, layout.name, split))
        except SplitError:
            continue
        print(f"written: {path}")


if __name__ == "__main__":
    sys.exit(main())
