"""Names of instruments, tracks and drums, and the staff positions of drums."""

import re
from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from typing import NamedTuple

from seqgen.errors import UsageError
from seqgen.music.score import Track

# General MIDI has eight instruments of each family.
_FAMILIES = (
    "Piano", "Chromatic percussion", "Organ", "Guitar", "Bass", "Strings", "Ensemble", "Brass",
    "Reed", "Pipe", "Synth lead", "Synth pad", "Synth effects", "World", "Percussive", "Sound effects",
)  # fmt: skip


class Drum(NamedTuple):
    """A drum in notation.

    Attributes:
        name: in English.
        place: letter and octave of its staff position in the treble clef.
        notehead: `normal`, or `x` for metal and wood.
    """

    name: str
    place: str
    notehead: str


# The drums of General MIDI by pitch; places after Weinberg, Guidelines for Drumset Notation (1994).
_DRUMS = {
    35: Drum("Low bass drum", "E4", "normal"),
    36: Drum("Bass drum", "F4", "normal"),
    37: Drum("Side stick", "C5", "x"),
    38: Drum("Snare", "C5", "normal"),
    39: Drum("Hand clap", "D5", "x"),
    40: Drum("Electric snare", "C5", "normal"),
    41: Drum("Low floor tom", "G4", "normal"),
    42: Drum("Closed hi-hat", "G5", "x"),
    43: Drum("High floor tom", "A4", "normal"),
    44: Drum("Pedal hi-hat", "D4", "x"),
    45: Drum("Low tom", "B4", "normal"),
    46: Drum("Open hi-hat", "G5", "x"),
    47: Drum("Low mid tom", "D5", "normal"),
    48: Drum("High mid tom", "E5", "normal"),
    49: Drum("Crash cymbal", "A5", "x"),
    50: Drum("High tom", "F5", "normal"),
    51: Drum("Ride cymbal", "F5", "x"),
    52: Drum("China cymbal", "B5", "x"),
    53: Drum("Ride bell", "F5", "x"),
    54: Drum("Tambourine", "B4", "x"),
    55: Drum("Splash cymbal", "A5", "x"),
    56: Drum("Cowbell", "E5", "x"),
    57: Drum("Crash cymbal 2", "B5", "x"),
    58: Drum("Vibraslap", "A4", "x"),
    59: Drum("Ride cymbal 2", "F5", "x"),
}
_PLAIN_NAMES = {"".join(filter(str.isalpha, drum.name.lower())): pitch for pitch, drum in reversed(_DRUMS.items())}
_PLAIN_NAMES |= {"acousticbassdrum": 35, "acousticsnare": 38, "hihat": 42}  # General MIDI; usually closed
_PLACES = {(drum.place, drum.notehead): pitch for pitch, drum in reversed(_DRUMS.items())}  # the first of several


@cache
def program_names() -> tuple[str, ...]:
    """Return the General MIDI names of all programs."""
    from music21.noteworthy.constants import MidiInstruments

    return tuple(MidiInstruments)


def program_of(name: str) -> int:
    """Return the General MIDI program of an instrument, given its name or a part of it that no other name has.

    Raises:
        UsageError: the name is unknown or ambiguous; the message lists similar names.
    """
    given = _words(name)
    words = [_words(known) for known in program_names()]
    if given and given in words:
        return words.index(given)
    similar = [
        program
        for program, known in enumerate(words)
        if given and (known.startswith(given) or f" {given} " in f" {known} ")
    ]
    if len(similar) == 1:
        return similar[0]
    nearest = get_close_matches(given, words, 4)
    names = [program_names()[program] for program in similar or map(words.index, nearest)]
    problem = "may be" if similar else "is unknown; similar names are" if names else "is unknown"
    raise UsageError(
        "--instrument must be the name of a General MIDI instrument, such as Violin or Acoustic Grand Piano: "
        f"{name!r} {problem} {', '.join(names)}".rstrip()
    )


def drum_of(pitch: int) -> Drum:
    """Return the drum of a pitch; a drum that is not in a drum set is on the middle line."""
    return _DRUMS.get(pitch, Drum(f"Percussion {pitch}", "B4", "x"))


def drum_named(name: str) -> int | None:
    """Return the pitch of the drum with this English name, with or without hyphens and numbers, or None."""
    return _PLAIN_NAMES.get("".join(filter(str.isalpha, name.lower())))


def drum_at(place: str, notehead: str) -> int | None:
    """Return the pitch of the most usual drum at a staff position, such as F4, with a notehead, or None."""
    return _PLACES.get((place, notehead))


def names_of(tracks: Sequence[Track]) -> list[str]:
    """Return a name for each track: its own, or the family of its instrument, numbered if it would not be unique."""
    names = ["".join(filter(str.isprintable, track.name)).strip() for track in tracks]
    families = ["Drums" if track.is_drum else _FAMILIES[track.program // 8] for track in tracks]
    missing = Counter(family for name, family in zip(names, families, strict=True) if not name)
    seen: Counter[str] = Counter()
    for place, family in enumerate(families):
        if not names[place]:
            seen[family] += 1
            names[place] = f"{family} {seen[family]}" if missing[family] > 1 else family
    return names


def _words(name: str) -> str:
    """Return the words of a name in lower case, without punctuation."""
    return " ".join(re.findall(r"[^\W_]+", name.casefold()))
