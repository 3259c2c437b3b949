"""Write the notebooks as students get them: without outputs and without solutions.

python -m rvos_edu.course.student --out student
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from rvos_edu.course.execute import NOTEBOOKS, cleaned
from rvos_edu.errors import DataError
from rvos_edu.files import atomic_dir

# A sentence "Solutions: [..](solutions/..)." or a lone link to one, and the mention of a file of solutions.
SOLUTION_LINK = re.compile(r"(?:Solutions?: )?(?:\[[^\]]*\]\(solutions/[^)]*\)|`solutions/[^`]*`)[.,]?[ ]?")


def write_student_version(out: Path, *, source: Path = NOTEBOOKS) -> list[Path]:
    """Copy every notebook of `source` into `out`: no outputs, no solutions, no links to solutions.

    Returns:
        The notebooks written.

    Raises:
        DataError: if `source` holds no notebook, or `out` holds anything.
    """
    import nbformat

    paths = sorted(source.glob("*.ipynb"))
    if not paths:
        raise DataError(f"{source} holds no notebook")
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise DataError(f"{out} is there already and may hold somebody's work: choose a new folder")
    with atomic_dir(out) as folder:
        for path in paths:
            notebook = cleaned(nbformat.read(path, as_version=4))
            for cell in notebook.cells:
                if cell.cell_type == "code":
                    cell.outputs, cell.execution_count = [], None
                else:
                    cell.source = SOLUTION_LINK.sub("", cell.source)
            nbformat.write(notebook, folder / path.name)
    return [out / path.name for path in paths]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("student"))
    paths = write_student_version(parser.parse_args().out)
    print(f"{len(paths)} notebooks without outputs in {paths[0].parent}")


if __name__ == "__main__":
    main()
