"""Where `seqgen sample` writes text: to standard output, or to files."""

from pathlib import Path

from seqgen.cli import display
from seqgen.cli.music import write_file, write_tunes
from seqgen.errors import UsageError

MUSIC_SUFFIXES = (".mid", ".musicxml", ".png")  # formats to which ABC notation in samples is converted
MAX_SHOWN = 10  # characters that are not in the vocabulary


def write_text(result: str, texts: list[str], outputs: list[Path], source: Path) -> None:
    """Write the result to the given files, or to standard output if no file is given.

    Args:
        result: content of text files and of standard output.
        texts: the samples, from which music files are made.
        outputs: the files.
        source: path of the checkpoint.
    """
    for path in outputs:
        if path.suffix.lower() in MUSIC_SUFFIXES:
            write_tunes(texts, path, source)
        else:
            write_file(path, result.encode(), source)
            display.note(f"written to {path}")
    if not outputs:
        display.write_result(result)


def refuse_no_file(path: Path) -> None:
    """Reject an invalid output before sampling."""
    if path.is_dir():
        raise UsageError(f"--output must be a file, but {path} is a folder")
    if not path.parent.is_dir():
        raise UsageError(f"--output {path}: folder {path.parent} does not exist; create it first")


def report_lacking(characters: list[str], where: str) -> None:
    """Report characters that are not in the vocabulary."""
    if characters:
        shown = ", ".join(map(repr, characters[:MAX_SHOWN]))
        more = f" and {len(characters) - MAX_SHOWN} more" if len(characters) > MAX_SHOWN else ""
        display.note(f"{where} contains characters that are not in the vocabulary: {shown}{more}")
