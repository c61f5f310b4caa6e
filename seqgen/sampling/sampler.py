"""The sampler: turns a prime into samples of text, on top of the generator."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from seqgen.config import TEXT_LENGTH, SamplingConfig
from seqgen.levels.base import Decoder, Ids, TextLevel
from seqgen.model.language_model import LanguageModel
from seqgen.model.stepper import PlainStepper
from seqgen.sampling.constraint import All, Constraint, Never
from seqgen.sampling.end_token import EndToken
from seqgen.sampling.generator import NONE, Reading, decode, prefill, uniform_numbers
from seqgen.sampling.healing import Healing, split
from seqgen.sampling.no_repeat import NoRepeat
from seqgen.sampling.opening import opening_of
from seqgen.sampling.stop_texts import StopTexts
from seqgen.sampling.token_index import TokenIndex
from seqgen.sampling.whole_characters import WholeCharacters


class Increment(NamedTuple):
    """New text of one sample."""

    stream: int
    text: str


@dataclass
class Sample:
    """The state of one sample, apart from its text.

    Attributes:
        seed: reproduces this sample with `num_samples` of 1.
        tokens: the number of drawn tokens, including the end token.
        nats: their total negative log-likelihood under the model, without temperature and filters.
        is_finished: whether it is complete.
        is_cut_short: whether it ended because the options excluded every token.
        is_cut: whether it reached the maximum length.
    """

    seed: int
    tokens: int = 0
    nats: float = 0.0
    is_finished: bool = False
    is_cut_short: bool = False
    is_cut: bool = False


def begin(config: SamplingConfig) -> list[Sample]:
    """Return samples before their first token, with consecutive seeds from the given or a random one."""
    seed = first_seed(config)
    return [Sample(seed + index) for index in range(config.num_samples)]


def first_seed(config: SamplingConfig) -> int:
    """Return the seed of the first sample, the given or a random one."""
    return secrets.randbelow(2**31) if config.seed is None else config.seed


class _Writer:
    """Decodes one stream, and decides when it is finished."""

    def __init__(
        self, sample: Sample, decoder: Decoder, config: SamplingConfig, end: int, *, may_be_empty: bool
    ) -> None:
        self.sample = sample
        self._decoder = decoder
        self._stop_texts = StopTexts(config.stop, is_kept=config.keep_stop)
        self._min_length = config.min_length
        self._length = config.length or TEXT_LENGTH
        self._end = end
        self._has_text = may_be_empty

    @property
    def may_end(self) -> bool:
        """Whether the sample is long enough to end by itself, and not empty."""
        return self._has_text and self.sample.tokens >= self._min_length

    def begin(self, text: str, nats: float) -> str:
        """Add the text that the last token of the prime writes after it, and return the text to release."""
        self.sample.nats += nats
        self.sample.tokens += bool(text)
        return self._released(text)

    def take(self, token: int, nats: float) -> str:
        """Add a token, and return the text to release."""
        if token == NONE:
            self.sample.is_finished = self.sample.is_cut_short = True
            return self._stop_texts.held
        self.sample.tokens += 1
        self.sample.nats += nats
        if token == self._end:
            self.sample.is_finished = True
            return self._stop_texts.held
        return self._released(self._decoder.feed([token]))

    def _released(self, text: str) -> str:
        self._has_text = self._has_text or bool(text)
        if self.sample.tokens > self._min_length:  # stop texts that begin earlier are ignored
            text = self._stop_texts.feed(text)
            self.sample.is_finished = self._stop_texts.is_found
        if self.sample.tokens >= self._length and not self.sample.is_finished:
            self.sample.is_finished = self.sample.is_cut = True
            text += self._stop_texts.held
        return text


def sample(
    model: LanguageModel,
    level: TextLevel,
    prime: str,
    config: SamplingConfig,
    samples: Sequence[Sample],
    unseen_ids: Sequence[int],
    *,
    knows_beginnings: bool = True,
    given_rows: Ids | None = None,
) -> Iterator[Increment]:
    """Write the samples, and yield text as soon as it is decoded.

    Args:
        model: the language model.
        level: its vocabulary.
        prime: the text that each sample continues; it may end inside a word.
        config: length, temperature, filters, stop texts and other rules.
        samples: one per stream, with its seed; their tokens and nats are updated.
        unseen_ids: ids that were never a target in training and are never drawn.
        knows_beginnings: whether training has shown enough beginnings of documents; if not, a sample begins like a line
            or a paragraph, see `opening.py`.
        given_rows: what a conditional model is given, encoded; such a model may write an empty text.
    """
    opening = "" if knows_beginnings or given_rows is not None else opening_of(model, level, unseen_ids)
    begun = opening + level.normalise(prime)
    config = replace(config, stop=tuple(map(level.normalise, config.stop)))
    histories, nats, reading, numbers = _begun(
        model, level, begun, len(opening.rstrip(" ")), config, samples, unseen_ids, given_rows
    )
    writers, beginnings = [], []
    for each, history, cost in zip(samples, histories, nats.tolist(), strict=True):
        decoder = level.decoder()
        text = decoder.feed(history)[len(begun) :]
        writers.append(_Writer(each, decoder, config, level.END, may_be_empty=bool(prime) or given_rows is not None))
        beginnings.append(writers[-1].begin(text, cost))
    end_token = EndToken(level.vocabulary_size, level.END, len(samples))
    num_left = [(config.length or TEXT_LENGTH) - each.tokens for each in samples]
    whole = WholeCharacters(level.hexadecimal, level.END, unseen_ids, num_left)
    draws = decode(
        model, reading, numbers, config, All(whole, end_token, *_no_repeat(level, config, histories)), "auto"
    )
    yield from (Increment(index, text) for index, text in enumerate(beginnings) if text)
    while not all(each.is_finished for each in samples):
        end_token.may_end[:] = [writer.may_end for writer in writers]
        ids, costs = (values.tolist() for values in next(draws))
        for index, (writer, token, cost) in enumerate(zip(writers, ids, costs, strict=True)):
            if not writer.sample.is_finished and (text := writer.take(token, cost)):
                yield Increment(index, text)


def _begun(
    model: LanguageModel,
    level: TextLevel,
    text: str,
    num_settled: int,
    config: SamplingConfig,
    samples: Sequence[Sample],
    unseen_ids: Sequence[int],
    given_rows: Ids | None,
) -> tuple[list[list[int]], Tensor, Reading, Iterator[Tensor]]:
    """Read a text; return the tokens of each stream, which write it and possibly more.

    Returns:
        The tokens of each stream, the nats of those that write the last word, the reading, and the random numbers.
    """
    settled, rest = split(level, text, num_settled)
    ids = [level.START, *settled]
    reading, numbers = prefill(model, ids, given_rows), uniform_numbers([each.seed for each in samples])
    if not rest:
        return [ids] * len(samples), torch.zeros(len(samples)), reading.repeat(len(samples)), numbers
    never = Never(level.vocabulary_size, unseen_ids)
    healing = Healing(
        PlainStepper(model, reading.state, reading.memory),
        TokenIndex(level.hexadecimal),
        reading,
        rest,
        lambda added: All(never, *_no_repeat(level, config, [[*ids, *added]])),
    )
    healed = healing.drawn(next(numbers), config)
    return [[*ids, *more] for more in healed.ids], healed.nats, healed.reading, numbers


def _no_repeat(level: TextLevel, config: SamplingConfig, histories: Sequence[Sequence[int]]) -> list[Constraint]:
    return [NoRepeat(config.no_repeat, level.vocabulary_size, histories)] if config.no_repeat else []
