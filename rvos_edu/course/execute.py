"""Run notebooks from a clean kernel and store their outputs, without anything that differs from run to run.

python -m rvos_edu.course.execute                             # all, solutions included
python -m rvos_edu.course.execute notebooks/08_voting.ipynb   # these
"""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path
from typing import Any

from rvos_edu.errors import DataError
from rvos_edu.files import atomic_write

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
KEPT_METADATA = ("kernelspec", "language_info")


def cleaned(notebook: Any) -> Any:
    """Drop widget state, timings and progress bars from a notebook (changed in place)."""
    notebook.metadata = {key: notebook.metadata[key] for key in KEPT_METADATA if key in notebook.metadata}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _is_progress(output)]
    return notebook


def _is_progress(output: Any) -> bool:
    """Whether an output is a bar, as text on stderr or as a widget, or another line of stderr."""
    if output.output_type == "stream":
        return bool(output.name == "stderr")
    return bool(re.search(r"\d+%\|", str(output.get("data", {}).get("text/plain", ""))))


def execute(path: Path, *, timeout: int = 1800) -> float:
    """Run a notebook from top to bottom in its own folder, store it with its outputs, return the seconds.

    Raises:
        DataError: if there is no such notebook.
        nbclient.exceptions.CellExecutionError: if a cell fails; then the stored notebook stays as it was.
    """
    import nbformat
    from nbclient import NotebookClient

    if not path.is_file():
        raise DataError(f"{path}: no such notebook")
    notebook = nbformat.read(path, as_version=4)
    started = time.time()
    NotebookClient(
        notebook, timeout=timeout, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    ).execute()
    with atomic_write(path) as temporary:
        nbformat.write(cleaned(notebook), temporary)
    return time.time() - started


def all_notebooks() -> list[Path]:
    """Every notebook of the course, solutions last."""
    return [*sorted(NOTEBOOKS.glob("*.ipynb")), *sorted(NOTEBOOKS.glob("solutions/*.ipynb"))]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("notebooks", nargs="*", type=Path)
    for path in parser.parse_args().notebooks or all_notebooks():
        print(f"{path.name}: {execute(path):.0f} s, {path.stat().st_size / 1024:.0f} KB", flush=True)


if __name__ == "__main__":
    main()
