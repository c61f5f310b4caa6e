"""Which part of the documents trains and which validates."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from seqgen.corpus.sources import Document

MIN_DOCUMENTS = 20  # with fewer, whole documents cannot make up a given share
SHARE_TOLERANCE = (0.5, 1.5)  # how far the share of characters may be from the one asked for


@dataclass(frozen=True)
class Survey:
    """What one reading of a document tells: its length and a digest of its content."""

    document: Document
    characters: int
    digest: str

    @classmethod
    def of(cls, document: Document) -> "Survey":
        """Read the document through."""
        content = hashlib.blake2b(digest_size=16)
        characters = 0
        for chunk in document.chunks():
            content.update(chunk.encode("utf-8", "surrogatepass"))
            characters += len(chunk)
        return cls(document, characters, content.hexdigest())

    @property
    def lot(self) -> float:
        """A number in [0, 1) that depends on the content alone, so that duplicates share it."""
        return int(self.digest[:12], 16) / 16**12


@dataclass(frozen=True)
class Piece:
    """A document from one character to another; None is its end."""

    survey: Survey
    start: int = 0
    stop: int | None = None

    @property
    def is_ended(self) -> bool:
        """Whether the document's own end is in the piece: a cut is none."""
        return self.stop is None

    @property
    def num_characters(self) -> int:
        """How long the piece is."""
        return (self.survey.characters if self.stop is None else self.stop) - self.start

    def chunks(self) -> Iterator[str]:
        """Yield the text of the piece."""
        position = 0
        for chunk in self.survey.document.chunks():
            wanted = chunk[max(self.start - position, 0) : None if self.stop is None else max(self.stop - position, 0)]
            if wanted:
                yield wanted
            position += len(chunk)
            if self.stop is not None and position >= self.stop:
                return


def split(surveys: Sequence[Survey], valid_fraction: float) -> tuple[list[Piece], list[Piece]]:
    """Return the pieces that train and those that validate.

    Many documents go whole to one side, by their content. Where that cannot come near the share asked for, because
    they are few or of very different lengths, each is cut at a point: a single text of n characters trains on the
    first `int((1 - valid_fraction) * n)`.
    """
    held_back = {survey.digest for survey in surveys if survey.lot < valid_fraction}
    share = sum(s.characters for s in surveys if s.digest in held_back) / sum(s.characters for s in surveys)
    low, high = (factor * valid_fraction for factor in SHARE_TOLERANCE)
    if len({survey.digest for survey in surveys}) >= MIN_DOCUMENTS and low <= share <= high:
        return (
            [Piece(survey) for survey in surveys if survey.digest not in held_back],
            [Piece(survey) for survey in surveys if survey.digest in held_back],
        )
    cuts = [(survey, int((1 - valid_fraction) * survey.characters)) for survey in surveys]
    return [Piece(survey, 0, cut) for survey, cut in cuts if cut], [Piece(survey, cut) for survey, cut in cuts]
