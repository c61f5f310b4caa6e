"""What a user should know about the reading of a corpus: how files were read, and what was skipped and why."""

from collections import Counter
from dataclasses import dataclass, field

from seqgen.errors import CorpusError
from seqgen.music import notices
from seqgen.wording import counted

_NUM_EXAMPLES = 20  # of one kind, in the details


class UnusableFileError(CorpusError):
    """A file cannot be used; one of many is skipped and counted.

    Args:
        kind: what the file is, in the singular, such as "binary file".
        message: the error message if it is the only file.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def unreadable(name: str, error: OSError) -> UnusableFileError:
    """Return the error for a file that the operating system cannot read."""
    return UnusableFileError(f"unreadable file ({error.strerror})", f"{name} cannot be read: {error.strerror}")


@dataclass
class _Entry:
    count: int = 0
    examples: list[str] = field(default_factory=list)
    first: str = ""

    def add(self, example: str, count: int = 1) -> None:
        self.count += count
        self.examples += [example] * min(count, _NUM_EXAMPLES - len(self.examples))


@dataclass
class ReadingLog:
    """Collects messages for the user while a corpus is read; its size does not depend on that of the corpus."""

    _notes: dict[str, _Entry] = field(default_factory=dict)
    _skipped: dict[str, _Entry] = field(default_factory=dict)
    _changes: Counter[str] = field(default_factory=Counter)

    def note(self, sentence: str, subject: str = "") -> None:
        """Add a sentence, and the file that it is about."""
        self._notes.setdefault(sentence, _Entry()).add(subject)

    def count(self, kind: str, number: int) -> None:
        """Count changes made while reading; the kind is in the singular, such as "note quantized to the grid"."""
        self._changes[kind] += number

    def skip(self, kind: str, example: str, number: int = 1, reason: str = "") -> None:
        """Count what is skipped.

        Args:
            kind: what it is, in the singular.
            example: its name.
            number: how many there are of this name.
            reason: why, if the kind does not say it; the summary then names the first example.
        """
        example = f"{example}: {reason}" if reason else example
        self._skipped.setdefault(kind, _Entry(first=example if reason else "")).add(example, number)

    def skip_or_raise(self, error: UnusableFileError, *, is_alone: bool) -> None:
        """Count a file that cannot be used, or raise the error if the user named this very file."""
        if is_alone:
            raise error
        self.skip(error.kind, str(error))

    @property
    def skipped(self) -> list[str]:
        """What was skipped, one phrase per kind."""
        return [
            counted(entry.count, kind) + (f", the first is {entry.first}" if entry.first else "")
            for kind, entry in self._skipped.items()
        ]

    @property
    def skipped_in_parentheses(self) -> str:
        """What was skipped, to be appended to a sentence; empty if nothing was."""
        return f" (skipped {'; '.join(self.skipped)})" if self.skipped else ""

    @property
    def summary(self) -> list[str]:
        """The notes, then one line per kind of change, then one line per kind of what was skipped."""
        notes = []
        for sentence, entry in self._notes.items():
            others = f" and {entry.count - 1:,} more" if entry.count > 1 else ""
            notes.append(f"{entry.examples[0]}{others}: {sentence}" if entry.examples[0] else sentence)
        return [*notes, *notices.phrases(self._changes), *(f"skipped {phrase}" for phrase in self.skipped)]

    @property
    def details(self) -> list[str]:
        """The names of what was skipped, the first few of each kind."""
        lines = []
        for kind, entry in self._skipped.items():
            lines += [f"skipped {kind}: {example}" for example in entry.examples]
            if entry.count > len(entry.examples):
                lines.append(f"skipped {kind}: and {entry.count - len(entry.examples)} more")
        return lines
