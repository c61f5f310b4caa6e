"""Files of music as scores."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seqgen.api.arguments import config_of, errors_in_python_terms, python_terms, refuse_unknown
from seqgen.config import CorpusConfig
from seqgen.corpus.music_file import content_of, reading_options
from seqgen.corpus.reading import ReadingLog, UnusableFileError
from seqgen.corpus.sources import find_files
from seqgen.errors import CorpusError, MusicError
from seqgen.music import read
from seqgen.music.score import Score


def read_music(path: str | Path, **options: Any) -> list[Score]:
    """Return the pieces in a file of music: MIDI, MusicXML, ABC or kern.

    Args:
        path: the file, which may be compressed; or a folder, a pattern or an archive, for the pieces in all its files.
        options: `grid`, `chords` and `pedal`, like the options of `seqgen train`.

    Warns:
        UserWarning: something was changed on reading, or a piece or file was skipped; one warning per kind.

    Raises:
        CorpusError: the file does not exist or cannot be read.
        MusicError: it contains no piece that can be read.
        UsageError: an option does not exist, or its value is invalid.
    """
    log, scores, errors = ReadingLog(), list[Score](), list[MusicError]()
    with errors_in_python_terms():
        refuse_unknown(options, read.ReadingOptions._fields)
        config = config_of(CorpusConfig, options)
        for found in _pieces(str(path), config, log):
            if isinstance(found, MusicError):
                log.skip(found.kind, str(found))
                errors.append(found)
                continue
            scores.append(found.score)
            for kind, number in found.notices.items():
                log.count(kind, number)
        if not scores:
            raise errors[0] if errors else CorpusError(f"{path} contains no music")
    for note in log.summary:
        warnings.warn(python_terms(note), stacklevel=2)
    return scores


def _pieces(source: str, config: CorpusConfig, log: ReadingLog) -> Iterator[read.Tune | MusicError]:
    """Yield every piece of all files of a source; files that cannot be read are skipped unless it is a single one."""
    for file in find_files(source, config, log):
        try:
            yield from read.read(file.unpacked_name, content_of(file), reading_options(config))
        except UnusableFileError as error:
            log.skip_or_raise(error, is_alone=file.is_alone)
