"""Saving and quitting in `seqgen write`, with the questions that this needs."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Generic

from seqgen.cli.editor_screen import Screen
from seqgen.cli.manuscript import Content, SavedFile


class Saving(Generic[Content]):
    """Saves what is written.

    Args:
        screen: asks the questions.
        file: the file.
        content: returns what is written.
    """

    def __init__(self, screen: Screen, file: SavedFile[Content], content: Callable[[], Content]) -> None:
        self._screen = screen
        self._file = file
        self._content = content

    @property
    def status(self) -> str:
        """The name of the file, and whether it has to be saved."""
        unsaved = "" if self._content() == self._file.saved else ", not saved"
        return f"{self._file.path or 'no file'}{unsaved}"

    def save(self, after: Callable[[], None] = lambda: None) -> None:
        """Save, and then call `after`; if the file has no name yet, ask for one first."""
        if self._file.path is None:
            self._screen.ask_name(partial(self._save_as, after=after))
        elif self._screen.attempt(lambda: self._file.save(self._content())):
            self._screen.message = f"saved to {self._file.path}"
            after()

    def _save_as(self, name: str, after: Callable[[], None]) -> None:
        path = Path(name).expanduser()

        def use() -> None:
            self._file.path = path
            self.save(after)
            if self._file.saved != self._content():
                self._file.path = None  # another name may work

        if path.exists():
            self._screen.ask(f"{path} exists: replace it? y/n", {"y": use, "n": lambda: self.save(after)})
        else:
            use()

    def quit(self) -> None:
        """Exit, after asking what to do with what is not saved."""
        if self._content() == self._file.saved:
            self._screen.exit()
        else:
            self._screen.ask(
                "save before you quit? y: save, n: discard, Esc: go on",
                {"y": lambda: self.save(self._screen.exit), "n": self._discard},
            )

    def recover(self) -> None:
        """Save what is not saved under a new name."""
        self._file.recover(self._content())

    def _discard(self) -> None:
        self._file.saved = self._content()
        self._screen.exit()
