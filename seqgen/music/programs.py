"""General MIDI numbers of instruments that are known by a name or a code, from the tables of music21."""

from functools import cache
from typing import Any, NamedTuple

from seqgen.music.instruments import drum_named

_MAX_NAME = 60  # characters: music21 looks up every combination of words


class KnownInstrument(NamedTuple):
    """An instrument that has a code in Humdrum; the name of an unknown one is empty."""

    name: str = ""
    program: int = 0
    is_keyboard: bool = False


def program_of_name(name: str) -> int:
    """Return the program of a name such as "Trumpet in C" in one of several languages, or 0 if it is unknown."""
    return _program(_named(name))


def drum_of_name(name: str) -> int | None:
    """Return the pitch of a drum such as "Gran cassa" in one of several languages, or None if it is unknown."""
    pitch = drum_named(name) or getattr(_named(name), "percMapPitch", None)
    return None if pitch is None else int(pitch)


@cache
def _named(name: str) -> Any:
    from music21 import exceptions21, instrument

    try:
        return instrument.fromString(name[:_MAX_NAME])
    except exceptions21.InstrumentException:
        return None


@cache
def program_of_sound(sound: str) -> int | None:
    """Return the program of one of MusicXML's standard sounds, such as "brass.trumpet", or None if it is unknown."""
    from music21 import instrument

    while sound:
        for kind in vars(instrument).values():
            if isinstance(kind, type) and issubclass(kind, instrument.Instrument):
                found: Any = kind()
                if found.instrumentSound == sound and found.midiProgram is not None:
                    return _program(found)
        sound = sound.rpartition(".")[0]  # wind.reed.clarinet.basset is a clarinet
    return None


@cache
def instrument_of_code(code: str) -> KnownInstrument:
    """Return the instrument of a Humdrum code such as "violn"."""
    from music21 import instrument
    from music21.humdrum.instruments import HumdrumInstrumentException, fromHumdrumInstrument

    try:
        found: Any = fromHumdrumInstrument(code)  # type: ignore[no-untyped-call]  # music21 types some functions
    except HumdrumInstrumentException:
        return KnownInstrument()
    is_keyboard = isinstance(found, instrument.KeyboardInstrument | instrument.Organ)
    return KnownInstrument(str(found.instrumentName), _program(found), is_keyboard)


def _program(found: Any) -> int:
    return int(getattr(found, "midiProgram", None) or 0)
