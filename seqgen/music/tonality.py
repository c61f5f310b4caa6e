"""Whether a piece keeps to its key: the notes of its scale, and its last note."""

from seqgen.music.melody import bar_at
from seqgen.music.score import Note, Score

SCALE = (0, 2, 4, 5, 7, 9, 11)  # of a major key, and of the minor key with the same signature
_TONICS = (0, 9)  # of both


def degree(pitch: int, sharps: int) -> int:
    """Return the semitones, 0 to 11, from the tonic of the major key with this signature up to a pitch."""
    return (pitch - 7 * sharps) % 12


def notes_in_key(score: Score) -> tuple[int, int]:
    """Return how many notes are in the scale of their key signature, and how many there are, without drums."""
    degrees = [
        degree(note.pitch, score.bars[bar_at(score, note.onset)].sharps)
        for track in score.tracks
        if not track.is_drum
        for note in track.notes
    ]
    return sum(each in SCALE for each in degrees), len(degrees)


def ends_on_tonic(score: Score) -> bool | None:
    """Return whether the last bass note is the tonic of the major or minor key; None without notes."""
    final = final_degree(score)
    return None if final is None else final in _TONICS


def final_degree(score: Score) -> int | None:
    """Return the degree of the last bass note: the lowest of the last notes of all parts; None without notes."""
    lines = [track.notes for track in score.tracks if track.notes and not track.is_drum]
    if not lines:
        return None
    last: list[Note] = [min(notes, key=lambda note: (-note.onset, note.pitch)) for notes in lines]
    return degree(min(note.pitch for note in last), score.bars[-1].sharps)
