"""What was read of a corpus, and what was passed over and why."""

import re
from collections import Counter
from dataclasses import dataclass, field

from seqgen.errors import CorpusError

_NAMED = 20  # of one kind, in the details
_BEHIND_A_NOUN = (
    "with|without|of|in|that|moved|quantized|left|omitted|short|shorter|shortened|lengthened|inside|outside|within|beyond|off|cut|"
    "on|timed|found"
)


class UnfitError(CorpusError):
    """A text cannot be used; where it is one of many, it is passed over and counted.

    Args:
        kind: what it is, in the singular, as "binary file".
        message: the sentence where it is the only one.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def unreadable(name: str, error: OSError) -> UnfitError:
    """Return the error for a file that the system does not let be read."""
    return UnfitError(f"unreadable file ({error.strerror})", f"{name} cannot be read: {error.strerror}")


@dataclass
class _Seen:
    count: int = 0
    examples: list[str] = field(default_factory=list)
    first: str = ""

    def add(self, example: str, count: int = 1) -> None:
        self.count += count
        if len(self.examples) < _NAMED:
            self.examples.append(example)


@dataclass
class Reading:
    """Collects what a user should hear about the reading of a corpus."""

    _said: dict[str, _Seen] = field(default_factory=dict)
    _skipped: dict[str, _Seen] = field(default_factory=dict)
    _noticed: Counter[str] = field(default_factory=Counter)

    def say(self, sentence: str, subject: str = "") -> None:
        """Take a sentence, with what it is about."""
        self._said.setdefault(sentence, _Seen()).add(subject)

    def notice(self, kind: str, count: int) -> None:
        """Count what was changed on reading; the kind in the singular, as "note quantized to the grid"."""
        self._noticed[kind] += count

    def skip(self, kind: str, example: str, count: int = 1, reason: str = "") -> None:
        """Count what is passed over.

        Args:
            kind: what it is, in the singular.
            example: which one.
            count: how many there are.
            reason: why, if the kind does not say it; the summary then names the first example.
        """
        example = f"{example}: {reason}" if reason else example
        self._skipped.setdefault(kind, _Seen(first=example if reason else "")).add(example, count)

    def pass_over(self, error: UnfitError, *, is_alone: bool) -> None:
        """Count what cannot be used, or raise the error again where it is all that the user named."""
        if is_alone:
            raise error
        self.skip(error.kind, str(error))

    @property
    def skipped_aside(self) -> str:
        """What was passed over, to be put behind a sentence."""
        return f" (skipped {'; '.join(self.skipped)})" if self.skipped else ""

    @property
    def skipped(self) -> list[str]:
        """What was passed over, one phrase for each kind."""
        return [
            counted(skipped.count, kind) + (f", the first is {skipped.first}" if skipped.first else "")
            for kind, skipped in self._skipped.items()
        ]

    @property
    def summary(self) -> list[str]:
        """The sentences, one line for each kind of what was passed over."""
        said = []
        for sentence, seen in self._said.items():
            others = f" and {seen.count - 1:,} more" if seen.count > 1 else ""
            said.append(f"{seen.examples[0]}{others}: {sentence}" if seen.examples[0] else sentence)
        noticed = [counted(count, kind) for kind, count in self._noticed.items()]
        return [*said, *noticed, *(f"skipped {phrase}" for phrase in self.skipped)]

    @property
    def details(self) -> list[str]:
        """What was passed over by name, the first of each kind."""
        lines = []
        for kind, skipped in self._skipped.items():
            lines += [f"skipped {kind}: {example}" for example in skipped.examples]
            if skipped.count > len(skipped.examples):
                lines.append(f"skipped {kind}: and {skipped.count - len(skipped.examples)} more")
        return lines


def counted(count: int, kind: str) -> str:
    """Return "1 binary file", "2 binary files", "3 lines without a JSON object"."""
    noun, *rest = re.split(rf"(?= (?:{_BEHIND_A_NOUN})\b| \()", kind, maxsplit=1)
    return f"{count:,} {noun}{'' if count == 1 else 's'}{''.join(rest)}"
