"""The house rules of CONTRIBUTING.md that a program can check: layers, circles, names, lengths, paths."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import rvos_edu

PACKAGE = Path(rvos_edu.__file__).parent
ROOT = PACKAGE.parent
FILES = sorted(PACKAGE.rglob("*.py"))
LAYERS = (
    {"errors", "structures", "config", "config_models"},
    {"files", "config_checks", "config_rules", "nn", "losses", "matching", "boxes", "cycle", "voting"}
    | {"postprocess", "expressions"},
    {"models", "presets"},
    {"data", "metrics", "viz"},
    {"checkpoints", "engine", "checksums"},
    {"widgets", "tables", "course", "doctor", "doctor_self_test", "demo"},
    {"cli", "cli_data", "cli_parser", "cli_tables"},
)
MACHINE_PATH = re.compile(r"(?<![\w.~/-])/(home|root|tmp|work|Users|mnt|media|data)/[\w.-]")


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports_of(path: Path) -> Iterator[tuple[str, list[str]]]:
    """(module, names) of every import from the package, also inside functions, not for types only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in typing_only:
            continue
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            if node.module and node.module.split(".")[0] == "rvos_edu":
                yield node.module, [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            yield from ((a.name, []) for a in node.names if a.name.split(".")[0] == "rvos_edu")


def layer(part: str) -> int:
    found = [i for i, parts in enumerate(LAYERS) if part in parts]
    assert found, f"rvos_edu/{part} belongs to no layer: add it to LAYERS"
    return found[0]


def test_imports_run_downwards_only() -> None:
    upwards = []
    for path in FILES:
        importer = module_of(path).split(".")
        if len(importer) == 1:  # the lazy public face
            continue
        for module, _ in imports_of(path):
            imported = module.split(".")
            if len(imported) > 1 and layer(imported[1]) > layer(importer[1]):
                upwards.append(f"{module_of(path)} imports {module}")
    assert not upwards


def test_no_import_runs_in_a_circle() -> None:
    names = {module_of(path) for path in FILES}
    edges: dict[str, set[str]] = {}
    for path in FILES:
        own = module_of(path)
        targets = {
            m for module, inner in imports_of(path) for m in (module, *(f"{module}.{n}" for n in inner))
        }
        edges[own] = (targets & names) - {"rvos_edu"}
    while leaves := {name for name, targets in edges.items() if not targets}:
        edges = {name: targets - leaves for name, targets in edges.items() if name not in leaves}
    assert not edges, f"circles among {sorted(edges)}"


def test_no_file_imports_a_private_name_of_another() -> None:
    private = [
        f"{module_of(path)}: {name} of {module}"
        for path in FILES
        for module, names in imports_of(path)
        for name in [*module.split("."), *names]
        if name.startswith("_") and not name.startswith("__")
    ]
    assert not private


@pytest.mark.parametrize("limit, what", [(300, "file"), (50, "function")])
def test_everything_fits_in_a_head(limit: int, what: str) -> None:
    long = []
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        if what == "file":
            sizes = [("", len(text.splitlines()))]
        else:
            functions = (n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef))
            sizes = [(n.name, (n.end_lineno or 0) - n.lineno + 1) for n in functions]
        long += [f"{path.relative_to(ROOT)} {name}: {size}" for name, size in sizes if size > limit]
    assert not long


def test_no_path_of_a_machine() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git clone")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    found = []
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if path.suffix in (".npz", ".safetensors", ".png", ".jpg", ".gif", ".mp4") or not path.is_file():
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if path != Path(__file__) and MACHINE_PATH.search(line):
                found.append(f"{name}:{number}: {line.strip()[:80]}")
    assert not found
