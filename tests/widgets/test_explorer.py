"""What all explorers share."""

from __future__ import annotations

import gc
import weakref

import pytest
from torch import nn

pytest.importorskip("ipywidgets")

from rvos_edu.widgets.explorer import explorer


def test_garbage_collections_pass_over_what_was_there_before() -> None:
    gc.unfreeze()
    model = nn.Sequential(nn.Linear(2, 2))
    gone, before = weakref.ref(model), gc.get_freeze_count()
    explorer([], twin="figure")
    assert gc.get_freeze_count() > before + 10_000  # the libraries
    del model
    assert gone() is None  # still freed as soon as nobody holds it
