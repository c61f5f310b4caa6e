"""The sampler: text in, text out, on top of the generator."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from seqgen.config import SamplingConfig
from seqgen.levels.base import Decoder, TextLevel
from seqgen.model.language_model import LanguageModel
from seqgen.sampling.generator import Never, generate

DEFAULT_LENGTH = 500


class Increment(NamedTuple):
    """Text that came new in one sample."""

    stream: int
    text: str


@dataclass
class Sample:
    """What is known of one sample beside its text, so far.

    Attributes:
        seed: with `num_samples` of 1, this seed gives this sample again.
        tokens: how many tokens were drawn, the end token included.
        nats: how unlikely they were together, to the model as it is (without temperature and filters).
    """

    seed: int
    tokens: int = 0
    nats: float = 0.0
    is_finished: bool = False


def begin(config: SamplingConfig) -> list[Sample]:
    """Return samples before their first token, seeds counted up from the one given or from one that is drawn."""
    seed = secrets.randbelow(2**31) if config.seed is None else config.seed
    return [Sample(seed + index) for index in range(config.num_samples)]


@dataclass
class _Writer:
    """Decodes one stream and holds back what may turn out to be the beginning of the stop text."""

    decoder: Decoder
    stop: str | None
    held: str = field(default="", init=False)

    def write(self, text: str) -> tuple[str, bool]:
        """Return the text to release, and whether the stop text has come."""
        self.held += text
        if self.stop is None:
            keep = 0
        elif self.stop in self.held:
            return self.held[: self.held.index(self.stop)], True
        else:
            longest = min(len(self.stop) - 1, len(self.held))
            keep = next(n for n in range(longest, -1, -1) if self.stop.startswith(self.held[len(self.held) - n :]))
        released, self.held = self.held[: len(self.held) - keep], self.held[len(self.held) - keep :]
        return released, False

    def finish(self) -> str:
        """Return what is left at the end of the sample."""
        released, has_stopped = self.write(self.decoder.finish())
        return released if has_stopped else released + self.held


def sample(
    model: LanguageModel,
    level: TextLevel,
    prime: str,
    config: SamplingConfig,
    samples: Sequence[Sample],
    unseen: Sequence[int],
) -> Iterator[Increment]:
    """Write the samples, yielding text as it comes.

    Args:
        model: the language model.
        level: its vocabulary.
        prime: the text that each sample goes on from.
        config: length, temperature, filters and stop text.
        samples: one a stream, with its seed; tokens and nats are counted on the way.
        unseen: ids that are never drawn, as the model has not seen when they come.
    """
    ids = [level.START, *map(int, level.encode(prime))]
    writers = [_Writer(_decoder_after(level, ids), config.stop) for _ in samples]
    constraint = Never(level.vocabulary_size, unseen)
    draws = generate(model, ids, [s.seed for s in samples], config, constraint, "auto")
    for _, draw in zip(range(config.length or DEFAULT_LENGTH), draws, strict=False):
        drawn = zip(samples, writers, draw.ids.tolist(), draw.nats.tolist(), strict=True)
        for index, (written, writer, token, nats) in enumerate(drawn):
            if written.is_finished:
                continue
            written.tokens += 1
            written.nats += nats
            if token == level.END:
                written.is_finished, text = True, writer.finish()
            else:
                text, written.is_finished = writer.write(writer.decoder.feed([token]))
            if text:
                yield Increment(index, text)
        if all(written.is_finished for written in samples):
            return
    for index, (written, writer) in enumerate(zip(samples, writers, strict=True)):
        if not written.is_finished:
            written.is_finished = True
            if text := writer.finish():
                yield Increment(index, text)


def _decoder_after(level: TextLevel, ids: Sequence[int]) -> Decoder:
    """Return a decoder that has read these: what a token stands for may depend on the line it is in."""
    decoder = level.decoder()
    decoder.feed(ids)
    return decoder
