"""Detection of a conditional model that ignores its given: many givens get the same output."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from seqgen.evaluation.transcription import Transcript

_MIN_SHARE, _MIN_COUNT = 0.2, 5  # of equal wrong outputs, from which the user is warned
_SHOWN = 60  # characters


@dataclass(frozen=True)
class SameOutput:
    """The wrong output that most givens got; it reveals a model that ignores its given.

    Attributes:
        text: the output.
        count: number of givens that got it although it is none of their references.
        share: their share of all givens of which it is no reference.
    """

    text: str
    count: int
    share: float

    @classmethod
    def of(cls, transcripts: Sequence[Transcript]) -> Self | None:
        """Return the most frequent wrong output, the first of equally frequent ones; None if no output is wrong."""
        wrong = Counter(each.written for each in transcripts if each.written not in each.references)
        if not wrong:
            return None
        text, count = wrong.most_common(1)[0]
        return cls(text, count, count / sum(text not in each.references for each in transcripts))

    @property
    def notes(self) -> list[str]:
        """Warnings for the user."""
        if self.count < _MIN_COUNT or self.share < _MIN_SHARE:
            return []
        shown = f"{self.text[:_SHOWN]!r}{'...' if len(self.text) > _SHOWN else ''}"
        share = f"{self.share:.0%} of the givens with other texts"
        return [f"the model may ignore its given: {share} got the same output {shown}"]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object."""
        return asdict(self)
