"""A tune in ABC -> its voices: fields, directives and lyrics are separated from notes."""

import re
from collections import Counter

from seqgen.errors import MusicError
from seqgen.music import notices
from seqgen.music.abc_fields import part_order
from seqgen.music.abc_parts import in_order
from seqgen.music.abc_settings import Settings
from seqgen.music.abc_staves import Staves, on_staves, staves_of
from seqgen.music.abc_tokens import tokens
from seqgen.music.abc_voice import VoiceReader
from seqgen.music.limits import MAX_SILENT_TRACKS, too_many_tracks
from seqgen.music.measures import WrittenPart

_FIELD = re.compile(r"([A-Za-z]):(?![|:])\s*(.*)")
_SYLLABLE = re.compile(r"(?:\\-|[^\s*_|-])+")
_ONLY_VOICE = "1"  # of notes before the first V: field


def voices(tune: str, grid: int, counts: Counter[str]) -> list[WrittenPart]:
    """Return the voices of a tune, in the order in which they are declared; what is omitted is counted.

    Voices that share a staff, or the staves of a keyboard, are one part. An empty line ends a tune; text may follow it.

    Raises:
        MusicError: the tune has no key, which ABC requires, or too many voices or parts.
    """
    reader = _TuneReader(grid, counts)
    is_text = False
    for line in tune.split("\n"):
        is_text = line.startswith("%%begin") or (is_text and not line.startswith("%%end"))
        if not is_text:
            reader.add(line)
    return reader.parts()


class _TuneReader:
    """Reads a tune line by line.

    Args:
        grid: steps per quarter note.
        counts: updated with the number of changes of each kind.
    """

    def __init__(self, grid: int, counts: Counter[str]) -> None:
        self._grid = grid
        self._counts = counts
        self._is_in_head = True
        self._has_ended = False
        self._settings = Settings()  # at the beginning of each voice
        self._declarations: dict[str, str] = {}
        self._readers: dict[str, VoiceReader] = {}
        self._current: VoiceReader | None = None
        self._label = ""  # of the part that begins with the next note
        self._order: list[str] = []
        self._staves: Staves | None = None

    def parts(self) -> list[WrittenPart]:
        """Return the voices that have measures, in the order of playing."""
        if self._is_in_head:
            raise MusicError("text that is no ABC", "is incomplete ABC: it has no K: field, which states the key")
        names = dict.fromkeys([*self._declarations, *self._readers])
        readers = {name: self._readers[name] for name in names if name in self._readers}
        parts = [reader.part() for reader in readers.values()]
        labels = {place: label for reader in reversed(readers.values()) for place, label in reader.labels.items()}
        played = in_order(parts, labels, self._order)
        return on_staves(dict(zip(readers, played, strict=True)), self._staves or Staves())

    def add(self, line: str) -> None:
        """Add a line of the tune."""
        field = _FIELD.fullmatch(line.strip())
        self._has_ended |= bool(self._readers) and not line.strip()
        if self._has_ended:
            self._counts[notices.AFTER_END] += "|" in line and not field
        elif line.startswith("%%"):
            self._add_field("I", line[2:])
        elif field:
            self._add_field(field[1], field[2].split("%")[0].strip())
        elif not self._is_in_head and not line.startswith("+:"):  # which continues the field above
            self._add_music(line)

    def _add_music(self, line: str) -> None:
        for token in tokens(line):
            if token.kind == "field":
                self._add_field(token.text[0], token.text[2:].strip())
            elif token.kind != "comment":
                reader = self._current or self._voice(_ONLY_VOICE)
                if self._label and token.kind in ("note", "chord", "rest", "bars_of_rest"):
                    reader.begin_part(self._label)
                    self._label = ""
                reader.add(token)

    def _add_field(self, letter: str, value: str) -> None:
        if letter == "V" and value:
            self._add_voice(value)
        elif letter == "I" and (staves := staves_of(value)):
            self._staves = self._staves or staves
        elif letter == "P":
            if self._is_in_head:
                self._order = part_order(value)
            else:
                self._label = value[:1]
        elif letter == "w" and not self._is_in_head:
            self._counts[notices.LYRIC] += len(_SYLLABLE.findall(value))
        elif self._current:
            self._current.change(self._current.settings.changed(letter, value, self._grid, self._counts))
        else:
            self._settings = self._settings.changed(letter, value, self._grid, self._counts)
            if letter == "K" and self._is_in_head:
                self._settings = self._settings._replace(unit=self._settings.unit_length)
                self._is_in_head = False

    def _add_voice(self, value: str) -> None:
        """Declare a voice and its properties; below the head, continue with it."""
        name, _, properties = value.partition(" ")
        self._declarations[name] = f"{self._declarations.get(name, '')} {properties}"
        if len(self._declarations) > MAX_SILENT_TRACKS:
            raise too_many_tracks(len(self._declarations))
        if self._is_in_head:
            return
        is_known = name in self._readers
        reader = self._voice(name)
        if is_known and properties:
            reader.change(reader.settings.changed("V", properties, self._grid, self._counts))

    def _voice(self, name: str) -> VoiceReader:
        """Continue with a voice."""
        if name not in self._readers:
            settings = self._settings.changed("V", self._declarations.get(name, ""), self._grid, self._counts)
            self._readers[name] = VoiceReader(settings, self._counts)
        self._current = self._readers[name]
        return self._current
