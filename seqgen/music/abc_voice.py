"""The notes of one voice in ABC -> written measures."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from seqgen.music import abc_tokens, notices
from seqgen.music.abc_layer import ChordNote, Layer
from seqgen.music.abc_settings import Settings
from seqgen.music.abc_tokens import Token, tokens
from seqgen.music.chord_symbols import resembles_symbol
from seqgen.music.limits import MAX_BARS, endless
from seqgen.music.measures import Measure, WrittenPart
from seqgen.music.repeats import Signs

_NORMAL = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}  # notes of a tuplet -> the number of notes that take the same time
_JUMPS: Mapping[str, Mapping[str, Any]] = {
    "segno": {"segno": True}, "S": {"segno": True}, "coda": {"coda": True}, "O": {"coda": True},
    "dacoda": {"coda": True}, "fine": {"fine": True}, "D.C.": {"jump": "capo"}, "dacapo": {"jump": "capo"},
    "D.S.": {"jump": "segno"},
}  # fmt: skip
_SILENT = {*"012345uv", "", "upbow", "downbow", "open", "thumb", "breath", "editorial", "courtesy"}


class VoiceReader:
    """Reads the measures of a voice, token by token.

    Args:
        settings: what the fields of the header determine.
        counts: updated with the number of changes of each kind.

    Attributes:
        settings: in force after what was read.
        labels: place of a measure -> the label of the part that begins with it.
    """

    def __init__(self, settings: Settings, counts: Counter[str]) -> None:
        self.settings = settings
        self.labels: dict[int, str] = {}
        self._counts = counts
        self._measures: list[Measure] = []
        self._open = Measure(settings.sounding_bar)
        self._brackets: tuple[int, ...] = ()
        self._returns_to_double_bar = False  # as abc2midi does after the first repeat, without the sign of a beginning
        self._layers = [Layer()]
        self._place = 0  # of the current layer
        self._tuplet = (0, 1.0)  # number of events to come, and the factor of their lengths
        self._readers: Mapping[str, Callable[[str], None]] = {
            "note": self._add_note, "chord": self._add_chord, "rest": self._add_rest, "tie": self._add_tie,
            "bars_of_rest": self._add_bars_of_rest, "broken": self._break_rhythm, "tuplet": self._begin_tuplet,
            "bar_line": self._add_bar_line, "overlay": self._begin_overlay, "grace": self._count_grace_notes,
            "text": self._add_text, "mark": self._add_mark, "old_mark": self._add_mark, "short_mark": self._add_mark,
        }  # fmt: skip
        if settings.tempo is not None:
            self._open.tempos.append((0.0, settings.tempo))

    def add(self, token: Token) -> None:
        """Read a token."""
        self._readers[token.kind](token.text)

    def change(self, settings: Settings) -> None:
        """Apply the fields between notes; a new key revokes accidentals."""
        if settings.key != self.settings.key:
            self._layer.revoke_accidentals()
        if settings.tempo is not None and settings.tempo != self.settings.tempo:
            self._open.tempos.append((self._layer.quarters, settings.tempo))
        self.settings = settings
        self._open.bar = settings.sounding_bar

    def begin_part(self, label: str) -> None:
        """Begin a part of the tune, which a P: field names."""
        self._close()
        self.labels[len(self._measures)] = label

    def part(self) -> WrittenPart:
        """Return the measures that have notes or rests."""
        self._close()
        settings = self.settings
        return WrittenPart(self._measures, settings.name, settings.program, is_drum=settings.is_drum)

    @property
    def _layer(self) -> Layer:
        return self._layers[self._place]

    def _add_note(self, text: str) -> None:
        pitch, units = abc_tokens.note(text)
        self._add_event([ChordNote(pitch, units)], units)

    def _add_chord(self, text: str) -> None:
        """Add a chord; the first note determines its length."""
        inside, factor = abc_tokens.chord(text)
        notes: list[ChordNote] = []
        for token in tokens(inside):
            if token.kind == "note":
                notes.append(ChordNote(*abc_tokens.note(token.text)))
            elif token.kind == "tie" and notes:
                notes[-1] = notes[-1]._replace(ties=True)
            elif token.kind in ("text", "mark", "short_mark"):
                self.add(token)
        if notes:
            self._add_event(notes, notes[0].units * factor)

    def _add_rest(self, text: str) -> None:
        self._add_event((), abc_tokens.length(text[1:]))

    def _add_event(self, notes: Sequence[ChordNote], units: float) -> None:
        """Add simultaneous notes; the first of them has this length, in unit lengths."""
        num_left, factor = self._tuplet
        self._tuplet = (num_left - 1, factor) if num_left > 1 else (0, 1.0)
        self._layer.add(notes, 4 * units * float(self.settings.unit_length) * factor, self.settings)
        self._counts[notices.MICROTONE] += sum(note.pitch.is_microtone for note in notes)

    def _add_tie(self, _: str) -> None:
        self._layer.tie()

    def _break_rhythm(self, signs: str) -> None:
        self._layer.break_rhythm(signs)

    def _begin_tuplet(self, text: str) -> None:
        """Begin a tuplet `p:q:r`: p notes in the time of q, for the next r notes."""
        actual, normal, num_events = (int(number or 0) for number in (text + "::").split(":")[:3])
        if actual > 1:
            default = _NORMAL.get(actual) or (3 if self.settings.bar.numerator % 3 == 0 else 2)
            self._tuplet = (num_events or actual, (normal or default) / actual)

    def _begin_overlay(self, _: str) -> None:
        """Return to the beginning of the measure."""
        self._place += 1
        if self._place == len(self._layers):
            self._layers.append(Layer())

    def _add_bars_of_rest(self, text: str) -> None:
        num_bars = int(text or 1)
        if len(self._measures) + num_bars > MAX_BARS:
            raise endless()
        for place in range(num_bars):
            if place:
                self._close()
            self._add_event((), float(self.settings.metre / self.settings.unit_length))

    def _count_grace_notes(self, text: str) -> None:
        self._counts[notices.GRACE] += sum(token.kind == "note" for token in tokens(text))

    def _add_text(self, text: str) -> None:
        """Add a chord symbol; other texts are remarks."""
        if resembles_symbol(text):
            self._open.symbols.append((self._layer.quarters, text))

    def _add_mark(self, text: str) -> None:
        """Add a jump; other decorations are omitted."""
        if text in _JUMPS:
            self._open.signs = self._open.signs._replace(**_JUMPS[text])
        else:
            self._counts[notices.DECORATION] += text not in _SILENT

    def _add_bar_line(self, text: str) -> None:
        self._close()
        line = abc_tokens.bar_line(text)
        if line.passes and self._measures:
            last = self._measures[-1]
            last.signs = last.signs._replace(passes=max(last.signs.passes, line.passes))
        if line.ends_brackets or line.endings:
            self._brackets = line.endings
        if line.ends_brackets and self._measures:
            self._measures[-1].ends_section = True
        is_start = line.starts or (line.ends_brackets and self._returns_to_double_bar)
        self._returns_to_double_bar = not line.starts and (self._returns_to_double_bar or line.passes > 0)
        self._open.signs = self._open.signs._replace(starts=self._open.signs.starts or is_start, endings=self._brackets)

    def _close(self) -> None:
        """End the measure unless it is empty; accidentals end with it."""
        measure, layers = self._open, self._layers
        measure.quarters = max(layer.quarters for layer in layers)
        self._place = 0
        if not measure.quarters:
            self._layer.revoke_accidentals()
            return
        measure.notes = [note for layer in layers for note in layer.notes()]
        self._measures.append(measure)
        self._layers = [Layer(before=layer) for layer in layers if layer.quarters]
        self._open = Measure(self.settings.sounding_bar, signs=Signs(endings=self._brackets))
