"""Tunebooks in ABC -> tunes -> scores, through music21."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from seqgen.errors import MusicError
from seqgen.music.abc_voices import BAR_LINE, BarLine, voices
from seqgen.music.bars import fits
from seqgen.music.music21_streams import decoded_text, quiet
from seqgen.music.score import MAX_SHARPS, Bar, Score
from seqgen.music.written_parts import Measure, WrittenNote, WrittenPart, score_from_parts

MAX_CHARACTERS = 200_000  # of a tune
_MAX_HEAD = 1_000  # characters of the fields before the tunes, which are repeated for each tune
_VERSION = (2, 1, 0)  # of ABC: accidentals hold up to the bar line
_BEGIN = re.compile(r"^(?=X:)", re.MULTILINE)
_FIELDS = re.compile(r"^[A-Za-z]:.*\n", re.MULTILINE)
_TITLE = re.compile(r"^T:(.*)", re.MULTILINE)
_TEMPO = re.compile(r"(?:(\d{1,4})/(\d{1,4})\s*=\s*)?(\d{1,4})(?:\.\d*)?\s*(?:\"|$)")


def tunes(name: str, data: bytes) -> Iterator[tuple[str, str]]:
    """Yield the name and text of each tune of a book; the fields before the first tune apply to all of them.

    A tune begins with an `X:` field; a text without one is a single tune.
    """
    head, *texts = _BEGIN.split(decoded_text(data))
    if not texts:
        yield name, head
    head = "".join(_FIELDS.findall(head))
    if len(head) > _MAX_HEAD:
        head = ""
    for text in texts:
        number = text[2:].partition("\n")[0].strip()[:20]
        title = _TITLE.search(text)
        titled = f" ({' '.join(title[1].split())[:80]})" if title and title[1].strip() else ""
        yield name if len(texts) == 1 else f"{name}, tune {number}{titled}", head + text


def score_of(tune: str, grid: int) -> tuple[Score, Counter[str]]:
    """Return the score of a tune, and how often each change was made on reading it.

    music21 parses notes, keys and durations; its conversion of these to measures would take ten times as long.

    Raises:
        MusicError: the tune has no notes or no key, or is too long.
    """
    if len(tune) > MAX_CHARACTERS:
        raise MusicError("endless music", f"has {len(tune):,} characters: the limit is {MAX_CHARACTERS:,}")
    counts = Counter[str]()
    with quiet():
        parts = [
            WrittenPart(_VoiceReader(grid, counts).measures(voice.text), voice.name) for voice in voices(tune, counts)
        ]
    return score_from_parts(parts, grid, counts), +counts


class _VoiceReader:
    """Reads the measures of a voice."""

    def __init__(self, grid: int, counts: Counter[str]) -> None:
        self._grid = grid
        self._counts = counts
        self._bar = Bar()
        self._brackets: tuple[int, ...] = ()
        self._measures: list[Measure] = []
        self._open = Measure(self._bar)

    def measures(self, text: str) -> list[Measure]:
        """Return the measures that have notes or rests."""
        from music21.abcFormat import ABCHandler, ABCMetadata, ABCNote

        handler = ABCHandler(abcVersion=_VERSION)
        handler.process(text)
        for token in handler.tokens:
            if isinstance(token, ABCMetadata):
                self._add_field(token)
            elif isinstance(token, ABCNote):
                self._add_note(token)
        self._close()
        return self._measures

    def _add_note(self, token: Any) -> None:
        """Append a note, a chord or a rest."""
        tuplet = token.activeTuplet
        duration = float(token.quarterLength) * (float(tuplet.tupletMultiplier()) if tuplet else 1.0)
        ties = token.tie in ("start", "continue")
        for note in getattr(token, "subTokens", [token]):
            if note.pitchName:
                self._open.notes.append(WrittenNote(self._open.quarters, duration, _midi_pitch(note.pitchName), ties))
        self._open.quarters += duration

    def _add_field(self, token: Any) -> None:
        if token.tag == BAR_LINE:
            self._add_bar_line(BarLine.of(token.data))
        elif token.tag == "M":
            numerator, denominator, _ = token.getTimeSignatureParameters()
            bar = self._bar._replace(numerator=numerator, denominator=denominator)
            if fits(bar, self._grid):  # otherwise the measures have their own lengths
                self._bar = bar
        elif token.tag == "K":
            sharps, _ = token.getKeySignatureParameters()
            if abs(sharps) <= MAX_SHARPS:
                self._bar = self._bar._replace(sharps=sharps)
        elif token.tag == "Q":
            self._add_tempo(token.data)
        self._open.bar = self._bar

    def _add_tempo(self, text: str) -> None:
        """Add a tempo such as `1/4=120`; words are ignored."""
        tempo = _TEMPO.search(text)
        if tempo:
            beats, unit, number = tempo.groups()
            quarters = 4 * int(beats) / max(1, int(unit)) if beats else 1.0
            self._open.tempos.append((self._open.quarters, int(number) * quarters))

    def _add_bar_line(self, line: BarLine) -> None:
        self._close()
        if line.passes and self._measures:
            last = self._measures[-1]
            last.signs = last.signs._replace(passes=max(last.signs.passes, line.passes))
        if line.ends_brackets or line.endings:
            self._brackets = _passes(line.endings)
        self._open.signs = self._open.signs._replace(
            starts=self._open.signs.starts or line.starts, endings=self._brackets
        )

    def _close(self) -> None:
        """End the measure unless it is empty."""
        if self._open.quarters:
            self._measures.append(self._open)
            self._open = Measure(self._bar)
            self._open.signs = self._open.signs._replace(endings=self._brackets)


def _passes(endings: str) -> tuple[int, ...]:
    """Return the passes of a bracket: "1,3" is the first and third, "1-3" the first to third."""
    passes: set[int] = set()
    for part in filter(None, re.split(r"[,.]", endings)):
        numbers = [int(number[:2]) for number in part.split("-") if number]
        passes.update(range(min(numbers), max(numbers) + 1) if numbers else ())
    return tuple(sorted(passes))


@lru_cache(maxsize=1024)
def _midi_pitch(name: str) -> int:
    from music21.pitch import Pitch

    return int(Pitch(name).midi)
