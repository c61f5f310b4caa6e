"""The score of `--prime`: typed notes, or a file."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from seqgen.errors import MusicError, UsageError
from seqgen.music import notices
from seqgen.music.read import MUSIC, ReadingOptions, read
from seqgen.music.score import Note, Score, Track, track_of
from seqgen.music.theory import best_key, key_of, notes_of

MAX_BYTES = 1 << 26  # of a file


def primed(
    text: str,
    options: ReadingOptions,
    score_of: Callable[[Track, int], Score],
    key: str | None,
    num_bars: int | None = None,
    report: Callable[[str], None] = lambda message: None,  # noqa: ARG005
) -> Score | None:
    """Return the score of `--prime`, or None if it is empty.

    Args:
        text: notes such as "C4 E4:2 R:1", or @ and the name of a file.
        options: the grid, and how a file is read.
        score_of: returns notes of a length in steps with metre, tempo and instrument; a file has its own.
        key: of the notes; None selects the key that fits best.
        num_bars: how many bars of it are used, without a pickup; None for all.
        report: receives what was changed when a file was read.

    Raises:
        UsageError: the text is not notes, a note does not fit the grid, or the prime has fewer bars.
        MusicError: the file cannot be read as music.
    """
    if not text.strip():
        return first_bars(None, num_bars)
    is_file = text.startswith("@")
    score = _from_file(Path(text[1:]), options, report) if is_file else _from_notes(text, options.grid, score_of)
    if key is not None or not is_file:
        sharps = (best_key(score) if key is None else key_of(key)).sharps
        score = replace(score, bars=tuple(bar._replace(sharps=sharps) for bar in score.bars))
    return first_bars(score, num_bars)


def first_bars(score: Score | None, num_bars: int | None) -> Score | None:
    """Return the beginning of a prime: the pickup, if there is one, and the first bars.

    Raises:
        UsageError: there is no prime, it has fewer bars, or there is no note in these bars.
    """
    if num_bars is None:
        return score
    if score is None:
        raise UsageError("--prime-bars needs --prime")
    num_whole = len(score) - (1 if score.pickup else 0)
    if num_bars > num_whole:
        raise UsageError(
            f"--prime-bars must be at most {num_whole}, the number of bars of the prime, got {num_bars}: lower it, or "
            "omit it for the whole prime"
        )
    beginning = score[: len(score) - num_whole + num_bars]
    if not beginning.num_notes:
        raise UsageError(f"--prime-bars {num_bars}: these bars of the prime contain no note: raise it, or omit it")
    return beginning


def _from_notes(text: str, grid: int, score_of: Callable[[Track, int], Score]) -> Score:
    notes: list[Note] = []
    time = 0
    try:
        steps_of_text = notes_of(text)
    except UsageError as error:
        raise UsageError(
            f'--prime: this model writes music, so a prime is notes such as "C4 E4:2 R:1", or @FILE with music: {error}'
        ) from error
    for number, step in enumerate(steps_of_text, 1):
        steps = step.quarters * grid
        if steps.denominator != 1:
            raise UsageError(
                f"--prime: durations must be multiples of 1/{grid} of a quarter note, the grid of the model; "
                f"note {number} lasts {float(step.quarters):g}"
            )
        notes += [Note(time, int(steps), pitch) for pitch in step.pitches]
        time += int(steps)
    if not notes:
        raise UsageError("--prime must contain a note, not only rests")
    return score_of(track_of(notes), time)


def _from_file(path: Path, options: ReadingOptions, report: Callable[[str], None]) -> Score:
    if path.suffix.lower() not in MUSIC:
        raise UsageError(f"--prime @{path}: a model of music reads {', '.join(sorted(MUSIC))}")
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES)
    except OSError as error:
        raise MusicError("unreadable file", f"the prime {path} cannot be read: {error.strerror}") from error
    pieces = read(str(path), data, options)
    found = next(pieces, None)
    if found is None or isinstance(found, MusicError):
        raise found or MusicError("file without notes", f"{path} contains no music")
    if next(pieces, None) is not None:
        report(f"{path} contains several pieces: the prime is the first")
    for phrase in notices.phrases(found.notices):
        report(f"{path}: {phrase}")
    return found.score
