"""ABC as people write it -> ABC that music21 can parse: fields and notes, one text per voice."""

import re
from collections import Counter
from fractions import Fraction
from typing import NamedTuple

from seqgen.errors import MusicError
from seqgen.music import notices
from seqgen.music.limits import MAX_BARS, MAX_NUMERATOR, MAX_SILENT_TRACKS, endless, too_many_tracks

BAR_LINE = "E"  # an obsolete field of ABC; it carries the parts of bar lines that music21 misreads
_MAX_FIELDS = 4_000  # of a tune: music21 needs a millisecond for each
_FIELD = re.compile(r"([A-Za-z]):(?![|:])\s*(.*)")
_INLINE_FIELD = re.compile(r"\[([A-Za-z]:[^\[\]]*)\]")
_NAME = re.compile(r'(?:name|nm)\s*=\s*"([^"]*)"')
_BAR_LINE = re.compile(r"(:*)(\[?\|+\]?)(:*)(?:(?:\s*\[)?(\d[\d,.-]*))?|(::+)|\[(\d[\d,.-]*)")
_REMARK = re.compile(r'"[^"]*"|![^!\s]*!|\+[^+\s]*\+|%.*')
_UNCLOSED = re.compile(r"\[(?![|\d])(?=[^\[\]|]*(?:[\[|]|$))")  # a bracket that is not closed
_SIGN = re.compile(r"[HI-WYh-wy~.!`$*+\\]|y\d*|\((?!\d)|\)")  # ornaments and slurs
_GRACE_NOTES = re.compile(r"\{[^{}]*\}")
_OVERLAY = re.compile(r"&[^|]*")
_BARS_OF_REST = re.compile(r"[XZ](\d{0,3})")
_NOTE = re.compile(r"[A-Ga-g]")


class BarLine(NamedTuple):
    """A bar line.

    Attributes:
        passes: how often the section that ends here is played; 0 if none ends.
        starts: whether a repeated section begins.
        ends_brackets: whether the brackets of endings end here.
        endings: the passes of the bracket that begins here, such as "1,2"; empty if no bracket begins.
    """

    passes: int
    starts: bool
    ends_brackets: bool
    endings: str

    @classmethod
    def of(cls, field: str) -> "BarLine":
        """Return the bar line that a field carries."""
        passes, starts, ends_brackets, endings = field.split(";")
        return cls(int(passes), starts == "True", ends_brackets == "True", endings)


class AbcVoice(NamedTuple):
    """One voice of a tune: notes, chords, and the fields of key, metre, tempo, unit length and bar line."""

    name: str
    text: str


def voices(tune: str, counts: Counter[str]) -> list[AbcVoice]:
    """Return the voices of a tune; omitted notes are counted.

    Raises:
        MusicError: the tune has no key, which ABC requires.
    """
    texts = _VoiceTexts(counts)
    for line in tune.split("\n"):
        texts.add(line)
    if texts.is_in_head:
        raise MusicError("text that is no ABC", "is incomplete ABC: it has no K: field, which states the key")
    return texts.voices()


class _VoiceTexts:
    """The text of each voice, extended line by line."""

    def __init__(self, counts: Counter[str]) -> None:
        self.is_in_head = True
        self._counts = counts
        self._head = ""
        self._names: dict[str, str] = {}
        self._texts: dict[str, list[str]] = {}
        self._num_rests = 0
        self._num_fields = 0
        self._voice = ""
        self._metre = Fraction(1)
        self._unit: Fraction | None = None

    def voices(self) -> list[AbcVoice]:
        """Return the voices so far."""
        return [AbcVoice(self._names.get(voice, ""), self._head + "".join(text)) for voice, text in self._texts.items()]

    def add(self, line: str) -> None:
        """Add a line of the tune."""
        if line.startswith("+:"):  # continues the field above
            return
        for piece in _INLINE_FIELD.split(line):
            field = _FIELD.fullmatch(piece.strip())
            if field:
                self._add_field(field[1], field[2].split("%")[0].strip())
            elif not self.is_in_head:
                self._write(self._bar_lines(self._played(piece)))

    def _add_field(self, letter: str, value: str) -> None:
        self._num_fields += 1
        if self._num_fields > _MAX_FIELDS:
            raise MusicError("endless music", f"has more than {_MAX_FIELDS:,} fields, such as metre and key")
        if letter == "V" and value:
            self._add_voice(value)
        elif letter == "M":
            metre = _metre(value)
            if metre:
                self._metre = Fraction(*metre)
            if metre and metre[0] <= MAX_NUMERATOR:
                self._write(f"\nM:{metre[0]}/{metre[1]}\n")
        elif letter == "L":
            unit = _metre(value)
            self._unit = Fraction(*unit) if unit else self._unit
            self._write(f"\nL:{self._unit_length}\n" if unit else "")
        elif letter in "QK":
            self._write(f"\n{letter}:{value}\n")
            if letter == "K" and self.is_in_head:
                self._head += f"L:{self._unit_length}\n"
                self.is_in_head = False

    def _add_voice(self, value: str) -> None:
        """Continue with a voice, and record its name."""
        name = _NAME.search(value)
        voice = value.split()[0]
        if name:
            self._names[voice] = name[1]
        if not self.is_in_head:
            self._voice = voice
        if len(self._texts) > MAX_SILENT_TRACKS:
            raise too_many_tracks(len(self._texts))

    @property
    def _unit_length(self) -> Fraction:
        if self._unit is not None:
            return self._unit
        return Fraction(1, 16) if self._metre < Fraction(3, 4) else Fraction(1, 8)  # the default of ABC

    def _write(self, text: str) -> None:
        if self.is_in_head:
            self._head += text
        else:
            self._texts.setdefault(self._voice, []).append(text)

    def _played(self, piece: str) -> str:
        """Return the part of a line that is played."""
        piece = _REMARK.sub("", piece)
        for grace in _GRACE_NOTES.findall(piece):
            self._counts[notices.GRACE] += len(_NOTE.findall(grace))
        piece, num_overlays = _OVERLAY.subn("", _GRACE_NOTES.sub("", piece))
        self._counts[notices.OVERLAY] += num_overlays
        piece = _BARS_OF_REST.sub(self._bars_of_rest, piece)
        return _SIGN.sub("", _UNCLOSED.sub("", piece)).replace("x", "z")

    def _bars_of_rest(self, rest: re.Match[str]) -> str:
        num_bars = int(rest[1] or 1)
        self._num_rests += num_bars
        if self._num_rests > MAX_BARS:
            raise endless()
        return "|".join([f"z{self._metre / self._unit_length}"] * num_bars)

    def _bar_lines(self, piece: str) -> str:
        return _BAR_LINE.sub(_bar_line, piece) + "\n"


def _bar_line(found: re.Match[str]) -> str:
    """Return a plain bar line, and a field for the rest."""
    before, line, behind, endings, double, bracket = found.groups(default="")
    passes = len(before) + 1 if before else 2 if double else 0
    starts = bool(behind or double)
    ends_brackets = bool(passes or starts or len(line) > 1)
    return f"|\n{BAR_LINE}:{passes};{starts};{ends_brackets};{endings or bracket}\n"


def _metre(value: str) -> tuple[int, int] | None:
    """Return the numerator and denominator of a time signature or unit length, or None."""
    if value in ("C", "C|"):
        return (4, 4) if value == "C" else (2, 2)
    beats, _, unit = value.partition("/")
    numbers = [int(number) for number in re.findall(r"\d{1,4}", beats)]
    denominator = re.match(r"\s*(\d{1,4})", unit)
    if not numbers or not denominator or not sum(numbers) * int(denominator[1]):
        return None
    return sum(numbers), int(denominator[1])
