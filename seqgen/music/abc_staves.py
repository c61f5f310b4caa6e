"""The staves of a tune (`%%score` and `%%staves` in ABC): which voices are one part."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from seqgen.music.measures import WrittenPart, merged
from seqgen.music.voices import KEYBOARDS

_DIRECTIVE = re.compile(r"(?:score|staves)\s([^%]*)")
_STAFF = re.compile(r"\(([^()]*)\)")
_BRACE = re.compile(r"\{([^{}]*)\}")
_VOICE = re.compile(r"[^\s|*\[\](){}]+")  # bar lines through staves, floating voices and groups are omitted


class Staves(NamedTuple):
    """The groups of voices; each voice is an identifier.

    Attributes:
        shared: the voices of each staff in parentheses.
        braced: the voices of each group of staves in braces, which belong to one player.
    """

    shared: Sequence[Sequence[str]] = ()
    braced: Sequence[Sequence[str]] = ()


def staves_of(directive: str) -> Staves | None:
    """Return the groups of a directive such as `score {(1 2) 3} 4`, or None if it is another directive."""
    found = _DIRECTIVE.match(directive)
    if not found:
        return None
    shared, braced = ([_VOICE.findall(group) for group in kind.findall(found[1])] for kind in (_STAFF, _BRACE))
    return Staves(shared, braced)


def on_staves(voices: Mapping[str, WrittenPart], staves: Staves) -> list[WrittenPart]:
    """Return the voices as parts.

    The voices of a brace of keyboards become one part, and so do the voices of any other staff, unless their
    instruments differ.

    Args:
        voices: by their identifiers.
        staves: the groups of voices.
    """
    keyboards = [brace for brace in staves.braced if _is_keyboard([voices[name] for name in brace if name in voices])]
    places = {name: place for place, group in enumerate([*staves.shared, *keyboards]) for name in group}
    parts: dict[tuple[int | str, int, bool], list[WrittenPart]] = {}
    for voice, part in voices.items():
        parts.setdefault((places.get(voice, voice), part.program, part.is_drum), []).append(part)
    return [_joined(staff) for staff in parts.values()]


def _is_keyboard(voices: Sequence[WrittenPart]) -> bool:
    """Return whether voices have keyboards as instruments, and no names that differ."""
    names = {voice.name for voice in voices if voice.name}
    return len(names) <= 1 and all(voice.program in KEYBOARDS and not voice.is_drum for voice in voices)


def _joined(voices: Sequence[WrittenPart]) -> WrittenPart:
    names = dict.fromkeys(voice.name for voice in voices if voice.name)
    return voices[0]._replace(measures=merged([voice.measures for voice in voices]), name=", ".join(names))
