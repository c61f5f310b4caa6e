"""SOURCE -> documents: what a user may name as a corpus, read in chunks so that its size does not matter."""

import codecs
import io
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

from seqgen.corpus import builtin
from seqgen.errors import CorpusError
from seqgen.levels.base import normalise_text

CHUNK_BYTES = 1 << 18  # fits the cache with its code points and ids beside it
BUILTIN = "builtin:"
_BYTE_ORDER_MARK = "\ufeff"
_OUR_OWN = {"best.safetensors", "last.safetensors", "store.json"}  # tell a run's folder and a prepared corpus


class Document(Protocol):
    """One text, read anew at each call of `chunks`."""

    @property
    def name(self) -> str:
        """What errors and reports call it."""

    @property
    def newlines_changed(self) -> bool:
        """Whether the last reading met other newlines than line feeds."""

    def chunks(self) -> Iterator[str]:
        """Yield the text piece by piece, newlines as line feeds."""


@dataclass
class TextFile:
    """A file of text.

    Attributes:
        newlines_changed: whether the last reading met other newlines than line feeds.
    """

    path: Path
    encoding: str = "utf-8"
    newlines_changed: bool = field(default=False, compare=False)

    @property
    def name(self) -> str:
        """The path as given."""
        return str(self.path)

    def chunks(self) -> Iterator[str]:
        """Yield the decoded text.

        Raises:
            CorpusError: the file cannot be read, or is not text in this encoding.
        """
        decoder = _incremental_decoder(self.encoding)
        newlines = io.IncrementalNewlineDecoder(decoder, translate=True)
        consumed, is_begun = 0, False
        try:
            with self.path.open("rb") as file:
                while data := file.read(CHUNK_BYTES):
                    waiting = len(decoder.getstate()[0])
                    text = newlines.decode(data)
                    yield self._checked(text if is_begun else text.removeprefix(_BYTE_ORDER_MARK), consumed)
                    is_begun = is_begun or bool(text)
                    consumed += len(data)
                waiting = len(decoder.getstate()[0])
                yield newlines.decode(b"", final=True)
        except OSError as error:
            raise CorpusError(f"{self.name} cannot be read: {error.strerror}") from error
        except UnicodeError as error:
            offset = consumed - waiting + getattr(error, "start", 0)
            raise CorpusError(
                f"{self.name} is not {self.encoding} text (byte offset {offset}): convert it, or name what it is to "
                "seqgen train, as in --encoding latin-1"
            ) from error
        self.newlines_changed = newlines.newlines not in (None, "\n")

    def _checked(self, text: str, consumed: int) -> str:
        """Return the text, its lone surrogates replaced; a zero tells a binary file, or another encoding."""
        if "\0" in text:
            raise CorpusError(
                f"{self.name} is not {self.encoding} text (a zero character after byte offset {consumed}): it is a "
                "binary file, or text to be read with --encoding utf-16"
            )
        return normalise_text(text)


@dataclass(frozen=True)
class Text:
    """A text in memory."""

    name: str
    text: str
    newlines_changed: ClassVar[bool] = False

    def chunks(self) -> Iterator[str]:
        """Yield the whole text."""
        yield self.text


def read_sources(sources: Iterable[str], encoding: str, skipped: Counter[str]) -> list[Document]:
    """Return the documents of every source, in order; what is passed over is counted in `skipped` by its reason.

    Raises:
        CorpusError: a source is missing, or names no document.
    """
    _incremental_decoder(encoding)
    return [document for source in sources for document in _read_source(source, encoding, skipped)]


def _read_source(source: str, encoding: str, skipped: Counter[str]) -> list[Document]:
    if source.startswith(BUILTIN):
        return [Text(name, text) for name, text in builtin.texts(source.removeprefix(BUILTIN))]
    path = Path(source)
    if source and path.is_dir():
        files = list(_text_files(path, encoding, skipped))
        if not files:
            passed = "; ".join(f"{count} {reason}" for reason, count in skipped.items() if count)
            raise CorpusError(f"the folder {source} holds no text file" + (f" (skipped: {passed})" if passed else ""))
        return [TextFile(file, encoding) for file in files]
    if not path.is_file():
        raise CorpusError(
            f"there is no file or folder {source!r}; built-in corpora are "
            f"{' and '.join(BUILTIN + name for name in builtin.NAMES)}"
        )
    return [TextFile(path, encoding)]


def _text_files(folder: Path, encoding: str, skipped: Counter[str]) -> Iterator[Path]:
    """Yield the text files below a folder, sorted, without hidden and binary files and what seqgen keeps itself."""

    def refuse(error: OSError) -> None:
        raise CorpusError(f"the folder {error.filename} cannot be read: {error.strerror}") from error

    has_zeros = b"\0" in " ".encode(encoding)
    files = []
    for root, subfolders, names in os.walk(folder, onerror=refuse):
        if _OUR_OWN.intersection(names):
            skipped["files of seqgen itself"] += len(names)
            continue
        hidden = [name for name in (*subfolders, *names) if name.startswith(".")]
        skipped["hidden files and folders"] += len(hidden)
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        files += [Path(root, name) for name in names if not name.startswith(".")]
    for path in sorted(path for path in files if path.is_file()):
        if not has_zeros and _is_binary(path):
            skipped["binary files"] += 1
        else:
            yield path


def _is_binary(path: Path) -> bool:
    """Tell whether the file's first 8 KiB hold a zero byte, as git does."""
    try:
        with path.open("rb") as file:
            return b"\0" in file.read(8192)
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror}") from error


def _incremental_decoder(encoding: str) -> codecs.IncrementalDecoder:
    """Return a strict decoder.

    Raises:
        CorpusError: there is no such text encoding.
    """
    try:
        " ".encode(encoding)  # refuses codecs that are none of text, as base64
    except (LookupError, UnicodeError) as error:
        raise CorpusError(
            f"--encoding {encoding} is unknown; utf-8, utf-16, latin-1 and cp1252 are common ones"
        ) from error
    return codecs.getincrementaldecoder(encoding)()
