"""What all explorers share: controls above one picture, and a word for pages without a kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ipywidgets import VBox


def explorer(children: Sequence[Any], *, twin: str) -> VBox:
    """A column of widgets that says, where no kernel runs, which function draws the same picture.

    Args:
        children: rows of controls, messages, the picture.
        twin: name of that function.
    """
    from ipywidgets import VBox

    class Explorer(VBox):
        def __repr__(self) -> str:  # what a stored notebook shows
            return f"A widget: it needs a running kernel. `{twin}` gives the picture without one."

    return Explorer(children)
