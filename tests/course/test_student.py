"""The student version, and what is stored of a run."""

from __future__ import annotations

from pathlib import Path

import nbformat
import nbformat.v4 as v4
import pytest

from rvos_edu.course.execute import NOTEBOOKS, cleaned, execute
from rvos_edu.course.student import write_student_version
from rvos_edu.errors import DataError


def write(path: Path, *cells) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    nbformat.write(v4.new_notebook(cells=list(cells)), path)
    return path


def test_student_version_has_no_outputs_no_solutions_and_no_links_to_them(tmp_path: Path) -> None:
    solved = v4.new_code_cell("1 + 1", outputs=[v4.new_output("stream", text="2")], execution_count=1)
    text = v4.new_markdown_cell("stuck? [solutions](solutions/05_x.ipynb), [next](06_y.ipynb)")
    write(tmp_path / "in" / "05_x.ipynb", text, solved)
    write(tmp_path / "in" / "solutions" / "05_x.ipynb", solved)
    (path,) = write_student_version(tmp_path / "out", source=tmp_path / "in")
    assert sorted(p.relative_to(tmp_path / "out") for p in (tmp_path / "out").rglob("*")) == [
        Path("05_x.ipynb")
    ]
    first, second = nbformat.read(path, as_version=4).cells
    assert first.source == "stuck? [next](06_y.ipynb)"
    assert (second.source, second.outputs, second.execution_count) == ("1 + 1", [], None)


def test_student_version_leaves_other_folders_alone(tmp_path: Path) -> None:
    write(tmp_path / "in" / "05_x.ipynb", v4.new_code_cell("1"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(DataError, match="may hold somebody's work: choose a new folder"):
        write_student_version(tmp_path / "out", source=tmp_path / "in")
    with pytest.raises(DataError, match="holds no notebook"):
        write_student_version(tmp_path / "new", source=tmp_path / "nothing")
    assert (tmp_path / "out" / "thesis.txt").read_text() == "mine"


def test_the_real_notebooks_name_no_solutions_in_the_student_version(tmp_path: Path) -> None:
    for path in write_student_version(tmp_path / "out"):
        assert "solutions/" not in path.read_text(encoding="utf-8"), path.name
        before, after = (nbformat.read(p, as_version=4).cells for p in (NOTEBOOKS / path.name, path))
        lines = [c.source.splitlines() for c in after if c.cell_type == "markdown"]
        old = {line for c in before for line in c.source.splitlines()}
        for line in {line for cell in lines for line in cell} - old:  # what a removed link leaves behind
            rest = line.strip()
            assert not rest or (rest[0].isupper() and rest[-1] in ".:?"), f"{path.name}: {line!r}"


def test_cleaned_drops_widget_state_timings_and_bars() -> None:
    bar = v4.new_output("display_data", data={"text/plain": "reading:   0%|          | 0/6 [00:00<?]"})
    cell = v4.new_code_cell(
        "x",
        metadata={"execution": {"iopub.status.busy": "now"}},
        outputs=[
            v4.new_output("stream", name="stderr", text="12%"),
            v4.new_output("stream", text="kept"),
            bar,
        ],
    )
    notebook = v4.new_notebook(
        cells=[cell],
        metadata={"widgets": {"state": 1}, "kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    result = cleaned(notebook)
    assert list(result.metadata) == ["kernelspec"]
    assert result.cells[0].metadata == {} and [o.text for o in result.cells[0].outputs] == ["kept"]


def test_execute_stores_outputs_and_keeps_the_old_file_when_a_cell_fails(tmp_path: Path) -> None:
    from nbclient.exceptions import CellExecutionError

    good = write(tmp_path / "good.ipynb", v4.new_code_cell("print(6 * 7)"))
    assert execute(good) > 0
    assert nbformat.read(good, as_version=4).cells[0].outputs[0].text == "42\n"
    bad = write(tmp_path / "bad.ipynb", v4.new_code_cell("1 / 0"))
    before = bad.read_bytes()
    with pytest.raises(CellExecutionError):
        execute(bad)
    assert bad.read_bytes() == before
    with pytest.raises(DataError, match="no such notebook"):
        execute(tmp_path / "none.ipynb")
