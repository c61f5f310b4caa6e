"""How well a conditional model writes: exact matches, error rates, BLEU and chrF of its outputs.

Texts are compared as they are: case, accents, Unicode forms and punctuation all count. Whitespace separates words. Only
BLEU and chrF tokenize, as their signatures say.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqgen.evaluation.confidence import MIN_DOCUMENTS, ConfidenceInterval, group_begins, resample
from seqgen.evaluation.nearest import nearest_targets
from seqgen.evaluation.progress import SILENT, Progress

_BLEU_WORDS = 4  # BLEU counts n-grams of up to four words: most references must have some
_FORMATS = {"exact": ".1%", "character_error_rate": ".1%", "word_error_rate": ".1%", "bleu": ".1f", "chrf": ".1f"}

Statistics = NDArray[np.float64]


@dataclass(frozen=True)
class Transcript:
    """What a model wrote for one given.

    Attributes:
        given: the given, or the name of a signal.
        references: the right texts, at least one.
        written: the output of the model.
    """

    given: str
    references: tuple[str, ...]
    written: str

    def __post_init__(self) -> None:
        if not self.references:
            raise ValueError(f"a transcript needs at least one reference, got none for {self.given!r}")


@dataclass(frozen=True)
class Figure:
    """A figure with its confidence interval.

    Attributes:
        value: the figure; None if it is undefined, as the error rate of empty references.
        confidence_interval: bootstrap interval over givens; None if there are fewer than 30.
        signature: how sacrebleu computed it; None for other figures.
    """

    value: float | None
    confidence_interval: ConfidenceInterval | None = None
    signature: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object."""
        content: dict[str, Any] = {"value": self.value}
        if self.confidence_interval is not None:
            content["confidence_interval"] = asdict(self.confidence_interval)
        return content if self.signature is None else {**content, "signature": self.signature}


@dataclass(frozen=True)
class Transcription:
    """How close outputs are to their references.

    Attributes:
        num_givens: number of givens.
        exact: share of outputs that equal a reference.
        character_error_rate: edits (insertions, deletions, substitutions) per character of the reference. The
            reference with the fewest edits counts, of several the longest.
        word_error_rate: the same for words; for phones separated by spaces, this is the phone error rate.
        bleu: BLEU from 0 to 100 with all references (Papineni et al. 2002); None if references have fewer than four
            words on average.
        chrf: chrF from 0 to 100 with the best reference (Popović 2015); None if `bleu` is.
    """

    num_givens: int
    exact: Figure
    character_error_rate: Figure
    word_error_rate: Figure
    bleu: Figure | None = None
    chrf: Figure | None = None

    @property
    def figures(self) -> dict[str, Figure]:
        """The figures by name, without those that are None."""
        named = {name: getattr(self, name) for name in _FORMATS}
        return {name: figure for name, figure in named.items() if figure is not None}

    @property
    def summaries(self) -> dict[str, str]:
        """The figures by name, as text: `6.9% (5.8% to 8.1%)`; - for an undefined figure."""
        return summaries(self.figures)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {"givens": self.num_givens, **{name: figure.to_json() for name, figure in self.figures.items()}}


def measure(transcripts: Sequence[Transcript]) -> Transcription:
    """Compare outputs with their references.

    Raises:
        ValueError: there are no transcripts.
    """
    if not transcripts:
        raise ValueError("a transcription needs at least one transcript, got none")
    return Transcription(len(transcripts), **{name: each.figure() for name, each in _measures(transcripts).items()})


def summaries(figures: Mapping[str, Figure], sign: str = "") -> dict[str, str]:
    """Return figures by name, as text; with the sign "+", positive ones as well have a sign."""
    return {name: _summary(figure, sign + _FORMATS[name]) for name, figure in figures.items()}


def differences(first: Sequence[Transcript], other: Sequence[Transcript]) -> dict[str, Figure]:
    """Return the figures of other outputs for the same givens minus those of the first ones, by name.

    The intervals are bootstraps over the differences of givens.
    """
    others = _measures(other)
    return {name: each.difference(others[name]) for name, each in _measures(first).items()}


def measure_baselines(
    transcripts: Sequence[Transcript], training: Iterable[tuple[str, str]], progress: Progress = SILENT
) -> dict[str, Transcription]:
    """Measure baselines on the same references; the givens must be texts.

    Args:
        transcripts: givens and references; what was written is not used.
        training: pairs of a training given and its target.
        progress: receives the progress.

    Returns:
        `nearest`: the target of the training given with the smallest edit distance (see `nearest_targets`);
        `copied`: the given itself.

    Raises:
        ValueError: there are no transcripts, or no training pairs.
    """
    givens = [each.given for each in transcripts]
    outputs: Mapping[str, list[str]] = {"nearest": nearest_targets(givens, training, progress), "copied": givens}
    return {
        name: measure([replace(each, written=text) for each, text in zip(transcripts, texts, strict=True)])
        for name, texts in outputs.items()
    }


def _summary(figure: Figure, form: str) -> str:
    if figure.value is None:
        return "-"
    interval = figure.confidence_interval
    bounds = "" if interval is None else f" ({interval.low:{form}} to {interval.high:{form}})"
    return f"{figure.value:{form}}{bounds}"


def _num_words(transcripts: Sequence[Transcript]) -> float:
    """Return the mean number of words of the references."""
    return float(np.mean([len(text.split()) for each in transcripts for text in each.references]))


class _Measure(NamedTuple):
    """What a figure and its interval are computed from.

    Attributes:
        statistics: sufficient statistics of each given, shape (givens, statistics).
        score: computes the figure from the sums of the statistics.
        signature: see `Figure`.
    """

    statistics: Statistics
    score: Callable[[Statistics], float | None]
    signature: str | None = None

    def figure(self) -> Figure:
        """Return the figure."""
        return _figure(self._values(), self.signature)

    def difference(self, other: "_Measure") -> Figure:
        """Return the figure of other outputs for the same givens minus this one."""
        pairs = zip(self._values(), other._values(), strict=True)
        values = [None if own is None or theirs is None else theirs - own for own, theirs in pairs]
        return _figure(values, self.signature)

    def _values(self) -> list[float | None]:
        """Return the figure of all givens, then that of each resample of groups of givens."""
        sums = self.statistics.sum(axis=0, keepdims=True)
        if len(self.statistics) >= MIN_DOCUMENTS:
            begins = group_begins(len(self.statistics))
            sums = np.concatenate([sums, resample(len(begins)) @ np.add.reduceat(self.statistics, begins)])
        return list(map(self.score, sums))


def _figure(values: Sequence[float | None], signature: str | None) -> Figure:
    """Return the figure with the value of all givens and the interval of the resamples after it."""
    value, *resampled = values
    known = [each for each in resampled if each is not None]
    interval = ConfidenceInterval.of(known, "givens") if value is not None and known else None
    return Figure(value, interval, signature)


def _measures(transcripts: Sequence[Transcript]) -> dict[str, _Measure]:
    exact = np.array([(each.written in each.references, 1) for each in transcripts], dtype=np.float64)
    measures = {
        "exact": _Measure(exact, _ratio),
        "character_error_rate": _Measure(_edits(transcripts, str), _ratio),
        "word_error_rate": _Measure(_edits(transcripts, str.split), _ratio),
    }
    return measures | (_ngram_measures(transcripts) if _num_words(transcripts) >= _BLEU_WORDS else {})


def _ratio(sums: Statistics) -> float | None:
    return float(sums[0] / sums[1]) if sums[1] else None


def _edits(transcripts: Sequence[Transcript], split: Callable[[str], Sequence[str]]) -> Statistics:
    """Return the edits and the length of the best reference of each given, shape (givens, 2).

    Args:
        transcripts: the transcripts.
        split: returns the units of a text that are edited.
    """
    from rapidfuzz.distance import Levenshtein

    def best(written: Sequence[str], references: Iterable[Sequence[str]]) -> tuple[int, int]:
        found = ((Levenshtein.distance(reference, written), len(reference)) for reference in references)
        return min(found, key=lambda edits: (edits[0], -edits[1]))

    return np.array([best(split(each.written), map(split, each.references)) for each in transcripts], dtype=np.float64)


def _ngram_measures(transcripts: Sequence[Transcript]) -> dict[str, _Measure]:
    """Return BLEU and chrF."""
    from sacrebleu import BLEU, CHRF

    written = [each.written for each in transcripts]
    references = list(zip_longest(*(each.references for each in transcripts)))  # None where a given has fewer

    def measure(metric: BLEU | CHRF) -> _Measure:
        # sacrebleu's own bootstrap works on these methods too, but reports no bounds.
        statistics = np.array(metric._extract_corpus_statistics(written, references), dtype=np.float64)
        signature = str(metric.get_signature())
        return _Measure(
            statistics, lambda sums: float(metric._compute_score_from_stats(sums.tolist()).score), signature
        )

    # force: no warning about texts that are already tokenized
    return {"bleu": measure(BLEU(force=True)), "chrf": measure(CHRF())}
