"""Scores -> the files they are written to, by suffix."""

from seqgen.errors import MusicError, UsageError
from seqgen.music import abc_notation, midi_file, musicxml, pianoroll
from seqgen.music.score import MAX_SHARPS, Score

SUFFIXES = (".mid", ".midi", ".musicxml", ".xml", ".abc", ".png")


def rendered(score: Score, suffix: str, num_prime_steps: int = 0) -> bytes:
    """Return the content of a file.

    Args:
        score: what is written.
        suffix: one of `SUFFIXES`, in either case.
        num_prime_steps: up to this step it is the prime, which a picture shades.

    Raises:
        UsageError: the suffix is not known.
        MusicError: there are no bars or no tracks, or something is beyond what the format can say.
    """
    suffix = suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"music is written as {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}, got {suffix!r}")
    if not score.bars or not score.tracks:
        raise MusicError("empty score", "a score without bars or without tracks cannot be written")
    if any(abs(bar.sharps) > MAX_SHARPS for bar in score.bars):
        raise MusicError("broken score", f"a key signature has at most {MAX_SHARPS} sharps or flats")
    if suffix == ".png":
        return pianoroll.draw(score, num_prime_steps)
    if suffix == ".abc":
        return abc_notation.rendered(score).encode()
    return musicxml.rendered(score) if suffix in (".musicxml", ".xml") else midi_file.rendered(score)
