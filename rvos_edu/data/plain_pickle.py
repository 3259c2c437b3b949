"""Read a pickle that holds nothing but containers, text and numbers: no class, no function, no code."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any, NoReturn

from rvos_edu.errors import DataError


def read_plain_pickle(path: str | Path) -> Any:
    """What the file holds: lists, tuples, dicts, sets, text, bytes, numbers, truth values, None.

    Text of Python 2 is read as UTF-8, or else as Latin-1.

    Raises:
        DataError: if the file is missing or damaged, or names anything that would have to be imported.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    try:
        try:
            return _Plain(io.BytesIO(content), encoding="utf-8").load()
        except UnicodeDecodeError:
            return _Plain(io.BytesIO(content), encoding="latin1").load()
    except _Unsafe as error:
        raise DataError(f"{path} is not safe to read: it refers to {error}, expected plain data") from error
    except Exception as error:  # damaged pickles raise nearly anything
        raise DataError(f"{path} is damaged: {type(error).__name__} {error}") from error


class _Unsafe(Exception):
    """The pickle wants something imported."""


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> NoReturn:
        raise _Unsafe(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise _Unsafe("an object outside of it")
