"""kern files -> scores."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

from seqgen.errors import MusicError
from seqgen.music import notices
from seqgen.music.bars import fits
from seqgen.music.decoded_text import decoded_text
from seqgen.music.humdrum_spines import Column, Line, lines_of
from seqgen.music.kern_notes import TICKS, KernNote, notes_of
from seqgen.music.limits import MAX_BARS, endless
from seqgen.music.measures import Measure, WrittenNote, WrittenPart, merged
from seqgen.music.programs import instrument_of_code, program_of_name
from seqgen.music.repeats import PLAIN
from seqgen.music.score import MAX_SHARPS, Bar, Score
from seqgen.music.written_parts import score_from_parts

MAX_CHARACTERS = 2_000_000  # need ten seconds at most
_METRE = re.compile(r"\*M(\d{1,3}(?:\+\d{1,3})*)/(\d{1,3})")
_TEMPO = re.compile(r"\*MM(\d{1,4}(?:\.\d{1,9})?)")
_KEY = re.compile(r"\*k\[(.*)\]")
_NAME = re.compile(r'\*I[":](.+)')
_INSTRUMENT = re.compile(r"\*I([a-z]\w*)")
_PART = re.compile(r"\*(part\d{1,4})")
_LABEL = re.compile(r"\*>([^\[\]]+)")
_EXPANSION = re.compile(r"\*>\[(.*)\]")  # `*>norep[...]` and so on are variants
_ENDS = re.compile(r":[|!]")
_STARTS = re.compile(r"[|!]:")
_DOUBLE = re.compile(r"==|[|!]{2}")

_Kern = Sequence[tuple[Column, str]]  # the fields of a line that are kern


def score_of(data: bytes, grid: int) -> tuple[Score, Counter[str]]:
    """Return the score of a kern file, and how often each change was made on reading it.

    Raises:
        MusicError: the file is damaged, not kern, has no notes, or is too large.
    """
    text = decoded_text(data)
    if len(text) > MAX_CHARACTERS:
        raise MusicError("endless music", f"has {len(text):,} characters, more than {MAX_CHARACTERS:,}")
    reader = _Reader(grid)
    for line in lines_of(text):
        reader.read(line)
    return score_from_parts(reader.parts(), grid, reader.counts), +reader.counts


class _Spine:
    """What was read of a spine: the measures of the file up to the current one, signatures and titles."""

    def __init__(self, num_measures: int) -> None:
        self.bar = Bar()
        self.measures = [Measure(self.bar) for _ in range(num_measures)]
        self.name = ""
        self.instrument = ""
        self.part = ""

    def title(self) -> tuple[str, int]:
        """Return the name and program."""
        known = instrument_of_code(self.instrument)
        return self.name or known.name, known.program if known.name else program_of_name(self.name)

    def shares_part(self, other: "_Spine") -> bool:
        """Return whether both are staves of one instrument."""
        if self.part or other.part:
            return self.part == other.part
        return self.instrument == other.instrument and instrument_of_code(self.instrument).is_keyboard

    def interpret(self, field: str, grid: int, counts: Counter[str]) -> None:
        """Read a signature or a title."""
        if found := _METRE.fullmatch(field):
            bar = self.bar._replace(numerator=sum(map(int, found[1].split("+"))), denominator=int(found[2]))
            if bar.denominator == 0:  # breves
                bar = bar._replace(numerator=2 * bar.numerator, denominator=1)
            if fits(bar, grid):
                self.bar = bar
            else:
                counts[notices.METRE] += 1
        elif found := _KEY.fullmatch(field):
            sharps = found[1].count("#") - found[1].count("-")
            if abs(sharps) <= MAX_SHARPS:
                self.bar = self.bar._replace(sharps=sharps)
        elif found := _NAME.fullmatch(field):
            self.name = found[1].strip("[]")
        elif found := _INSTRUMENT.fullmatch(field):
            self.instrument = found[1]
        elif found := _PART.fullmatch(field):
            self.part = found[1]


class _Reader:
    """Reads the lines of a file in order; times are in ticks."""

    def __init__(self, grid: int) -> None:
        self.counts = Counter[str]()
        self._grid = grid
        self._spines: dict[int, _Spine] = {}
        self._num_measures = 1
        self._start = 0  # of the current measure
        self._now = 0
        self._end = 0  # of the last note or rest
        self._is_empty = True  # the current measure has neither notes nor rests yet
        self._tempo: float | None = None  # from the next note on
        self._label = ""  # of the section that begins with the next note
        self._sections: dict[str, int] = {}  # label -> place of the first measure
        self._expansion: list[str] = []  # labels in the order of playing

    def read(self, line: Line) -> None:
        """Read a line."""
        kern = [(column, field) for column, field in line if column.kind == "**kern"]
        for column, _ in kern:
            if column.spine not in self._spines:
                self._spines[column.spine] = _Spine(self._num_measures)
        kind = line[0][1][:1]
        if kind == "*":
            for column, field in kern:
                self._interpret(self._spines[column.spine], field)
        elif kind == "=":
            self._add_barline(kern)
        else:
            self.counts[notices.SPINE] += sum(field != "." and column.kind != "**kern" for column, field in line)
            self._add_notes(kern)

    def parts(self) -> list[WrittenPart]:
        """Return the parts from the top of the page down, with their measures in the order of playing."""
        self._now = max(self._now, self._end)
        self._end_measure()
        order = self._order()
        parts: list[list[_Spine]] = []
        for spine in reversed(self._spines.values()):
            if parts and parts[-1][-1].shares_part(spine):
                parts[-1].append(spine)
            else:
                parts.append([spine])
        return [
            WrittenPart(merged([[spine.measures[place] for place in order] for spine in staves]), *staves[0].title())
            for staves in parts
        ]

    def _order(self) -> Sequence[int]:
        """Return the places of the measures in the order of the expansion list, which takes the place of repeats."""
        if not self._expansion or not self._sections:
            return range(self._num_measures)
        for spine in self._spines.values():
            for measure in spine.measures:
                measure.signs = PLAIN
        firsts = sorted(set(self._sections.values()))
        stops = dict(pairwise([*firsts, self._num_measures]))
        order = list(range(firsts[0]))
        for label in self._expansion:
            first = self._sections.get(label)
            if first is None:
                self.counts[notices.SECTION] += 1
                continue
            order += range(first, stops[first])
            if len(order) > MAX_BARS:
                raise endless()
        return order

    def _interpret(self, spine: _Spine, field: str) -> None:
        if found := _TEMPO.match(field):
            self._tempo = float(found[1])
        elif found := _EXPANSION.fullmatch(field):
            self._expansion = [label.strip() for label in found[1].split(",")]
        elif found := _LABEL.fullmatch(field):
            self._label = found[1]
        else:
            spine.interpret(field, self._grid, self.counts)

    def _add_barline(self, kern: _Kern) -> None:
        """End a measure and begin another; `:|!` and `!|:` end and begin a repetition, `==` and `||` end a section."""
        if not self._is_empty:
            self._advance(column.end for column, _ in kern if column.end > self._now)
        if self._now > self._start:
            self._begin_measure()
        tokens = " ".join(field for _, field in kern)
        for spine in self._spines.values():
            if _ENDS.search(tokens) and self._num_measures > 1:
                spine.measures[-2].signs = spine.measures[-2].signs._replace(passes=2)
            if _DOUBLE.search(tokens) and self._num_measures > 1:
                spine.measures[-2].ends_section = True
            if _STARTS.search(tokens):
                spine.measures[-1].signs = spine.measures[-1].signs._replace(starts=True)

    def _add_notes(self, kern: _Kern) -> None:
        chords = [(column, notes_of(field)) for column, field in kern if field != "."]
        if any(note.duration for _, chord in chords for note in chord):  # grace notes take no time
            self._begin_notes(kern, [column for column, _ in chords])
        for column, chord in chords:
            for note in chord:
                self._add_note(self._spines[column.spine].measures[-1], note)
                column.end = max(column.end, self._now + (note.duration or 0))
            self._end = max(self._end, column.end)

    def _add_note(self, measure: Measure, note: KernNote) -> None:
        if note.pitch is None:
            self.counts[notices.UNPITCHED] += not note.is_rest
        elif note.duration is None:
            self.counts[notices.GRACE] += 1
        else:
            offset = (self._now - self._start) / TICKS
            measure.notes.append(WrittenNote(offset, note.duration / TICKS, note.pitch, note.ties))

    def _begin_notes(self, kern: _Kern, columns: Sequence[Column]) -> None:
        """Move to the time of a line of notes in these columns, and apply what was read since the last such line."""
        ends = [column.end for column in columns if column.end >= self._now]
        self._advance(ends or [column.end for column, _ in kern if column.end > self._now])
        if self._label:
            if self._now > self._start:
                self._begin_measure()
            self._sections.setdefault(self._label, self._num_measures - 1)
            self._label = ""
        if self._is_empty:
            for spine in self._spines.values():
                spine.measures[-1].bar = spine.bar
            self._is_empty = False
        if self._tempo is not None:
            measure = self._spines[kern[0][0].spine].measures[-1]
            measure.tempos.append(((self._now - self._start) / TICKS, self._tempo))
            self._tempo = None

    def _advance(self, ends: Iterable[int]) -> None:
        """Move to the first of these times; if all is consistent, they are equal except for notes that are held."""
        self._now = min(ends, default=self._now)

    def _begin_measure(self) -> None:
        self._end_measure()
        self._num_measures += 1
        if self._num_measures > MAX_BARS:
            raise endless()
        for spine in self._spines.values():
            spine.measures.append(Measure(spine.bar))
        self._start = self._now
        self._is_empty = True

    def _end_measure(self) -> None:
        for spine in self._spines.values():
            spine.measures[-1].quarters = (self._now - self._start) / TICKS
