"""A loss in the units it is reported in: per token, character, byte, word, note or quarter note."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from seqgen.evaluation.likelihood import Likelihood


def _bits(nats: float) -> float:
    return nats / math.log(2)


def _perplexity(nats: float) -> float | None:
    """Return exp(nats); None if it overflows."""
    try:
        return math.exp(nats)
    except OverflowError:
        return None


# The name of the loss per unit, and its value for a number of nats.
_PER: Mapping[str, tuple[str, Callable[[float], float | None]]] = {
    "characters": ("bits_per_character", _bits),
    "bytes": ("bits_per_byte", _bits),
    "words": ("perplexity_per_word", _perplexity),
    "notes": ("nats_per_note", float),
    "quarters": ("nats_per_quarter", float),
}


@dataclass(frozen=True)
class Loss:
    """The loss of one predictor on a text.

    Attributes:
        score: total nats and number of tokens.
        extent: size of the text in the units of its level, such as `{"characters": 555, "bytes": 560}`.
    """

    score: Likelihood
    extent: Mapping[str, float]

    def per(self, unit: str) -> tuple[str, float | None]:
        """Return the name and the value of the loss per unit of `extent`; None if the text has none of these units."""
        name, convert = _PER[unit]
        amount = self.extent[unit]
        return name, convert(self.score.nats / amount) if amount else None

    @property
    def amounts(self) -> dict[str, float]:
        """The size of the text in tokens and in the units of `extent`; whole numbers are int."""
        whole = {unit: int(amount) if amount == int(amount) else amount for unit, amount in self.extent.items()}
        return {"tokens": self.score.tokens, **whole}

    @property
    def by_unit(self) -> dict[str, float | None]:
        """The loss in every unit, by name: `nats_per_token`, `perplexity`, and those of `extent`."""
        nats = self.score.nats_per_token
        return {"nats_per_token": nats, "perplexity": _perplexity(nats), **dict(map(self.per, self.extent))}

    @property
    def summary(self) -> str:
        """The loss per token and in the first unit of `extent`, as text."""
        name, value = self.per(next(iter(self.extent)))
        detail = "" if value is None else f", {value:.4f} {name.replace('_', ' ')}"
        return f"{self.score.nats_per_token:.4f} nats per token{detail}"
