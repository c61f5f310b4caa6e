"""Numbers with their nouns, for messages."""

import re

_AFTER_A_NOUN = (
    "with|without|of|in|that|moved|quantized|left|omitted|short|shorter|shortened|lengthened|inside|outside|within|"
    "beyond|off|cut|on|timed|found"
)


def counted(number: int, kind: str) -> str:
    """Return "1 binary file", "2 binary files", "3 lines without a JSON object"."""
    noun, *rest = re.split(rf"(?= (?:{_AFTER_A_NOUN})\b| \()", kind, maxsplit=1)
    return f"{number:,} {noun}{'' if number == 1 else 's'}{''.join(rest)}"
