"""Output in a notebook that is replaced while a computation goes on."""

from typing import Any

from rich.console import RenderableType


class NotebookView:
    """The part of `rich.live.Live` that a display of training needs; unlike it, without the package ipywidgets."""

    def __init__(self) -> None:
        self._handle: Any = None

    def start(self) -> None:
        """Begin; nothing is shown before the first update."""

    def stop(self) -> None:
        """End; the last output stays."""

    def update(self, renderable: RenderableType, *, refresh: bool = False) -> None:  # noqa: ARG002  # at each update
        """Show this output in place of the one before."""
        from IPython.display import display

        if self._handle is None:
            self._handle = display(renderable, display_id=True)
        else:
            self._handle.update(renderable)
