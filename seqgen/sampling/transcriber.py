"""The transcriber: writes the most likely text for each of many givens, on top of beam search."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from seqgen.checkpoint import Checkpoint
from seqgen.config import BEAM_SIZE, GIVEN_LENGTH, GIVEN_LENGTH_PER_TOKEN, SamplingConfig
from seqgen.config.bounds import NUM_SEEDS
from seqgen.encoders.base import Signal, SignalCoding
from seqgen.errors import CorpusError, SignalError, UsageError
from seqgen.levels.base import Coding, Ids, TextLevel
from seqgen.model.ctc import CtcModel
from seqgen.model.language_model import LanguageModel
from seqgen.sampling.beam import BeamConstraint, Hypothesis, search
from seqgen.sampling.beginning import Beginning
from seqgen.sampling.ctc import ctc_search
from seqgen.sampling.fusion import Fusion
from seqgen.sampling.sampler import begin, sample
from seqgen.sampling.whole_characters import WholeCharacters


@dataclass(frozen=True)
class WrittenText:
    """A text that was written from a given.

    Attributes:
        text: the text.
        log_probability: of its tokens.
        tokens: their number, the end token included.
        is_cut: whether it reached the maximum length.
        is_cut_short: whether it ended because the options excluded every token.
    """

    text: str
    log_probability: float
    tokens: int
    is_cut: bool = False
    is_cut_short: bool = False

    @property
    def score(self) -> float:
        """The log-probability per token, by which texts are ranked."""
        return self.log_probability / self.tokens if self.tokens else 0.0


def check_given(checkpoint: Checkpoint, *, is_given: bool) -> None:
    """Check that a model is given something if and only if it was in training.

    Raises:
        UsageError: it is not.
    """
    if checkpoint.given_coding is None and is_given:
        raise UsageError("--given is for models that were trained with --given; this model was not: omit --given")
    if checkpoint.given_coding is not None and not is_given:
        raise UsageError("this model writes one text from another: name the other text with --given")


def default_length(coding: Coding[Any], rows: Ids) -> int:
    """Return the default maximum number of tokens of a text that is written from the rows of a given."""
    return GIVEN_LENGTH + len(rows) * (1 if isinstance(coding, SignalCoding) else GIVEN_LENGTH_PER_TOKEN)


def following(config: SamplingConfig, num_givens: int) -> SamplingConfig:
    """Return the options for the givens after these, whose seeds follow theirs, modulo the number of seeds."""
    if config.seed is None:
        return config
    return replace(config, seed=(config.seed + num_givens * config.num_samples) % NUM_SEEDS)


def is_empty(given: str | Signal) -> bool:
    """Return whether a given is a text of white space."""
    return isinstance(given, str) and not given.strip()


EMPTY = WrittenText("", 0.0, 0)  # of an empty given
_NUM_KEPT = 64  # signals whose vectors are kept: `sample` checks several before it writes their texts


@dataclass(frozen=True)
class Transcriber:
    """A conditional model with its vocabularies.

    Attributes:
        model: the model.
        level: the vocabulary of the texts.
        given_coding: encodes the givens.
        unseen_ids: ids that were never a target in training and are never written.
        fusion: a language model that is added to the scores of the search; None for none.
    """

    model: LanguageModel
    level: TextLevel
    given_coding: TextLevel | SignalCoding
    unseen_ids: Sequence[int]
    fusion: Fusion | None = None
    _vectors: dict[Signal, Ids] = field(default_factory=dict, repr=False, compare=False)  # of signals

    @classmethod
    def of(cls, checkpoint: Checkpoint, model: LanguageModel, fusion: Fusion | None = None) -> "Transcriber":
        """Return the transcriber of a conditional checkpoint and its model.

        Raises:
            UsageError: the model is not conditional.
        """
        if not isinstance(checkpoint.level, TextLevel) or not isinstance(
            checkpoint.given_coding, TextLevel | SignalCoding
        ):
            raise UsageError("--given is for models that write a text from something given")
        return cls(model, checkpoint.level, checkpoint.given_coding, checkpoint.unseen, fusion)

    def rows(self, given: str | Signal) -> Ids:
        """Return the token ids of a text, from the start to the end token, or the vectors of a signal.

        Raises:
            UsageError: the model reads something else.
            CorpusError: a signal cannot be read.
        """
        coding = self.given_coding
        if isinstance(coding, TextLevel):
            if isinstance(given, Signal):
                raise UsageError(f"{given.name} is not text, which this model is given")
            return coding.document(coding.normalise(given))
        if isinstance(given, str):
            raise UsageError(f"this model is given {coding.name}: name a file with --given @FILE, got a text")
        if given not in self._vectors:
            if len(self._vectors) >= _NUM_KEPT:
                self._vectors.clear()
            try:
                self._vectors[given] = coding.document(given.read())
            except SignalError as error:
                raise CorpusError(f"{given.name} {error}") from error
        return self._vectors[given]

    def best(
        self,
        givens: Sequence[str | Signal],
        num_best: int = 1,
        beam_size: int = BEAM_SIZE,
        prime: str = "",
        length: int | None = None,
        progress: Callable[[int], None] = lambda _: None,
    ) -> list[list[WrittenText]]:
        """Return the best texts of each given, best first, see `beam.py`. The text of an empty given is empty.

        A text that was found in several tokenisations has the best of their scores.

        Args:
            givens: texts or signals; each different one is searched once.
            num_best: the number of different texts per given; fewer are returned if fewer were found.
            beam_size: the number of hypotheses per given; at least `num_best` are used.
            prime: the text with which all texts begin.
            length: the maximum number of tokens after the prime; None for the default length of the given.
            progress: receives the number of different givens that were searched, whenever some are finished.

        Raises:
            UsageError or CorpusError: see `rows`.
        """
        different = [given for given in dict.fromkeys(givens) if not is_empty(given)]
        found = self.best_of_rows(list(map(self.rows, different)), num_best, beam_size, prime, length, progress)
        texts = dict(zip(different, found, strict=True))
        return [texts.get(given, [EMPTY]) for given in givens]

    def best_of_rows(
        self,
        givens: Sequence[Ids],
        num_best: int = 1,
        beam_size: int = BEAM_SIZE,
        prime: str = "",
        length: int | None = None,
        progress: Callable[[int], None] = lambda _: None,
    ) -> list[list[WrittenText]]:
        """Return the best texts of what is already encoded, see `best`; prime and length need a decoder."""
        prime = self.level.normalise(prime)
        num_forced = len(self.level.encode(prime))
        limits = [num_forced + (length or default_length(self.given_coding, rows)) for rows in givens]
        beam_size = max(beam_size, num_best)
        if isinstance(self.model, CtcModel):
            texts = ctc_search(
                self.model, givens, self.unseen_ids, beam_size, beam_size, after_batch=progress, fusion=self.fusion
            )
            return [self._different(best)[:num_best] for best in texts]
        found = search(
            self.model,
            givens,
            limits,
            lambda num_left: self._rules(prime, num_left),
            beam_size,
            1 if num_best == 1 else beam_size,  # several may be the same text
            after_batch=progress,
            fusion=self.fusion,
        )
        return [self._different(best)[:num_best] for best in found]

    def write(self, givens: Sequence[str | Signal], config: SamplingConfig) -> list[list[WrittenText]]:
        """Return texts of each given as the options require: the most likely ones, or samples.

        Args:
            givens: texts or signals.
            config: the sampling options. Samples of successive givens have successive seeds, see `following`. A
                minimum length above the maximum length of a given is lowered to it.
        """
        if isinstance(self.model, CtcModel):
            self._refuse_decoder(config)
        if config.is_search:
            beam_size = config.beam_size or BEAM_SIZE
            return self.best(givens, config.num_samples, beam_size, config.prime, config.length)
        config = replace(config, seed=begin(config)[0].seed)
        return [self._sampled(given, following(config, index)) for index, given in enumerate(givens)]

    def _refuse_decoder(self, config: SamplingConfig) -> None:
        """Reject options that a model without a decoder does not have."""
        if not config.is_search:
            raise UsageError("--temperature and other options of sampling need a decoder; this model has none (ctc)")
        for name, value in (("--prime", config.prime), ("--length", config.length)):
            if value:
                raise UsageError(f"{name} needs a decoder; this model has none (ctc)")

    def _sampled(self, given: str | Signal, config: SamplingConfig) -> list[WrittenText]:
        if is_empty(given):
            return [EMPTY] * config.num_samples
        rows, samples = self.rows(given), begin(config)
        texts = [self.level.normalise(config.prime)] * len(samples)
        length = config.length or default_length(self.given_coding, rows)
        config = replace(config, length=length, min_length=min(config.min_length, length))
        written = sample(self.model, self.level, config.prime, config, samples, self.unseen_ids, given_rows=rows)
        for index, text in written:
            texts[index] += text
        return [
            WrittenText(text, -each.nats, each.tokens, each.is_cut, each.is_cut_short)
            for text, each in zip(texts, samples, strict=True)
        ]

    def _rules(self, prime: str, num_left: list[int]) -> BeamConstraint:
        forbidden = [self.level.START, *self.unseen_ids]
        if prime:
            return Beginning(self.level, prime, forbidden, num_left)
        return WholeCharacters(self.level.hexadecimal, self.level.END, forbidden, num_left)

    def _different(self, hypotheses: Sequence[Hypothesis]) -> list[WrittenText]:
        """Return the first hypothesis of each text."""
        texts: dict[str, WrittenText] = {}
        for hypothesis in hypotheses:
            written = self._written(hypothesis)
            texts.setdefault(written.text, written)
        return list(texts.values())

    def _written(self, hypothesis: Hypothesis) -> WrittenText:
        ids = hypothesis.ids if hypothesis.is_cut else hypothesis.ids[:-1]
        text = self.level.decode(ids)
        return WrittenText(text, hypothesis.log_probability, len(hypothesis.ids), hypothesis.is_cut)
