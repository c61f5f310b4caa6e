"""Which spans of sampled texts occur in the training set beyond chance, and where."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from seqgen.corpus.split import TRAIN, VALID
from seqgen.evaluation.copying import Library, Work
from seqgen.evaluation.progress import SILENT, Progress
from seqgen.evaluation.run_corpus import RunCorpus
from seqgen.evaluation.text import MAX_TRAINING, NGRAM, first_texts

LONGEST = 100  # characters: longer spans are copies, even if held-out texts have such spans
_HELD_OUT = 200  # held-out texts as long as a sample that are searched for


@dataclass(frozen=True)
class CopiedText:
    """A span of a text that occurs in the training set.

    Attributes:
        begin: its first character in the text, from 0.
        end: the character after its last one.
        text: its characters.
        source: the file in which it occurs first, and the line or row there, as far as they are known.
    """

    begin: int
    end: int
    text: str
    source: dict[str, Any]

    @property
    def length(self) -> int:
        """The number of characters."""
        return len(self.text)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {"begin": self.begin, "end": self.end, "text": self.text, **self.source}


class _Origin(NamedTuple):
    """The origin of a document, and the line of its file at which it begins, None if that is not known."""

    place: dict[str, Any]
    line: int | None


class TextSources:
    """The training set of a run of text, as far as it is searched.

    Args:
        run: the corpus of the run.
        size: number of characters of a sample.
        progress: receives the progress.

    Attributes:
        num_characters: how much of the training set is searched.
        min_length: number of characters from which a span is longer than by chance.

    Raises:
        CorpusError: the training set no longer exists.
    """

    def __init__(self, run: RunCorpus, size: int, progress: Progress = SILENT) -> None:
        self._origins: list[_Origin] = []
        self.num_characters = 0
        with progress.task("reading the training set") as task:
            self._library = Library(self._works(run), task)
        held_out = [Work("", text) for _, text in first_texts(run.documents(VALID), _HELD_OUT * size)]
        self.min_length = self._library.chance_length(held_out, max(1, size), NGRAM, LONGEST)

    def find(self, text: str, begin: int = 0) -> list[CopiedText]:
        """Return the spans of a text after its prime that occur in the training set beyond chance.

        Args:
            text: the text.
            begin: number of characters of the prime.
        """
        return self._found(text, begin, self.min_length)

    def longest(self, text: str) -> list[CopiedText]:
        """Return the longest span that occurs in the training set, if it has at least `NGRAM` characters."""
        found = self._found(text, 0, NGRAM)
        return [max(found, key=lambda copy: copy.length)] if found else []

    def _found(self, text: str, begin: int, min_length: int) -> list[CopiedText]:
        copies = self._library.spans(Work("", text[begin:]), min_length)
        found = []
        for copy in copies:
            first = begin + copy.begin
            span = text[first : first + copy.length]
            if 2 * len("".join(span.split())) < len(span):  # indentation and empty lines are no text
                continue
            indent = len(span) - len(span.lstrip())  # the line is that of the first word
            found.append(CopiedText(first, first + len(span), span, self._source(copy.which, copy.place + indent)))
        return found

    def _works(self, run: RunCorpus) -> Iterator[Work]:
        for document, text in first_texts(run.documents(TRAIN), MAX_TRAINING):
            self._origins.append(_Origin(document.origin, document.line_at(0)))
            self.num_characters += len(text)
            yield Work(document.name, text)

    def _source(self, which: int, place: int) -> dict[str, Any]:
        origin = self._origins[which]
        if origin.line is None:
            return origin.place
        return {**origin.place, "line": origin.line + self._library.num_before("\n", which, place)}
