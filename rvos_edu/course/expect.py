"""What the stages of an exercise say about an answer: shape, type, values, and what mistake it looks like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from rvos_edu.course.checking import Wrong


def array_of(answer: Any) -> np.ndarray:
    """An answer (number, sequence, array or tensor) as a NumPy array.

    Raises:
        Wrong: if it is None or cannot be read as numbers.
    """
    if answer is None:
        raise Wrong("Nothing came back (None). Does your function end in a `return`?")
    if isinstance(answer, torch.Tensor):
        return answer.detach().cpu().numpy()
    if isinstance(answer, list | tuple):
        answer = [part.detach().cpu() if isinstance(part, torch.Tensor) else part for part in answer]
    try:
        array = np.asarray(answer)
        if array.dtype == object:
            raise ValueError("mixed contents")
    except (ValueError, TypeError, RuntimeError) as error:
        raise Wrong(
            f"Expected numbers, an array or a tensor, got {type(answer).__name__}: {error}."
        ) from error
    return array


def expect_shape(answer: Any, shape: tuple[int, ...], *, hint: str = "") -> np.ndarray:
    """The answer as an array of that shape; `hint` says what usually leads to another one.

    Raises:
        Wrong: naming the shape seen and the shape expected.
    """
    array = array_of(answer)
    if array.shape != shape:
        raise Wrong(f"The shape is {list(array.shape)}, expected {list(shape)}. {hint}".strip())
    return array


def expect_close(
    answer: Any,
    right: Any,
    *,
    hint: str,
    mistakes: Mapping[str, Any] | None = None,
    tolerance: float = 1e-5,
) -> None:
    """Compare an answer with the right one, and if it differs, say which mistake it looks like.

    Args:
        answer: number, array or tensor.
        right: what it should be; never shown.
        hint: said if no known mistake fits: where to look, not what to write.
        mistakes: message -> what comes out if that mistake is made.
        tolerance: largest absolute difference.

    Raises:
        Wrong: with the message.
    """
    got, want = array_of(answer), array_of(right)
    if _close(got, want, tolerance):
        return
    for message, value in (mistakes or {}).items():
        if _close(got, array_of(value), tolerance):
            raise Wrong(message)
    if got.shape != want.shape:
        raise Wrong(f"The shape is {list(got.shape)}, expected {list(want.shape)}. {hint}")
    if got.dtype.kind == "c" and want.dtype.kind != "c":
        raise Wrong(f"The answer holds complex numbers, expected are real ones. {hint}")
    if got.dtype.kind in "fc" and not np.isfinite(got).all() and np.isfinite(_plain(want)).all():
        raise Wrong(f"The answer holds values that are not finite (nan or inf). {hint}")
    raise Wrong(hint)


def expect(condition: Any, message: str) -> None:
    """Raise `Wrong` with `message` unless `condition` holds."""
    if not bool(condition):
        raise Wrong(message)


def _close(got: np.ndarray, want: np.ndarray, tolerance: float) -> bool:
    if got.shape != want.shape:
        return False
    if want.dtype.kind in "US" or got.dtype.kind in "US":
        return bool((got == want).all())
    return bool(np.allclose(_plain(got), _plain(want), rtol=0, atol=tolerance, equal_nan=True))


def _plain(array: np.ndarray) -> np.ndarray:
    """As float64; complex numbers stay complex, their imaginary parts count."""
    return array if array.dtype.kind == "c" else array.astype(float)
