"""Small tools of the notebooks: compare with the library, show a figure, shorten training in tests."""

from __future__ import annotations

import os
from typing import Any, TypeVar

import numpy as np
import torch

from rvos_edu.errors import ConfigError
from rvos_edu.viz import Figure

T = TypeVar("T")
LENGTH = "RVOS_EDU_NOTEBOOKS"  # "full" (default) or "short"


def pick(*, full: T, short: T) -> T:
    """`full`, or `short` where the environment variable RVOS_EDU_NOTEBOOKS says short (as the tests do).

    The one switch that shortens training cells: steps, and the bands in which their results must lie.

    Raises:
        ConfigError: if the variable holds another word.
    """
    length = os.environ.get(LENGTH, "full")
    if length not in ("full", "short"):
        raise ConfigError(f"{LENGTH} must be full or short, got {length!r}")
    return full if length == "full" else short


def compare(mine: Any, library: Any, *, tolerance: float, what: str = "mine and the library's") -> None:
    """Assert that two tensors (or arrays, numbers) are equal within `tolerance`, and say so.

    Raises:
        AssertionError: with both shapes, or the largest difference.
    """
    a, b = (
        np.asarray(x.detach().cpu() if isinstance(x, torch.Tensor) else x, float) for x in (mine, library)
    )
    assert a.shape == b.shape, f"{what}: shapes {list(a.shape)} and {list(b.shape)}"
    difference = float(np.abs(a - b).max()) if a.size else 0.0
    assert difference <= tolerance, f"{what} differ by {difference:.2g}, more than {tolerance:g}"
    print(f"{what}: equal within {tolerance:g}, shape {list(a.shape)}")


def show(figure: Figure) -> None:
    """Display a figure as a JPEG, which keeps notebooks small."""
    from IPython.display import Image, display

    display(Image(figure.to_jpeg()))
