"""Rules that values of a configuration obey; each raises a ConfigError that names key and value."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rvos_edu.errors import ConfigError


def require(condition: bool, key: str, value: object, expected: str) -> None:
    """Raise unless `condition` holds; `expected` says in words what would be right."""
    if not condition:
        raise ConfigError(f"{key} must be {expected}, got {value!r}")


def at_least(key: str, value: int, minimum: int, why: str = "") -> None:
    """A whole number from `minimum` on; `why` names where the minimum comes from."""
    require(value >= minimum, key, value, f"at least {minimum}{why}")


def positive(key: str, value: float) -> None:
    """A finite number above 0."""
    require(math.isfinite(value) and value > 0, key, value, "a finite number above 0")


def not_negative(key: str, value: float) -> None:
    """A finite number, 0 or more."""
    require(math.isfinite(value) and value >= 0, key, value, "a finite number, 0 or more")


def between(key: str, value: float, low: float, high: float) -> None:
    """A number in low..high, ends included."""
    require(low <= value <= high, key, value, f"between {low:g} and {high:g}")


def divisible(key: str, value: int, divisor: int, why: str) -> None:
    """A positive multiple of `divisor`; `why` names who needs that."""
    require(value >= 1 and value % divisor == 0, key, value, f"a multiple of {divisor} ({why})")


def one_of(key: str, value: str, allowed: Sequence[str]) -> None:
    """One of a few words."""
    require(value in allowed, key, value, " or ".join(map(repr, allowed)))
