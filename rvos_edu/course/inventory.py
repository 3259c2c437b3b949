"""What the notebooks hold: cells, exercises, asserts, size; and which cell builds which component.

    python -m rvos_edu.course.inventory            # both tables, Markdown
    python -m rvos_edu.course.inventory --write    # the second one into notebooks/README.md

A cell that builds a component says so in a line `# builds rvos_edu.losses.dice_loss`; a `compare(...)` with
the library follows at most three code cells later.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import pkgutil
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rvos_edu.nn
from rvos_edu.course.execute import NOTEBOOKS
from rvos_edu.errors import DataError
from rvos_edu.files import atomic_write

BUILDS = re.compile(r"^# builds (rvos_edu[\w.]+)", re.MULTILINE)
SINGLE_MODULES = ("rvos_edu.matching", "rvos_edu.losses", "rvos_edu.voting")
# Part II of the course is not written yet: module of R2-VOS -> the notebook that will build it.
PLANNED = {
    "rvos_edu.nn.conv_norm": "12",
    "rvos_edu.nn.dynamic_filters": "12",
    "rvos_edu.nn.early_grounding": "12",
    "rvos_edu.nn.text_reconstruction": "13",
    "rvos_edu.nn.conditional_mask_head": "15",
    "rvos_edu.nn.deformable_attention": "15",
    "rvos_edu.nn.deformable_decoder": "15",
    "rvos_edu.nn.frame_encoder": "15",
    "rvos_edu.nn.instance_decoder": "15",
    "rvos_edu.nn.instance_masks": "15",
    "rvos_edu.nn.mask_pyramid": "15",
    "rvos_edu.nn.mlp": "15",
    "rvos_edu.nn.visual_encoder": "15",
    "rvos_edu.nn.position.centred_sine_positions": "12",
    "rvos_edu.nn.position.word_positions": "12",
}
MARKS = ("<!-- components -->", "<!-- /components -->")
COMPARE_WITHIN = 3  # code cells


@dataclass(frozen=True)
class Built:
    """Where a component is built.

    Args:
        notebook: file name.
        cell: number of the code cell, from 1, as `In [n]` after a clean run.
        compared: whether a comparison with the library follows.
    """

    notebook: str
    cell: int
    compared: bool


@dataclass(frozen=True)
class Contents:
    """Counts of one notebook; `kilobytes` of the stored file."""

    name: str
    cells: int
    code_cells: int
    exercises: int
    asserts: int
    compares: int
    predictions: int
    figures: int
    kilobytes: float


def components() -> list[str]:
    """Full names of the public classes and functions of rvos_edu.nn, matching, losses and voting."""
    nn = [f"rvos_edu.nn.{module.name}" for module in pkgutil.iter_modules(rvos_edu.nn.__path__)]
    return [
        f"{module}.{name}"
        for module in (*sorted(nn), *SINGLE_MODULES)
        for name, value in vars(importlib.import_module(module)).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module
    ]


def planned(component: str) -> str | None:
    """Number of the notebook of part II that will build a component; None for those of part I."""
    return PLANNED.get(component) or PLANNED.get(component.rpartition(".")[0])


def read(path: Path) -> Any:
    """A notebook, version 4."""
    import nbformat

    return nbformat.read(path, as_version=4)


def built(folder: Path = NOTEBOOKS) -> dict[str, Built]:
    """Component -> the first cell that builds it, over all notebooks of a folder."""
    found: dict[str, Built] = {}
    for path in sorted(folder.glob("*.ipynb")):
        code = [cell.source for cell in read(path).cells if cell.cell_type == "code"]
        for number, source in enumerate(code):
            for name in BUILDS.findall(source):
                follow = code[number : number + COMPARE_WITHIN + 1]
                compared = any("compare(" in text for text in follow)
                found.setdefault(name, Built(path.name, number + 1, compared))
    return found


def contents(path: Path) -> Contents:
    """Count what one notebook holds."""
    cells = read(path).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    outputs = [output for cell in cells if cell.cell_type == "code" for output in cell.outputs]
    return Contents(
        name=path.name,
        cells=len(cells),
        code_cells=sum(cell.cell_type == "code" for cell in cells),
        exercises=len(re.findall(r"^#+ Exercise \d\d\.\d", prose, re.MULTILINE)),
        asserts=len(re.findall(r"^\s*assert ", code, re.MULTILINE)),
        compares=len(re.findall(r"\bcompare\(", code)),
        predictions=prose.count("Predict before you run"),
        figures=sum(any(kind.startswith("image/") for kind in o.get("data", {})) for o in outputs),
        kilobytes=path.stat().st_size / 1024,
    )


def contents_table(folder: Path = NOTEBOOKS) -> str:
    """One row per notebook, Markdown."""
    names = list(Contents.__dataclass_fields__)
    rows = [[getattr(contents(path), name) for name in names] for path in sorted(folder.glob("*.ipynb"))]
    return _markdown(names, [[f"{x:.0f}" if isinstance(x, float) else str(x) for x in row] for row in rows])


def component_table(folder: Path = NOTEBOOKS) -> str:
    """Component -> notebook and code cell that builds it, Markdown."""
    where = built(folder)
    rows = []
    for name in components():
        found = where.get(name)
        absent = f"planned: {planned(name)}" if planned(name) else "missing"
        rows.append([f"`{name}`", found.notebook if found else absent, str(found.cell) if found else ""])
    return _markdown(["component", "notebook", "code cell"], rows)


def _markdown(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write_component_table(readme: Path = NOTEBOOKS / "README.md") -> None:
    """Put the present table between the two marks of the README.

    Raises:
        DataError: if the marks are not there.
    """
    before, opened, rest = readme.read_text(encoding="utf-8").partition(MARKS[0])
    _, closed, after = rest.partition(MARKS[1])
    if not (opened and closed):
        raise DataError(f"{readme} does not hold the marks {MARKS[0]} and {MARKS[1]}")
    with atomic_write(readme) as temporary:
        text = f"{before}{opened}\n{component_table(readme.parent)}\n{closed}{after}"
        temporary.write_text(text, encoding="utf-8")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write the component table into the README")
    if parser.parse_args().write:
        write_component_table()
    else:
        print(contents_table(), component_table(), sep="\n\n")


if __name__ == "__main__":
    main()
