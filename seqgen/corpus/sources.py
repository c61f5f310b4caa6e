"""SOURCE -> texts: what a user may name as a corpus, and which files of a folder are meant."""

import errno
import glob
import re
import shutil
import stat
import sys
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from functools import partial
from io import BufferedReader
from pathlib import Path, PurePath

from seqgen.config import CorpusConfig
from seqgen.corpus import archives, builtin
from seqgen.corpus.archives import Opener
from seqgen.corpus.documents import Document
from seqgen.corpus.encodings import canonical
from seqgen.corpus.folders import distinct, files_among, files_below, mode_of, special
from seqgen.corpus.reading import Reading, UnfitError, counted
from seqgen.corpus.texts import TextFile
from seqgen.corpus.tunes import MusicFile
from seqgen.errors import CorpusError
from seqgen.music.read import MUSIC as SUFFIXES
from seqgen.options import parse_size

BUILTIN = "builtin:"
STANDARD_INPUT = "-"
NOTE = "note"  # the level of music

_MUSIC = SUFFIXES - {".xml"}
_COMMENT = re.compile(rb"(?s)<!--.*?-->")
_ANY_FOLDERS = re.compile(r"(?:\*\*/)+")  # once is enough, and each more costs as much as all folders
_ROOT_ELEMENT = re.compile(rb"<([A-Za-z][\w.:-]*)")
_MUSIC_ROOTS = {b"score-partwise", b"score-timewise"}


def find_texts(
    sources: Iterable[str], config: CorpusConfig, reading: Reading, cache: Path | None = None
) -> list[Document]:
    """Return the texts, or the files of music, of every source in order; what is passed over is told to `reading`.

    Args:
        sources: as the user named them.
        config: what is wanted of them.
        reading: takes what a user should hear.
        cache: where music that was read slowly is kept, if anywhere.

    Raises:
        CorpusError: a source is missing, or names nothing that can be learned from, or both text and music.
    """
    canonical(config.encoding)
    texts: list[Document] = []
    for source in sources:
        found = _sorted_out(source, _find(source, config, reading), config, reading, cache)
        if not found:
            raise CorpusError(f"{source} holds no {_wanted(config)}{reading.skipped_aside}")
        texts += found
    kinds = [isinstance(text, MusicFile) for text in texts]
    if any(kinds) and not all(kinds):
        raise _mixed(", ".join(sources), kinds.count(True), kinds.count(False))
    return texts


def is_stream(source: str) -> bool:
    """Tell whether a source can be read only once, and by one process."""
    return source == STANDARD_INPUT or stat.S_ISFIFO(mode_of(Path(source)))


def _wanted(config: CorpusConfig) -> str:
    return "music" if config.level == NOTE else "text"


def _mixed(source: str, num_music: int, num_texts: int) -> CorpusError:
    return CorpusError(
        f"{source} holds {counted(num_music, 'file')} of music and {counted(num_texts, 'file')} of text: --level note "
        "reads the music, --level character all that is text"
    )


def _find(source: str, config: CorpusConfig, reading: Reading) -> list[Document]:
    """Return all that a source names, binary files and music too."""
    if source.startswith(BUILTIN):
        return builtin.documents(source.removeprefix(BUILTIN), config.encoding)
    if not source.isprintable():
        raise CorpusError(f"the name {source!r} holds a character that cannot be shown: rename it")
    path = Path(source)
    text_file = partial(TextFile, encoding=config.encoding, errors=config.encoding_errors)
    if is_stream(source):
        return [text_file("standard input" if source == STANDARD_INPUT else source, _Copy(source))]
    limit = parse_size(config.unpack_limit)
    is_alone = stat.S_ISREG(mode_of(path)) and path.suffix.lower() != archives.ZIP
    return [
        text_file(name, archives.unpacked(name, open_packed, limit), is_alone=is_alone)
        for file in _files(source, reading)
        for name, open_packed in _openers(file, limit, reading, is_alone=file == path)
    ]


def _files(source: str, reading: Reading) -> list[Path]:
    """Return the files that a path or a pattern means."""
    path = Path(source)
    if source and (mode := mode_of(path)):
        if kind := special(mode):
            raise CorpusError(f"{source} is a {kind}, which is not read: name a file or a folder, or pipe it to -")
        return files_below(path, reading) if stat.S_ISDIR(mode) else [path]
    pattern = _ANY_FOLDERS.sub("**/", source)
    matches = glob.glob(pattern, recursive=True) if glob.has_magic(source) else []  # noqa: PTH207  # absolute, too
    if not matches:
        raise _missing(source)
    paths = distinct(list(map(Path, sorted(matches))), reading)
    files = set(files_among(paths, reading))
    found = []
    for path in paths:
        if path in files:
            found.append(path)
        elif path.is_dir() and "**" not in source:
            found += files_below(path, reading)
    return distinct(found, reading)


def _missing(source: str) -> CorpusError:
    """Return the error for a source that names nothing."""
    path = Path(source)
    try:
        if path.is_symlink():
            return CorpusError(f"{source} is a link to {path.readlink()}, which is not there")
        path.stat()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR):
            return CorpusError(f"{source} cannot be read: {error.strerror}")
    what = "nothing matches" if glob.has_magic(source) else "there is no file or folder"
    return CorpusError(f"{what} {source!r}; built-in corpora are {', '.join(BUILTIN + name for name in builtin.NAMES)}")


def _openers(path: Path, limit: int, reading: Reading, *, is_alone: bool) -> Iterator[tuple[str, Opener]]:
    """Yield name and opener of the file, or of each that it packs."""
    if path.suffix.lower() != archives.ZIP:
        yield str(path), lambda: path.open("rb")
        return
    try:
        yield from archives.members(path, limit, reading)
    except UnfitError as error:
        reading.pass_over(error, is_alone=is_alone)


class _Copy:
    """Opens a copy of standard input or of a pipe, which is there as long as this is."""

    def __init__(self, source: str) -> None:
        if source == STANDARD_INPUT and (sys.stdin is None or sys.stdin.closed or sys.stdin.isatty()):
            raise CorpusError(
                "- is standard input, which can be read once and must be piped, as in cat FILE | seqgen ... --corpus -"
            )
        folder = tempfile.mkdtemp(prefix="seqgen-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._path = Path(folder, "copy")
        try:
            with (
                sys.stdin.buffer if source == STANDARD_INPUT else Path(source).open("rb") as stream,
                self._path.open("wb") as file,
            ):
                shutil.copyfileobj(stream, file)
        except OSError as error:
            raise CorpusError(f"{source} cannot be copied to {folder}: {error.strerror}; see TMPDIR") from error

    def __call__(self) -> BufferedReader:
        return self._path.open("rb")


def _sorted_out(
    source: str, found: list[Document], config: CorpusConfig, reading: Reading, cache: Path | None
) -> list[Document]:
    """Return what suits the level; with `auto`, music where it is that alone."""
    music: list[Document] = []
    texts: list[Document] = []
    for text in found:
        try:
            if config.level in ("auto", NOTE) and isinstance(text, TextFile) and _is_music(text):
                music.append(MusicFile(text.name, text.open_bytes, config.grid, cache, is_alone=text.is_alone))
            elif config.level == NOTE and not text.is_alone:
                reading.skip("file without music", text.name)
            else:
                if isinstance(text, TextFile):
                    text.check()
                texts.append(text)
        except UnfitError as error:
            reading.pass_over(error, is_alone=text.is_alone)
    if config.level == NOTE and texts:
        raise CorpusError(f"{source} is no music: the note level reads MIDI, MusicXML, kern and ABC")
    if music and texts:
        raise _mixed(source, len(music), len(texts))
    return music or texts


def _is_music(text: TextFile) -> bool:
    """Tell whether a file is music, by its suffix or, where that is .xml, by its root element."""
    suffix = PurePath(archives.without_packing(text.name)).suffix.lower()
    if suffix != ".xml":
        return suffix in _MUSIC
    root = _ROOT_ELEMENT.search(_COMMENT.sub(b"", text.head()))
    return root is not None and root[1] in _MUSIC_ROOTS
