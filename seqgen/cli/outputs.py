"""Where `seqgen sample` writes text: to standard output, or to files."""

import os
from pathlib import Path

from seqgen.cli import display
from seqgen.cli.destination import Destination
from seqgen.cli.music import is_audio, write_file, write_tunes
from seqgen.errors import UsageError

MUSIC_SUFFIXES = (".mid", ".musicxml", ".png", ".wav")  # formats to which ABC notation in samples is converted
MAX_SHOWN = 10  # characters that are not in the vocabulary


def write_text(result: str, texts: list[str], destination: Destination) -> None:
    """Write the result to files, or to standard output if there are none.

    Args:
        result: content of text files and of standard output.
        texts: the samples, from which music files are made.
        destination: the files.
    """
    for path in destination.files:
        if path.suffix.lower() in MUSIC_SUFFIXES:
            write_tunes(texts, path, destination)
        else:
            write_file(path, result.encode(), destination.source)
            display.note(f"written to {path}")
    if not destination.files:
        display.write_result(result)


def refuse_no_file(path: Path) -> None:
    """Reject an invalid output before sampling."""
    if path.is_dir():
        raise UsageError(f"--output must be a file, but {path} is a folder")
    if not path.parent.is_dir():
        raise UsageError(f"--output {path}: folder {path.parent} does not exist; create it first")
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"--output {path}: folder {path.parent} cannot be written; choose another one")


def refuse_soundfont(soundfont: Path | None, outputs: list[Path]) -> None:
    """Reject a SoundFont that cannot be used, or without an audio file, before sampling."""
    if any(map(is_audio, outputs)):
        from seqgen.music.soundfont import find

        find(soundfont)
    elif soundfont is not None:
        raise UsageError("--soundfont is for audio: add --output FILE.wav")


def refuse_unknown_suffixes(paths: list[Path]) -> None:
    """Reject files that are not music."""
    from seqgen.music.write import SUFFIXES

    for path in paths:
        if path.suffix.lower() not in SUFFIXES:
            raise UsageError(f"--output {path}: the suffix of a music file must be one of {', '.join(SUFFIXES)}")


def report_lacking(characters: list[str], where: str) -> None:
    """Report characters that are not in the vocabulary."""
    if characters:
        shown = ", ".join(map(repr, characters[:MAX_SHOWN]))
        more = f" and {len(characters) - MAX_SHOWN} more" if len(characters) > MAX_SHOWN else ""
        display.note(f"{where} contains characters that are not in the vocabulary: {shown}{more}")
