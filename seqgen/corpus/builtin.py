"""The built-in corpora: texts and music that come with what is installed anyway."""

import pydoc_data.topics
import sysconfig
import tokenize
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

from seqgen.corpus.archives import Opener
from seqgen.corpus.documents import Document, Passage
from seqgen.corpus.texts import TextFile
from seqgen.errors import CorpusError

# Third-party code, tests (some are broken on purpose) and generated tables are not what Python is written like.
_NOT_SOURCE = {"site-packages", "dist-packages", "test", "tests", "__pycache__", "pydoc_data", "idle_test"}


def _python_docs() -> Iterator[tuple[str, str]]:
    """Yield the language reference as `help()` shows it, a topic at a time."""
    yield from sorted(pydoc_data.topics.topics.items())


def _python_source() -> Iterator[tuple[str, str]]:
    """Yield the modules of the standard library."""
    root = Path(sysconfig.get_path("stdlib"))
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root)
        if _NOT_SOURCE.isdisjoint(name.parts):
            with tokenize.open(path) as file:
                yield name.as_posix(), file.read()


def _music(pattern: str) -> list[Path]:
    """Return files of music21's corpus, which is found without importing it."""
    package = find_spec("music21")
    if package is None or package.origin is None:
        raise CorpusError("music21 is not installed, which the built-in music comes with: pip install music21")
    return sorted(Path(package.origin).with_name("corpus").glob(pattern))


_TEXTS = {"python-docs": _python_docs, "python-source": _python_source}
_MUSIC = {"bach-chorales": ("bach/bwv*.mxl",), "folk-tunes": ("ryansMammoth/*.abc", "oneills1850/*.abc")}
NAMES = (*_TEXTS, *_MUSIC)


def documents(name: str, encoding: str) -> list[Document]:
    """Return the texts or files of a corpus.

    Args:
        name: the corpus.
        encoding: of files that are read as text.

    Raises:
        CorpusError: there is no such corpus.
    """
    if name in _TEXTS:
        return [Passage(document, text) for document, text in _TEXTS[name]()]
    if name not in _MUSIC:
        raise CorpusError(f"there is no built-in corpus {name!r}; there are {', '.join(NAMES)}")
    paths = chain.from_iterable(_music(pattern) for pattern in _MUSIC[name])
    return [TextFile(path.name, _opener(path), encoding, is_alone=False) for path in paths]


def _opener(path: Path) -> Opener:
    return lambda: path.open("rb")
