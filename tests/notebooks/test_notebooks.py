"""What every stored notebook must be: clean, run in order, small, and made of the parts readers expect."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rvos_edu.course.execute import NOTEBOOKS
from rvos_edu.course.inventory import (
    BUILDS,
    COMPARE_WITHIN,
    Built,
    built,
    PLANNED,
    component_table,
    components,
    contents,
    read,
    planned,
    write_component_table,
)
from rvos_edu.errors import DataError

ALL = sorted(NOTEBOOKS.glob("*.ipynb"))
SOLUTIONS = sorted(NOTEBOOKS.glob("solutions/*.ipynb"))
README = NOTEBOOKS / "README.md"


def named(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", [*ALL, *SOLUTIONS], ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_stored_outputs_are_those_of_a_clean_run(path: Path) -> None:
    notebook = read(path)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}
    outputs = [output for cell in code for output in cell.outputs]
    assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]
    assert path.stat().st_size < 1_000_000


@pytest.mark.parametrize("path", [*ALL, *SOLUTIONS], ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_cells_are_short_and_name_no_machine(path: Path) -> None:
    for cell in read(path).cells:
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= 25, cell.source.splitlines()[0]
        shown = [cell.source, *(str(o.get("text", "")) for o in cell.get("outputs", []))]
        assert not re.search(r"(?<![\w.~/-])/(home|root|tmp|work|Users)/", "\n".join(shown)), cell.source


@pytest.mark.parametrize("path", ALL, ids=named)
def test_a_lesson_has_all_its_parts(path: Path) -> None:
    found = contents(path)
    prose = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    assert found.predictions >= 3 and found.figures >= 2 and found.asserts + found.compares >= 5
    assert 2 <= found.exercises <= 5
    for part in ("You will be able to", "| paper", "| library", "<details><summary>Hint"):
        assert part in prose, part
    assert re.search(r"break it", prose, re.IGNORECASE)
    assert re.search(r"^#+ .*recap", prose, re.IGNORECASE | re.MULTILINE)


@pytest.mark.parametrize("path", ALL, ids=named)
def test_links_between_files_lead_somewhere(path: Path) -> None:
    prose = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose):
        assert (path.parent / target).exists(), target


def test_every_public_component_is_built_and_compared_in_a_notebook() -> None:
    where = built()
    assert not [name for name in components() if name not in where and not planned(name)]
    assert not [name for name, cell in where.items() if not cell.compared]


def test_what_is_planned_for_a_notebook_is_a_component_and_that_notebook_is_not_there_yet() -> None:
    for prefix, number in PLANNED.items():
        assert any(name == prefix or name.startswith(f"{prefix}.") for name in components()), prefix
        assert not [path.name for path in ALL if path.name.startswith(number)], f"{prefix}: build it there"
    assert planned("rvos_edu.losses.dice_loss") is None
    assert planned("rvos_edu.nn.mlp.MLP") == "15"


def test_the_list_of_components_in_the_readme_is_the_present_one() -> None:
    assert component_table() in README.read_text(encoding="utf-8")


def test_the_readme_lists_every_notebook() -> None:
    text = README.read_text(encoding="utf-8")
    assert not [path.name for path in ALL if f"]({path.name})" not in text]


def test_the_table_is_written_between_its_marks(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("a\n<!-- components -->\nold\n<!-- /components -->\nz\n")
    write_component_table(readme)
    text = readme.read_text()
    assert text.startswith("a\n<!-- components -->\n| component |") and text.endswith(
        "<!-- /components -->\nz\n"
    )
    assert "old" not in text and "| `rvos_edu.losses.dice_loss` | missing |" in text
    readme.write_text("no marks")
    with pytest.raises(DataError, match="does not hold the marks"):
        write_component_table(readme)


def test_built_finds_the_cell_and_whether_a_comparison_follows(tmp_path: Path) -> None:
    import nbformat.v4 as v4

    cells = ["x = 1", "# builds rvos_edu.losses.dice_loss\ndef f(): ...", "f()", "compare(1, 1)"]
    alone = (
        ["# builds rvos_edu.voting.per_frame_choice"] + ["pass"] * (COMPARE_WITHIN + 1) + ["compare(1, 1)"]
    )
    for name, sources in (("01_a.ipynb", cells), ("02_b.ipynb", alone)):
        notebook = v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources])
        (tmp_path / name).write_text(v4.writes(notebook))
    assert built(tmp_path) == {
        "rvos_edu.losses.dice_loss": Built("01_a.ipynb", 2, True),
        "rvos_edu.voting.per_frame_choice": Built("02_b.ipynb", 1, False),
    }
    assert BUILDS.findall("x  # builds rvos_edu.a") == []
