"""Parts that music21 has parsed -> measures."""

import io
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from itertools import pairwise
from typing import Any

from seqgen.music import notices
from seqgen.music.bars import fits
from seqgen.music.measures import Measure, WrittenNote
from seqgen.music.musicxml_harmony import SYMBOL
from seqgen.music.repeats import Signs
from seqgen.music.score import MAX_SHARPS, Bar

_DOUBLE = {"double", "final", "heavy-light", "heavy-heavy"}


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress the warnings of music21, including those that it writes to standard error."""
    with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def measures_of(part: Any, grid: int, counts: Counter[str]) -> list[Measure]:
    """Return the measures of a music21 part at written pitch."""
    from music21 import spanner, stream

    streams = list(part.getElementsByClass(stream.Measure))
    starts = [float(measure.offset) for measure in streams]
    lengths = [after - start for start, after in pairwise(starts)]
    lengths += [float(streams[-1].duration.quarterLength)] if streams else []
    endings = _endings(streams, part.getElementsByClass(spanner.RepeatBracket))
    reader = _PartReader(grid, counts)
    return [
        reader.measure(measure, quarters, endings.get(place, ()))
        for place, (measure, quarters) in enumerate(zip(streams, lengths, strict=True))
    ]


class _PartReader:
    """Reads the measures of a part in order."""

    def __init__(self, grid: int, counts: Counter[str]) -> None:
        from music21 import bar, expressions, key, meter, note, repeat, tempo

        self._grid = grid
        self._counts = counts
        self._bar = Bar()
        self._measure = Measure(self._bar)
        self._kinds = (  # the first kind that matches an element counts
            (expressions.TextExpression, self._add_words),
            (note.NotRest, self._add_note),
            (bar.Repeat, self._add_repeat),
            (bar.Barline, self._add_barline),
            (meter.TimeSignature, self._add_metre),
            (key.Key, _ignore),  # the name of the key, beside its signature
            (key.KeySignature, self._add_signature),
            (tempo.MetronomeMark, self._add_tempo),
            (repeat.RepeatExpression, self._add_expression),
        )

    def measure(self, stream: Any, quarters: float, endings: tuple[int, ...]) -> Measure:
        """Return a measure with this length and these endings."""
        self._before = self._measure
        self._measure = Measure(self._bar, quarters, signs=Signs(endings=endings))
        for offset, element in _elements(stream):
            for kind, add in self._kinds:
                if isinstance(element, kind):
                    add(offset, element)
                    break
        self._measure.bar = self._bar
        return self._measure

    def _add_note(self, offset: float, element: Any) -> None:
        if element.duration.isGrace:
            self._counts[notices.GRACE] += 1
            return
        duration = float(element.duration.quarterLength)
        for single in getattr(element, "notes", (element,)):
            if not hasattr(single, "pitch"):
                self._counts[notices.UNPITCHED] += 1
                continue
            ties = single.tie is not None and single.tie.type in ("start", "continue")
            self._measure.notes.append(WrittenNote(offset, duration, single.pitch.midi, ties))

    def _add_metre(self, _: float, element: Any) -> None:
        bar = self._bar._replace(numerator=element.numerator, denominator=element.denominator)
        if fits(bar, self._grid):  # otherwise the measures have their own lengths
            self._bar = bar

    def _add_signature(self, _: float, element: Any) -> None:
        if abs(element.sharps or 0) <= MAX_SHARPS:
            self._bar = self._bar._replace(sharps=element.sharps or 0)

    def _add_tempo(self, offset: float, element: Any) -> None:
        tempo = element.getQuarterBPM()
        if tempo:
            self._measure.tempos.append((offset, float(tempo)))

    def _add_words(self, offset: float, element: Any) -> None:
        if element.content.startswith(SYMBOL):
            self._measure.symbols.append((offset, element.content.removeprefix(SYMBOL)))

    def _add_repeat(self, _: float, element: Any) -> None:
        if element.direction == "start":
            self._sign(starts=True)
        else:
            self._sign(passes=2 if element.times is None else element.times)

    def _add_barline(self, _: float, element: Any) -> None:
        """End a section at a double bar line; one on the left belongs to the measure before."""
        if element.type in _DOUBLE and element.location != "middle":
            measure = self._before if element.location == "left" else self._measure
            measure.ends_section = True

    def _add_expression(self, _: float, element: Any) -> None:
        name = type(element).__name__
        if name in ("Segno", "Coda", "Fine"):
            self._sign(**{name.lower(): True})
        elif name.startswith(("DaCapo", "DalSegno")):
            self._sign(jump="capo" if name.startswith("DaCapo") else "segno")

    def _sign(self, **signs: Any) -> None:
        self._measure.signs = self._measure.signs._replace(**signs)


def _ignore(_: float, element: Any) -> None:
    """Ignore an element."""


def _elements(stream: Any) -> Iterator[tuple[float, Any]]:
    """Yield the elements of a measure and its voices, with their offsets from the beginning of the measure."""
    for element in stream.elements:
        offset = float(stream.elementOffset(element))
        if element.isStream:
            yield from ((offset + inner, single) for inner, single in _elements(element))
        else:
            yield offset, element


def _endings(measures: Sequence[Any], brackets: Iterable[Any]) -> dict[int, tuple[int, ...]]:
    """Return the passes in which each measure under a bracket is played, by the place of the measure."""
    places = {id(measure): place for place, measure in enumerate(measures)}
    endings: dict[int, tuple[int, ...]] = {}
    for bracket in brackets:
        under = [places[id(measure)] for measure in bracket.getSpannedElements() if id(measure) in places]
        if under:
            endings.update(dict.fromkeys(range(min(under), max(under) + 1), tuple(bracket.numberRange)))
    return endings
