"""The file of `seqgen write`: a text or a piece of music, which is saved and never lost."""

import tempfile
from abc import ABC, abstractmethod
from itertools import count
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from seqgen.cli.music import write_file
from seqgen.cli.prime import text_argument
from seqgen.errors import SeqgenError, UsageError
from seqgen.music.score import Score

Content = TypeVar("Content")


class SavedFile(ABC, Generic[Content]):
    """A file with content that is being written.

    Args:
        path: the file; None if it has no name yet.
        saved: the content that does not need to be saved.
        source: path of the checkpoint.

    Attributes:
        path: the file.
        saved: the content that does not need to be saved.
        recovered: where content was saved when the program ended unexpectedly; None if it was not.
    """

    default_name: ClassVar[str]

    def __init__(self, path: Path | None, saved: Content, source: Path) -> None:
        self.path = path
        self.saved = saved
        self.recovered: Path | None = None
        self.source = source

    @abstractmethod
    def encoded(self, content: Content, suffix: str) -> bytes:
        """Return what a file with this suffix holds.

        Raises:
            SeqgenError: content of this kind is not written with this suffix.
        """

    def save(self, content: Content) -> None:
        """Write the file, which must have a name.

        Raises:
            SeqgenError: it cannot be written.
        """
        assert self.path is not None  # noqa: S101  # the user is asked for it first
        write_file(self.path, self.encoded(content, self.path.suffix), self.source)
        self.saved = content

    def recover(self, content: Content) -> None:
        """Save content that is not saved yet beside the file, under a new name.

        If this is not possible, it is saved in the home folder or in the folder for temporary files.

        Raises:
            SeqgenError: nothing can be written.
        """
        if content == self.saved:
            return
        name = self.path or Path(self.default_name)
        for folder in (name.absolute().parent, Path.home(), Path(tempfile.gettempdir())):
            names = (f"{name.stem}-recovered{'' if n == 1 else f'-{n}'}{name.suffix}" for n in count(1))
            path = next(path for each in names if not (path := folder / each).exists())
            try:
                write_file(path, self.encoded(content, path.suffix), self.source)
            except SeqgenError:
                continue
            self.saved, self.recovered = content, path
            return
        raise SeqgenError("what is not saved could not be saved in any folder")


class Manuscript(SavedFile[str]):
    """A text file.

    Args:
        path: the file; None if it has no name yet.
        text: the text at the beginning.
        source: path of the checkpoint.
        is_saved: whether the file holds this text.

    Attributes:
        text: the text at the beginning.
    """

    default_name = "text.txt"

    def __init__(self, path: Path | None, text: str, source: Path, *, is_saved: bool) -> None:
        super().__init__(path, text if is_saved else "", source)
        self.text = text

    @classmethod
    def opened(cls, output: Path | None, prime: str, source: Path) -> "Manuscript":
        """Return the manuscript of `--output` and `--prime`.

        Raises:
            UsageError: both name different texts.
            CorpusError: a file cannot be read.
        """
        is_file = prime.startswith("@") and not prime.startswith("@@") and prime != "@"
        if output is None or not output.exists():
            return cls(output, _read(prime), source, is_saved=not prime)
        if prime and not (is_file and Path(prime[1:]).exists() and output.samefile(prime[1:])):
            raise UsageError(
                f"--output {output} exists and would be replaced by a text that begins with --prime: omit --prime to "
                "continue the file, or name another one"
            )
        return cls(output, _read(f"@{output}"), source, is_saved=True)

    def encoded(self, content: str, suffix: str) -> bytes:  # noqa: ARG002  # a text is the same in every file
        """Return the text in UTF-8."""
        return content.encode()


class ScoreFile(SavedFile[Score | None]):
    """A file of music; None stands for a piece without bars."""

    default_name = "music.mid"

    def encoded(self, content: Score | None, suffix: str) -> bytes:
        """Return the music in the format of the suffix."""
        from seqgen.music.write import rendered

        if content is None:
            raise UsageError("no bar is kept yet: Tab keeps the bars that are offered")
        return rendered(content, suffix)


def _read(argument: str) -> str:
    """Return the text of a prime with line feeds as newlines."""
    text = text_argument(argument, "prime", is_passage=False)
    return text.replace("\r\n", "\n").replace("\r", "\n")
