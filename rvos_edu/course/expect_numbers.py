"""Reading an answer, or a part of it, as numbers with which a stage can go on."""

from __future__ import annotations

from typing import Any

import numpy as np

from rvos_edu.course.expect import array_of, expect


def numbers_of(answer: Any) -> np.ndarray:
    """The answer as an array of floats.

    Raises:
        Wrong: if it is None, text, complex, or holds no numbers.
    """
    array = array_of(answer)
    expect(array.dtype.kind in "biuf", f"Expected real numbers, got {type(answer).__name__} without them.")
    return array.astype(float)


def one_number(answer: Any, hint: str) -> float:
    """The single number that the answer is, or that an array holds.

    Raises:
        Wrong: if there are more or none of them (with `hint`), or no numbers at all.
    """
    array = numbers_of(answer)
    expect(array.size == 1, f"One number is expected, the shape is {list(array.shape)}. {hint}".strip())
    return float(array.reshape(()))
