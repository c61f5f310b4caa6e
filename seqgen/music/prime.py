"""The score of `--prime`: typed notes, or a file."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from seqgen.errors import MusicError, UsageError
from seqgen.music.read import MUSIC, read
from seqgen.music.score import Bar, Note, Score, track_of
from seqgen.music.theory import best_key, key_of, notes_of

MAX_BYTES = 1 << 26  # of a file


def primed(text: str, grid: int, metre: Sequence[int], key: str | None) -> Score | None:
    """Return the score of `--prime`, or None if it is empty.

    Args:
        text: notes such as "C4 E4:2 R:1", or @ and the name of a file.
        grid: steps per quarter note.
        metre: numerator and denominator, for notes; a file has its own.
        key: of the notes; None selects the key that fits best.

    Raises:
        UsageError: the text is not notes, or a note does not fit the grid.
        MusicError: the file cannot be read as music.
    """
    if not text.strip():
        return None
    score = _from_file(Path(text[1:]), grid) if text.startswith("@") else _from_notes(text, grid, metre)
    if key is None and text.startswith("@"):
        return score
    sharps = best_key(score) if key is None else key_of(key).sharps
    return replace(score, bars=tuple(bar._replace(sharps=sharps) for bar in score.bars))


def _from_notes(text: str, grid: int, metre: Sequence[int]) -> Score:
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
    bar = Bar(*metre)
    num_bars = -(-time // bar.num_steps(grid))
    return Score((bar,) * num_bars, (track_of(notes),), grid=grid)


def _from_file(path: Path, grid: int) -> Score:
    if path.suffix.lower() not in MUSIC:
        raise UsageError(f"--prime @{path}: a model of music reads {', '.join(sorted(MUSIC))}")
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES)
    except OSError as error:
        raise MusicError("unreadable file", f"the prime {path} cannot be read: {error.strerror}") from error
    found = next(read(str(path), data, grid), None)
    if found is None or isinstance(found, MusicError):
        raise found or MusicError("file without notes", f"{path} contains no music")
    return found.score
