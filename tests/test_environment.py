"""pyproject.toml, environment.yml and constraints.txt say the same."""

from __future__ import annotations

import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
CONDA_NAMES = {"pytorch": "torch", "matplotlib-base": "matplotlib"}  # where conda-forge uses another name
Packages = dict[str, SpecifierSet]


def _packages(lines: list[str]) -> Packages:
    requirements = [Requirement(line) for line in lines]
    names = [canonicalize_name(CONDA_NAMES.get(r.name, r.name)) for r in requirements]
    assert len(set(names)) == len(names)
    return {name: r.specifier for name, r in zip(names, requirements, strict=True)}


def _project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def _pip() -> Packages:
    project = _project()
    extras = project["optional-dependencies"]
    assert set(extras) == {"course", "dev", "browser"}  # the last by `make test-browser` only
    return _packages([*project["dependencies"], *extras["course"], *extras["dev"]])


def _conda() -> Packages:
    return _packages(yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"])


def test_conda_and_pip_get_the_same_packages() -> None:
    conda = _conda()
    assert conda.pop("python") == SpecifierSet(_project()["requires-python"])
    assert conda.pop("pip") == SpecifierSet()
    assert conda == _pip()


def _locked_lines() -> list[str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_the_lock_pins_every_package_within_its_limits() -> None:
    lock = _packages(_locked_lines())
    for name, limits in _pip().items():
        assert name in lock, f"{name} is not locked: make lock"
        (pin,) = lock[name]
        assert pin.operator == "==" and limits.contains(pin.version), f"{name} {pin} is outside {limits}"


def test_the_lock_holds_no_package_of_one_platform_only() -> None:
    text = "\n".join(_locked_lines())
    assert not any(word in text for word in ("nvidia", "cuda", "triton", "+cpu", "+cu", "file:"))
