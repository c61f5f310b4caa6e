"""The suggester: how a model would continue a text that is being written."""

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch

from seqgen.checkpoint import Checkpoint
from seqgen.config import SamplingConfig
from seqgen.errors import UsageError
from seqgen.levels.base import TextLevel
from seqgen.model.language_model import LanguageModel
from seqgen.sampling.constraint import Never
from seqgen.sampling.generator import NONE, Reading, draws, uniform_numbers
from seqgen.sampling.healing import Healed, Healing, split
from seqgen.sampling.opening import opening_of
from seqgen.sampling.token_index import TokenIndex
from seqgen.sampling.whole_characters import WholeCharacters
from seqgen.writing.next_words import NextWord, NextWords
from seqgen.writing.prefix_reader import PrefixReader
from seqgen.writing.words import without_last_word

_LENGTH = 48  # characters of a continuation, and the maximum number of its tokens
_NUM_WAYS = 16  # in which the last word of the text may be written, for `next_words`
_BREAKS = {"file": "", "line": "\n", "paragraph": "\n\n"}  # between documents


class _Begun(NamedTuple):
    """A text that was read.

    Attributes:
        text: what the model reads of it.
        ids: the tokens before its last word, with START.
        rest: the last word in hexadecimal digits, see `healing.py`.
        reading: the reading of `ids`.
    """

    text: str
    ids: list[int]
    rest: str
    reading: Reading


class Suggester:
    """Suggests continuations; only what has changed since the last call is read again.

    A model of lines or paragraphs reads only the last line or paragraph.

    Args:
        checkpoint: of a model of text.
        model: its model.

    Raises:
        UsageError: the model is for music, or writes from something given.
    """

    def __init__(self, checkpoint: Checkpoint, model: LanguageModel) -> None:
        if not isinstance(checkpoint.level, TextLevel) or checkpoint.given_coding is not None:
            raise UsageError("suggestions need a language model of text")
        self._level = checkpoint.level
        self._model = model
        self._unseen_ids = checkpoint.unseen
        self._break = _BREAKS[checkpoint.config.corpus.document]
        knows_beginnings = checkpoint.knows_beginnings
        self._opening = "" if knows_beginnings else opening_of(model, self._level, self._unseen_ids)
        self._index = TokenIndex(self._level.hexadecimal)
        self._reader = PrefixReader(model)
        self._ids_before_word: list[int] = []
        self._healings: dict[str, Healing] = {}  # by the rest
        self._never = Never(self._level.vocabulary_size, self._unseen_ids)
        self._whole = {  # by the number of tokens that are left; they take 5 ms to create
            num_left: WholeCharacters(self._level.hexadecimal, self._level.END, self._unseen_ids, [num_left])
            for num_left in (_LENGTH - 1, _LENGTH)
        }
        self._next_words = NextWords(self._level, self._unseen_ids)

    @torch.inference_mode()
    def continuation(
        self,
        text: str,
        config: SamplingConfig,
        attempt: int = 0,
        is_outdated: Callable[[], bool] = lambda: False,
    ) -> str:
        """Return some words that follow a text; nothing if the model ends it there.

        Args:
            text: the text, which may end inside a word.
            config: temperature, filters and seed; with the same seed the continuation of a text is the same.
            attempt: the number of continuations of this text that were rejected.
            is_outdated: returns whether the result is no longer needed.

        Raises:
            OutdatedError: it is not.
        """
        begun = self._begun(text, is_outdated)
        seed = np.random.SeedSequence([config.seed or 0, attempt, len(text)]).generate_state(1)
        numbers = uniform_numbers(seed.tolist())
        ids, reading = begun.ids, begun.reading
        if begun.rest:
            healed = self._healing(begun).drawn(next(numbers), config)
            ids, reading = [*ids, *healed.ids[0]], healed.reading
        decoder = self._level.decoder()
        written = decoder.feed(ids)[len(begun.text) :]
        num_left = _LENGTH - bool(written)
        whole = copy(self._whole[num_left])
        whole.select(np.array([0]))  # with arrays of its own
        self._reader.step.state = reading.state
        for draw in islice(draws(self._reader.step, reading.logits, numbers, config, whole), num_left):
            (token,) = draw.ids.tolist()
            if token in (NONE, self._level.END):
                return written + self._break * (token == self._level.END and bool(begun.text or written))
            written += decoder.feed([token])
            if len(written) >= _LENGTH:
                break
        return without_last_word(written)

    @torch.inference_mode()
    def next_words(self, text: str, count: int, is_outdated: Callable[[], bool] = lambda: False) -> list[NextWord]:
        """Return the most likely next words, or rests of the last word of the text, the most likely first.

        Args:
            text: the text, which may end inside a word.
            count: the maximum number of words.
            is_outdated: returns whether the result is no longer needed.

        Raises:
            OutdatedError: it is not.
        """
        begun = self._begun(text, is_outdated)
        ways = Healed([[]], torch.zeros(1), begun.reading)
        if begun.rest:
            ways = self._healing(begun).likeliest(_NUM_WAYS)
        found = self._next_words.after(self._reader.step, ways, len(begun.rest), count)
        return self._decoded(begun, found)

    def _decoded(self, begun: _Begun, found: list[NextWord]) -> list[NextWord]:
        """Return words as they are written at the beginning of a line, where some levels add a space."""
        is_line_start = begun.text.endswith("\n") or not begun.text
        if not is_line_start or self._level.laid_out("a") == "a":
            return found
        return [replace(word, text=word.text.removeprefix(" ")) for word in found]

    def _begun(self, text: str, is_outdated: Callable[[], bool]) -> _Begun:
        level = self._level
        document = text.rpartition(self._break)[2] if self._break else text
        begun = self._opening + level.normalise(document)
        settled, rest = split(level, begun, len(self._opening.rstrip(" ")))
        ids = [level.START, *settled]
        return _Begun(begun, ids, rest, self._reader.read(ids, is_outdated))

    def _healing(self, begun: _Begun) -> Healing:
        """Return the healing of the last word; those of its beginnings are kept while it is typed."""
        if begun.ids != self._ids_before_word:
            self._ids_before_word, self._healings = begun.ids, {}
        if begun.rest not in self._healings:
            beginnings = [rest for rest in self._healings if begun.rest.startswith(rest)]
            before = self._healings[max(beginnings, key=len)] if beginnings else None
            self._healings[begun.rest] = Healing(
                self._reader.step, self._index, begun.reading, begun.rest, lambda _: self._never, before
            )
        return self._healings[begun.rest]
