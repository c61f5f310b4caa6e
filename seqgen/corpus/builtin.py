"""The built-in corpora: texts and music that come with seqgen, with Python and with music21."""

import lzma
import pydoc_data.topics
import sysconfig
import tokenize
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib import resources
from importlib.util import find_spec
from io import BufferedReader, BytesIO
from itertools import chain
from pathlib import Path

from seqgen.corpus.archives import Opener
from seqgen.corpus.source_file import RawFile
from seqgen.errors import CorpusError

# Third-party code, tests (some are broken on purpose) and generated tables are not typical of Python.
_NOT_SOURCE = {"site-packages", "dist-packages", "test", "tests", "__pycache__", "pydoc_data", "idle_test"}


def _python_docs() -> Iterator[tuple[str, str]]:
    """Yield the language reference as `help()` shows it, topic by topic."""
    yield from sorted(pydoc_data.topics.topics.items())


def _python_source() -> Iterator[tuple[str, str]]:
    """Yield the modules of the standard library."""
    root = Path(sysconfig.get_path("stdlib"))
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root)
        if _NOT_SOURCE.isdisjoint(name.parts):
            with tokenize.open(path) as file:
                yield name.as_posix(), file.read()


def _packed(name: str) -> Iterator[tuple[str, str]]:
    """Yield a text that comes with seqgen; `texts/README.md` says where it is from."""
    packed = resources.files("seqgen.corpus") / "texts" / f"{name}.xz"
    yield name, lzma.decompress(packed.read_bytes()).decode("utf-8")


def _music(pattern: str) -> list[Path]:
    """Return files of the corpus of music21, without importing music21."""
    package = find_spec("music21")
    if package is None or package.origin is None:
        raise CorpusError("the built-in music comes with music21, which is not installed: pip install music21")
    return sorted(Path(package.origin).with_name("corpus").glob(pattern))


_TEXTS: dict[str, Callable[[], Iterable[tuple[str, str]]]] = {
    "python-docs": _python_docs,
    "python-source": _python_source,
    "shakespeare": partial(_packed, "shakespeare.txt"),
    "names": partial(_packed, "names.txt"),
}
_MUSIC = {"bach-chorales": ("bach/bwv*.mxl",), "folk-tunes": ("ryansMammoth/*.abc", "oneills1850/*.abc")}
NAMES = (*_TEXTS, *_MUSIC)


def files(name: str) -> list[RawFile]:
    """Return the files of a corpus.

    Args:
        name: the corpus.

    Raises:
        CorpusError: there is no such corpus.
    """
    if name in _TEXTS:
        texts = ((title, text.encode("utf-8")) for title, text in _TEXTS[name]())
        return [RawFile(title, _memory_opener(data), is_alone=False, encoding="utf-8") for title, data in texts]
    if name not in _MUSIC:
        raise CorpusError(f"there is no built-in corpus {name!r}; choose one of {', '.join(NAMES)}")
    paths = chain.from_iterable(_music(pattern) for pattern in _MUSIC[name])
    return [RawFile(path.name, _file_opener(path), is_alone=False) for path in paths]


def _memory_opener(data: bytes) -> Opener:
    return lambda: BufferedReader(BytesIO(data))


def _file_opener(path: Path) -> Opener:
    return lambda: path.open("rb")
