"""What the files of a source hold: text, records or music."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path, PurePath

from seqgen.config import CorpusConfig
from seqgen.corpus.encodings import canonical
from seqgen.corpus.music_file import MUSIC, MusicFile, reading_options
from seqgen.corpus.pairs import is_column, paired
from seqgen.corpus.reading import ReadingLog, UnusableFileError
from seqgen.corpus.record_file import with_records
from seqgen.corpus.signals import TEXT_KIND, kind_of_suffix
from seqgen.corpus.source_file import RawFile, SourceFile
from seqgen.corpus.sources import find_files
from seqgen.corpus.text_file import TEXT, TextFile
from seqgen.errors import CorpusError
from seqgen.music.read import MUSIC as SUFFIXES
from seqgen.wording import counted

_MUSIC = SUFFIXES - {".xml"}
_COMMENT = re.compile(rb"(?s)<!--.*?-->")
_ROOT_ELEMENT = re.compile(rb"<([A-Za-z][\w.:-]*)")
_MUSIC_ROOTS = {b"score-partwise", b"score-timewise"}


def source_files(
    sources: Iterable[str], config: CorpusConfig, log: ReadingLog, cache: Path | None = None
) -> list[SourceFile]:
    """Return the files of all sources that suit the level; with `auto`, music if there is nothing else.

    Args:
        sources: as the user named them.
        config: the options of the corpus.
        log: takes notes on how files are read, and counts those that are skipped.
        cache: a folder for music that takes long to parse; None for no cache.

    Raises:
        CorpusError: a source does not exist, cannot be read or holds nothing to learn from, or there is both text and
            music.
        UsageError: the encoding does not exist.
    """
    canonical(config.encoding)
    names = tuple(sources)
    files = list(chain.from_iterable(_files_of(source, config, log, cache) for source in names))
    num_music = sum(file.kind is MUSIC for file in files)
    if 0 < num_music < len(files):
        raise CorpusError(
            f"{', '.join(names)} holds {counted(num_music, 'file')} of music and "
            f"{counted(len(files) - num_music, 'file')} of text: --level note reads only the music, --level character "
            "reads everything as text"
        )
    return files


def _files_of(source: str, config: CorpusConfig, log: ReadingLog, cache: Path | None) -> list[SourceFile]:
    if config.given is not None and not is_column(config.given):
        return paired(source, config.given, config, log)
    files: list[SourceFile] = []
    found = find_files(source, config, log)
    for raw in found:
        try:
            if config.given is None and config.level in ("auto", MUSIC.level) and _is_music(raw):
                files.append(MusicFile(raw, reading_options(config), cache, has_velocity=config.velocity))
            elif config.level != MUSIC.level:
                files.append(_text(raw, config, log))
            elif raw.is_alone:
                raise CorpusError(f"{source} is not music: the note level reads MIDI, MusicXML, kern and ABC")
            else:
                log.skip("file without music", raw.name)
        except UnusableFileError as error:
            log.skip_or_raise(error, is_alone=raw.is_alone)
    if not files:
        expected = "music" if config.level == MUSIC.level else "text"
        raise CorpusError(f"{source} holds no {expected}{log.skipped_in_parentheses}")
    if config.given is None:
        _note_signals(source, found, files, log)
    return files


def _note_signals(source: str, found: Sequence[RawFile], files: Sequence[SourceFile], log: ReadingLog) -> None:
    """Note that there are images or recordings beside most of the texts, which could be given."""
    texts = {_stem(file.name) for file in files if file.kind is TEXT}
    beside = Counter(
        raw.suffix for raw in found if kind_of_suffix(raw.suffix) != TEXT_KIND and _stem(raw.name) in texts
    )
    for suffix, number in beside.most_common(1):
        if 2 * number > len(texts):
            log.note(
                f"beside the texts are files with the suffix {suffix}: --given {suffix} writes the texts from them",
                source,
            )


def _stem(name: str) -> str:
    """Return a path without its suffixes."""
    path = PurePath(name)
    return str(path.with_name(path.name.partition(".")[0] or path.name))


def _text(raw: RawFile, config: CorpusConfig, log: ReadingLog) -> SourceFile:
    file = TextFile(raw, config.encoding, config.encoding_errors)
    file.check()
    records = with_records(file, config, log)
    if config.given is not None and not records.has_records:
        raise UnusableFileError(
            "file that is not a table",
            f"{file.name} is not a table (.csv, .tsv) or JSON (.json, .jsonl) with a column {config.given!r}, and "
            "there is no file of this name: --given is a suffix such as .src, a file, or a column",
        )
    return records


def _is_music(raw: RawFile) -> bool:
    """Return whether a file is music by its suffix or, if that is .xml, by its root element."""
    if raw.suffix != ".xml":
        return raw.suffix in _MUSIC
    root = _ROOT_ELEMENT.search(_COMMENT.sub(b"", raw.head()))
    return root is not None and root[1] in _MUSIC_ROOTS
