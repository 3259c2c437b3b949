"""`import rvos_edu`: quick, and with the names that other code relies on."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest

import rvos_edu


def test_the_import_itself_loads_nothing_heavy() -> None:
    code = "import sys, rvos_edu; print([m for m in ('torch', 'numpy', 'transformers') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", rvos_edu.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(rvos_edu, name) is not None and name in dir(rvos_edu)


def test_names_mean_what_the_design_says() -> None:
    from rvos_edu.engine.segment import segment
    from rvos_edu.models import MTTR
    from rvos_edu.structures import Target

    assert rvos_edu.MTTR is MTTR and rvos_edu.Target is Target and rvos_edu.segment is segment
    for name in ("data", "models", "matching", "losses", "cycle", "voting", "metrics", "viz", "checkpoints"):
        assert isinstance(getattr(rvos_edu, name), ModuleType)
    assert rvos_edu.data.swap_directions("a bright man on the left") == "a bright man on the right"


def test_postprocess_stays_the_function_when_its_file_is_imported() -> None:
    import importlib

    module = importlib.import_module("rvos_edu.postprocess")
    assert isinstance(module, ModuleType)
    assert rvos_edu.postprocess is module.postprocess and callable(rvos_edu.postprocess)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'R3VOS'"):
        rvos_edu.R3VOS  # noqa: B018
