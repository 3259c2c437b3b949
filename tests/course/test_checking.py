"""`check`, `compare`, `pick`: what they print, what they raise, what they never do."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
import torch

from rvos_edu.course import check, compare, pick
from rvos_edu.course.checking import Exercise, Wrong, exercises
from rvos_edu.course.expect import expect, expect_close, expect_shape
from rvos_edu.errors import ConfigError

TOY = Exercise("99.1", "double a number")


@TOY.stage("of one")
def _(answer) -> None:
    expect_close(answer(1.0), 2.0, hint="One is not doubled.", mistakes={"You squared it.": 1.0})


@TOY.stage("of a vector")
def _(answer) -> None:
    expect_shape(answer(torch.ones(3)), (3,), hint="Keep the length.")


@pytest.fixture(autouse=True)
def toy(monkeypatch) -> None:
    real = exercises
    monkeypatch.setattr(
        "rvos_edu.course.checking.exercises", lambda number: {"99.1": TOY} if number == "99" else real(number)
    )


def test_right_answer(capsys) -> None:
    result = check("99.1", lambda x: 2 * x)
    assert result and (result.passed, result.stages, result.message) == (2, 2, "")
    assert capsys.readouterr().out.splitlines() == [
        "99.1 double a number",
        "  ok   of one",
        "  ok   of a vector",
        "  passed, all 2 stages",
    ]


@pytest.mark.parametrize(
    ("answer", "passed", "message"),
    [
        (lambda x: x**2, 0, "You squared it."),
        (lambda x: 3 * x, 0, "One is not doubled."),
        (lambda x: None, 0, "Nothing came back (None). Does your function end in a `return`?"),
        (lambda x: "two" if x == 1.0 else x, 0, "One is not doubled."),
        (lambda x: [torch.ones(2, requires_grad=True), x], 0, "Expected numbers"),
        (lambda x: statistics.mean([]), 0, "your code raised StatisticsError in line"),
        (lambda x: torch.ones(2, dtype=torch.bool).softmax(0), 0, "your code raised NotImplementedError"),
        (
            lambda x: 2 * x.sum() if isinstance(x, torch.Tensor) else 2 * x,
            1,
            "The shape is [], expected [3].",
        ),
        (lambda x: x.foo, 0, "your code raised AttributeError in line"),
        (lambda: 2, 0, "TypeError"),
        (lambda x: [1, [2]], 0, "Expected numbers"),
        (lambda x: float("nan"), 0, "not finite"),
    ],
)
def test_wrong_answer(answer, passed, message) -> None:
    result = check("99.1", answer)
    assert result.tried and not result and result.passed == passed
    assert message in result.message


def test_unknown_exercise_names_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"no exercise '99.7'; notebook '99' has 99.1"):
        check("99.7", None)


def test_what_a_stage_cannot_use_is_a_failed_stage() -> None:
    result = check("00.2", lambda p: (None, "many"))
    assert result.tried and not result


def test_the_readers_random_numbers_stay_as_they_are() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    check("99.1", lambda x: torch.rand(3).sum())
    assert torch.equal(torch.rand(3), expected)


def test_compare(capsys) -> None:
    compare(torch.ones(2, 3), np.ones((2, 3)) + 1e-7, tolerance=1e-6)
    assert capsys.readouterr().out == "mine and the library's: equal within 1e-06, shape [2, 3]\n"
    compare(0.1 + 1e-12, 0.1, tolerance=1e-11, what="two floats")
    read_only = np.ones(2)
    read_only.flags.writeable = False
    compare(torch.ones(2, requires_grad=True), read_only, tolerance=0, what="a parameter")
    compare(torch.tensor([True]), [1], tolerance=0)
    with pytest.raises(AssertionError, match="differ by 0.5, more than 1e-06"):
        compare(1.0, 1.5, tolerance=1e-6)
    with pytest.raises(AssertionError, match=r"shapes \[1\] and \[2\]"):
        compare(torch.ones(1), torch.ones(2), tolerance=1)


def test_pick(monkeypatch) -> None:
    monkeypatch.delenv("RVOS_EDU_NOTEBOOKS", raising=False)
    assert pick(full=1, short=2) == 1
    monkeypatch.setenv("RVOS_EDU_NOTEBOOKS", "short")
    assert pick(full=1, short=2) == 2
    monkeypatch.setenv("RVOS_EDU_NOTEBOOKS", "quick")
    with pytest.raises(ConfigError, match="must be full or short, got 'quick'"):
        pick(full=1, short=2)


def test_expect_refuses_with_its_message() -> None:
    with pytest.raises(Wrong, match="no"):
        expect(torch.tensor(False), "no")


@pytest.mark.filterwarnings("error")
def test_complex_answers_are_compared_with_their_imaginary_part() -> None:
    expect_close(np.array([1 + 0j]), [1.0], hint="unused")
    for answer in (np.array([1 + 1j]), torch.tensor([1 + 1j]), [1 + 1j], np.array([complex("nan")])):
        with pytest.raises(Wrong, match="complex numbers, expected are real ones. Look again."):
            expect_close(answer, [1.0], hint="Look again.")
    expect_close(np.array([1j]), np.array([1j]), hint="unused")
    with pytest.raises(Wrong, match="^Look again.$"):
        expect_close(np.array([2.0]), np.array([1j]), hint="Look again.")
