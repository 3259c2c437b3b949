"""Every exercise: at least three wrong answers that fail with the message meant for them, and a calm stub.

Wrong answers of notebook 05 are in `wrong_05.py`: `WRONG = {"05.1": [(answer, part of the message), ...]}`.
That the solutions pass is asserted by the notebooks in notebooks/solutions, which the tests execute.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from typing import Any

import numpy as np
import pytest
import torch

import rvos_edu.course
from rvos_edu.course import check
from rvos_edu.course.checking import exercises
from rvos_edu.course.execute import NOTEBOOKS

NUMBERS = sorted(
    module.name.removeprefix("exercises_")
    for module in pkgutil.iter_modules(rvos_edu.course.__path__)
    if module.name.startswith("exercises_")
)
NAMES = [name for number in NUMBERS for name in exercises(number)]


def wrong_answers(name: str) -> list[tuple[Any, str]]:
    return importlib.import_module(f"tests.course.wrong_{name[:2]}").WRONG[name]


def source(number: str, folder: str = "") -> str:
    import nbformat

    (path,) = (NOTEBOOKS / folder).glob(f"{number}_*.ipynb")
    return "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)


@pytest.mark.parametrize(
    ("name", "index"), [(name, i) for name in NAMES for i in range(len(wrong_answers(name)))]
)
def test_wrong_answer_gets_the_message_meant_for_it(name: str, index: int, capsys: Any) -> None:
    answer, part = wrong_answers(name)[index]
    result = check(name, answer)
    assert result.tried and not result and part in result.message
    assert "  ->   " in capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_three_different_mistakes_are_known(name: str) -> None:
    parts = [part for _, part in wrong_answers(name)]
    assert len(parts) >= 3 and len(set(parts)) == len(parts) and min(map(len, parts)) >= 10


@pytest.mark.parametrize("name", NAMES)
def test_stub_is_calm(name: str, capsys: Any) -> None:
    def stub(*_: Any, **__: Any) -> None:
        raise NotImplementedError

    for answer in (stub, ...):
        result = check(name, answer)
        assert not result.tried and not result and "not tried yet" in capsys.readouterr().out


@pytest.mark.parametrize("number", NUMBERS)
def test_notebook_and_solutions_hold_every_exercise(number: str) -> None:
    names = list(exercises(number))
    notebook, solutions = source(number), source(number, "solutions")
    assert 2 <= len(names) <= 5
    for name in names:
        assert f'check("{name}"' in notebook and f'assert check("{name}"' in solutions
        heading = re.search(
            rf"#+ Exercise {re.escape(name)} · .+ \((easy|medium|hard), \d+ minutes\)", notebook
        )
        assert heading, f"{name}: no heading '### Exercise {name} · what (easy, 5 minutes)'"


@pytest.mark.parametrize("number", NUMBERS)
def test_messages_do_not_show_the_answer(number: str) -> None:
    """No message quotes code: an operator call or an assignment would be the answer itself."""
    for name in exercises(number):
        for answer, _ in wrong_answers(name):
            message = check(name, answer).message.split("raised")[0]
            assert not re.search(r"\w\.\w+\(|:=|lambda|return [a-z]", message), message


ODD = {
    "nothing": None,
    "a word": "left",
    "no number": float("nan"),
    "an empty list": [],
    "mixed": [1, [2]],
    "a dict": {"a": 1},
    "a set": {1},
    "an object": object(),
    "a large number": 10**30,
    "tensors with gradients": [torch.ones(2, requires_grad=True), torch.ones(3)],
    "an empty tensor": torch.zeros(0),
    "a module": torch.nn.Linear(1, 1),
    "a function": len,
    "two words": ("a", "b"),
    "a complex array": np.ones(2, complex),
}


@pytest.mark.parametrize("odd", ODD, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_odd_answers_never_raise_and_never_pass(name: str, odd: str) -> None:
    assert not check(name, lambda *_, **__: ODD[odd])
    assert not check(name, ODD[odd])
