"""Checks behind the exercises: small stages, one mechanism each, whose message names the likely mistake.

An exercise `"05.2"` lives in `exercises_05.py`. Its stages call the reader's answer and raise `Wrong` with a
message that says what was probably done, never what the right answer is.
"""

from __future__ import annotations

import importlib
import importlib.util
import linecache
import sysconfig
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

# Frames of these folders are not the reader's: the package, the standard library, what pip installed.
NOT_THE_READERS = (
    str(Path(__file__).parents[1]),
    *{sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")},
)
StageFunction = Callable[[Any], None]


class Wrong(Exception):
    """The answer fails a stage; the message is for the reader."""


@dataclass
class Exercise:
    """One exercise and its stages, in the order in which they are tried.

    Args:
        name: number of the notebook and of the exercise, such as "05.2".
        title: what is to be written.
    """

    name: str
    title: str
    stages: list[tuple[str, StageFunction]] = field(default_factory=list)

    def stage(self, title: str) -> Callable[[StageFunction], StageFunction]:
        """Decorator that adds a stage; the function gets the answer and raises `Wrong`."""

        def add(function: StageFunction) -> StageFunction:
            self.stages.append((title, function))
            return function

        return add


@dataclass(frozen=True)
class CheckResult:
    """What a check found; true if every stage passed.

    Args:
        exercise: its name.
        tried: False for a stub.
        passed: number of stages passed.
        stages: number of stages.
        message: what is probably wrong in the first stage that fails; empty otherwise.
    """

    exercise: str
    tried: bool
    passed: int
    stages: int
    message: str = ""

    def __bool__(self) -> bool:
        return self.passed == self.stages

    def _ipython_display_(self) -> None:
        """Nothing: `check` has printed what there is to say."""


def exercises(notebook: str) -> dict[str, Exercise]:
    """All exercises of a notebook ("05") by name; empty if it has none."""
    module_name = f"rvos_edu.course.exercises_{notebook}"
    if importlib.util.find_spec(module_name) is None:
        return {}
    module = importlib.import_module(module_name)
    found = [value for value in vars(module).values() if isinstance(value, Exercise)]
    return {exercise.name: exercise for exercise in sorted(found, key=lambda exercise: exercise.name)}


def find(name: str) -> Exercise:
    """The exercise of that name.

    Raises:
        ValueError: if there is none; names those that its notebook has.
    """
    known = exercises(name.split(".")[0])
    if name not in known:
        has = ", ".join(known) or "none"
        raise ValueError(f"there is no exercise {name!r}; notebook {name.split('.')[0]!r} has {has}")
    return known[name]


def check(name: str, answer: Any) -> CheckResult:
    """Try an answer stage by stage, print what passed and, at the first failure, the likely mistake.

    Never raises because of a wrong answer, so that a notebook runs to its end.

    Args:
        name: the exercise, such as "05.2".
        answer: the reader's function (or value, where the exercise asks for one). A function that raises
            NotImplementedError, or `...`, has not been tried yet.

    Raises:
        ValueError: if there is no such exercise.
    """
    exercise = find(name)
    print(f"{name} {exercise.title}")
    if answer is ...:
        return _not_tried(exercise)
    for passed, (title, stage) in enumerate(exercise.stages):
        try:
            with torch.random.fork_rng(devices=[]):
                stage(answer)
        except Wrong as wrong:
            message = str(wrong)
        except Exception as error:
            if _is_stub(error):
                return _not_tried(exercise)
            message = _raised(error)
        else:
            print(f"  ok   {title}")
            continue
        print(f"  ->   {title}\n       {message}")
        return CheckResult(name, True, passed, len(exercise.stages), message)
    print(f"  passed, all {len(exercise.stages)} stages")
    return CheckResult(name, True, len(exercise.stages), len(exercise.stages))


def _not_tried(exercise: Exercise) -> CheckResult:
    print("  not tried yet: write your answer in the cell above, run it, then run this check again")
    return CheckResult(exercise.name, False, 0, len(exercise.stages))


def _is_stub(error: Exception) -> bool:
    """Whether the error is a `raise NotImplementedError` of the reader (libraries raise that error, too)."""
    if not isinstance(error, NotImplementedError):
        return False
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return "raise NotImplementedError" in linecache.getline(frame.filename, frame.lineno or 0)


def _raised(error: Exception) -> str:
    """Where in the reader's own code an exception came up, or that the answer is of no use to the stage."""
    line = _reader_line(error.__traceback__)
    what = f"{type(error).__name__}: {error}"
    if line is None:  # wrong number of arguments, not a function, or something that cannot be read
        return f"your answer could not be called, or what came back could not be used ({what})"
    return f"your code raised {type(error).__name__} in line {line} of its cell: {error}"


def _reader_line(trace: TracebackType | None) -> int | None:
    """The deepest line of the reader's own code that was called from a stage."""
    frames = traceback.extract_tb(trace)
    lines = [frame.lineno for frame in frames if not frame.filename.startswith(NOT_THE_READERS)]
    return lines[-1] if lines else None
