"""The built-in corpora: texts that come with what is installed anyway."""

import pydoc_data.topics
import sysconfig
import tokenize
from collections.abc import Iterator
from pathlib import Path

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


_CORPORA = {"python-docs": _python_docs, "python-source": _python_source}
NAMES = tuple(_CORPORA)


def texts(name: str) -> Iterator[tuple[str, str]]:
    """Return an iterator over (document name, text).

    Raises:
        CorpusError: there is no such corpus.
    """
    if name not in _CORPORA:
        raise CorpusError(f"there is no built-in corpus {name!r}; there are {', '.join(NAMES)}")
    return _CORPORA[name]()
