"""The staves of a tune (`%%score` and `%%staves` in ABC): which voices share one."""

import re
from collections.abc import Mapping, Sequence

from seqgen.music.measures import WrittenPart, merged

_DIRECTIVE = re.compile(r"(?:score|staves)\s([^%]*)")
_STAFF = re.compile(r"\(([^()]*)\)")
_VOICE = re.compile(r"[^\s|*\[\]{}]+")  # bar lines through staves, floating voices and groups of staves are omitted


def shared_staves(directive: str) -> list[list[str]]:
    """Return the voices of each staff in parentheses, such as 1 and 2 of `score [(1 2) 3]`."""
    found = _DIRECTIVE.match(directive)
    return [_VOICE.findall(staff) for staff in _STAFF.findall(found[1])] if found else []


def on_staves(voices: Mapping[str, WrittenPart], staves: Sequence[Sequence[str]]) -> list[WrittenPart]:
    """Return the voices; those that share a staff become one part, unless their instruments differ.

    Args:
        voices: by their identifiers.
        staves: the identifiers of the voices of each shared staff.
    """
    places = {voice: place for place, staff in enumerate(staves) for voice in staff}
    parts: dict[tuple[int | str, int, bool], list[WrittenPart]] = {}
    for voice, part in voices.items():
        parts.setdefault((places.get(voice, voice), part.program, part.is_drum), []).append(part)
    return [_joined(staff) for staff in parts.values()]


def _joined(voices: Sequence[WrittenPart]) -> WrittenPart:
    names = dict.fromkeys(voice.name for voice in voices if voice.name)
    return voices[0]._replace(measures=merged([voice.measures for voice in voices]), name=", ".join(names))
