"""Scores -> the content of files, by suffix."""

from pathlib import Path

from seqgen.errors import MusicError, UsageError
from seqgen.music import abc_writer, audio, midi_writer, musicxml_writer, pianoroll
from seqgen.music.score import MAX_SHARPS, Score

SUFFIXES = (".mid", ".midi", ".musicxml", ".xml", ".abc", ".wav", ".png")


def rendered(score: Score, suffix: str, num_prime_steps: int = 0, soundfont: Path | None = None) -> bytes:
    """Return the content of a file.

    Args:
        score: the music.
        suffix: one of `SUFFIXES`, in upper or lower case.
        num_prime_steps: the prime ends at this step; a picture shades it.
        soundfont: plays a recording; None for an installed SoundFont or, without one, the built-in synthesizer.

    Raises:
        UsageError: the suffix is unknown, or the SoundFont cannot be used.
        MusicError: there are no bars or no tracks, or the format cannot represent the music.
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
    if suffix == ".wav":
        return audio.rendered(score, soundfont)
    if suffix == ".abc":
        return abc_writer.rendered(score).encode()
    return musicxml_writer.rendered(score) if suffix in (".musicxml", ".xml") else midi_writer.rendered(score)
