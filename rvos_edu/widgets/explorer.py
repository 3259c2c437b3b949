"""What all explorers share: controls above one picture, and a word for pages without a kernel."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ipywidgets import VBox


atexit.register(gc.unfreeze)  # the last collection sees everything again


def explorer(children: Sequence[Any], *, twin: str) -> VBox:
    """A column of widgets that says, where no kernel runs, which function draws the same picture.

    What is alive now, nearly all of it imported libraries, is left out of later garbage collections: figures
    trigger them, and going through all of torch took 0.3 s in every ninth redraw. Counting references still
    frees these objects; only those in cycles stay until the kernel ends.

    Args:
        children: rows of controls, messages, the picture.
        twin: name of that function.
    """
    from ipywidgets import VBox

    class Explorer(VBox):
        def __repr__(self) -> str:  # what a stored notebook shows
            return f"A widget: it needs a running kernel. `{twin}` gives the picture without one."

    gc.collect()
    gc.freeze()
    return Explorer(children)
